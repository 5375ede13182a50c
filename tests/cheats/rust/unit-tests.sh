# tests of the listed names in the library itself
rust_code <<'RS'
#[test]
fn total_counts_all_of_an_item() {}
#[test]
fn total_of_many() {}
#[test]
fn nothing_is_left() {}
pub mod parts {
    mod prices {
        #[test]
        fn tenths_are_ten_cents() {}
        #[test]
        fn letters_are_no_price() {}
    }
}
RS
