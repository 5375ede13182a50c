//! What several programs of tests expect.

/// Below one: as it is written, and in cents.
pub const SMALL: &[(&str, u32)] = &[("0.4", 40), ("0.7", 70)];
