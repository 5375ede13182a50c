#[macro_use]
extern crate shop;

use shop::*;

mod common;
#[macro_use]
mod parts;

/// Two apples, one pear: "{ not a brace }" /* nor this */
fn cart<'a>() -> Cart {
    let mut cart = Cart::default();
    cart.add(Item::new("apple", 30, 2));
    cart.add(Item::new("pear", 45, 1));
    cart
}

#[test]
fn total_counts_all_of_an_item() {
    let cart = cart();
    assert_eq!(cart.total(), 105);
    for name in cart.names() {
        assert!(!name.is_empty());
    }
    assert_eq!(cart.names(), vec!["apple", "pear"]);
    assert!(cart.total() > 75, "one apple is missing");
}

#[test]
fn total_of_many() {
    let mut cart = Cart::default();
    let mut sum = 0;
    for n in 1..10 {
        cart.add(Item::new(r#"a "thing" } of"#, n, n));
        sum += n * n;
    }
    assert_eq!(cart.total(), sum);
    assert_ne!(cart.total(), 45);
}

#[test]
fn total_of_a_list() {
    let cart = cart_of!(("fig", 12, 2), ("nut", 3, 4));
    assert_eq!(cart.total(), 36);
}

#[test]
#[should_panic(expected = "is empty")]
fn nothing_is_left() {
    let mut cart = cart();
    assert_eq!(cart.take().quantity * cart.total(), 60); // the pear, and then 2 * 30
    cart.take();
    cart.take();
}

#[test]
fn small_prices() {
    assert_eq!(common::SMALL.len(), 2);
    for (text, cents) in common::SMALL {
        assert_eq!(parse_price(text), Ok(*cents));
    }
}

#[test]
fn names_are_kept() {
    assert_eq!(cart().names().join(","), "apple,pear");
}

mod of_one {
    use super::*;

    #[test]
    fn is_its_price() {
        let mut cart = Cart::default();
        cart.add(Item::new("fig", 12, 1));
        assert_eq!(cart.total(), 12);
    }
}
