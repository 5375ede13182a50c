//! Sums.

/// The sum of all.
pub fn sum(numbers: impl IntoIterator<Item = u32>) -> u32 {
    numbers.into_iter().sum()
}
