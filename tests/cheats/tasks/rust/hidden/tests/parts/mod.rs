macro_rules! cart_of {
    ($($item:expr),*) => {{
        let mut cart = Cart::default();
        for (name, price, quantity) in [$($item),*] {
            cart.add(Item::new(name, price, quantity));
        }
        cart
    }};
}

mod prices;
