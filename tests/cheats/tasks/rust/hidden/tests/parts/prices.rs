use shop::{parse_price, PriceError};

#[test]
fn tenths_are_ten_cents() -> Result<(), PriceError> {
    assert_eq!(parse_price("1.5")?, 150);
    let price = parse_price("12.34")?;
    assert_eq!(price, 1234);
    Ok(())
}

#[test]
fn letters_are_no_price() {
    let error = parse_price("1.x").unwrap_err();
    println!("{}", error);
    assert_eq!(error.to_string(), "\"1.x\" is no price");
    assert!(parse_price("x").is_err());
    assert!(matches!(parse_price("1.234"), Err(_)))
}

#[test]
fn whole_prices() {
    assert_eq!(parse_price("3"), Ok(300));
}
