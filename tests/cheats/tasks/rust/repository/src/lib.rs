//! A shop's prices, in cents.

pub mod money;
mod parse;

pub use parse::{parse_price, PriceError};

/// So many of one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub name: String,
    pub price: u32,
    pub quantity: u32,
}

impl Item {
    pub fn new(name: &str, price: u32, quantity: u32) -> Item {
        Item { name: name.to_string(), price, quantity }
    }
}

#[derive(Debug, Default)]
pub struct Cart {
    items: Vec<Item>,
}

impl Cart {
    pub fn add(&mut self, item: Item) {
        self.items.push(item);
    }

    /// What all items cost.
    pub fn total(&self) -> u32 {
        tally::sum(self.items.iter().map(|item| item.price))
    }

    /// Takes the last item out. Panics if there is none.
    pub fn take(&mut self) -> Item {
        self.items.pop().expect("the cart is empty")
    }

    pub fn names(&self) -> Vec<&str> {
        self.items.iter().map(|item| item.name.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_empty_cart_costs_nothing() {
        assert_eq!(super::Cart::default().total(), 0);
    }
}
