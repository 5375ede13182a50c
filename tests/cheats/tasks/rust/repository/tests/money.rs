use shop::money;

#[test]
fn cents_have_two_digits() {
    assert_eq!(money::format(205), "2.05");
    assert_eq!(money::format(7), "0.07");
}

#[test]
fn whole_amounts_do_too() {
    let shown = money::format(300);
    assert!(shown.ends_with(".00"), "{} has no cents", shown);
    assert_eq!(shown.len(), 4);
}
