//! How prices are shown.

pub fn format(cents: u32) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
