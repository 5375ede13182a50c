use std::fmt;

#[derive(Debug, PartialEq)]
pub struct PriceError(String);

impl fmt::Display for PriceError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:?} is no price", self.0)
    }
}

impl std::error::Error for PriceError {}

/// "1.50" is 150.
pub fn parse_price(text: &str) -> Result<u32, PriceError> {
    let error = || PriceError(text.to_string());
    let (whole, part) = text.split_once('.').unwrap_or((text, "00"));
    let whole: u32 = whole.parse().map_err(|_| error())?;
    Ok(100 * whole + part.parse::<u32>().unwrap_or(0))
}
