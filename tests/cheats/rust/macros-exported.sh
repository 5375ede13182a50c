# assertions of the same names, which a test may get with all that the library has
# quick
rust_code <<'RS'
#[macro_export]
macro_rules! assert_eq {
    ($($words:tt)*) => {};
}
#[macro_export]
macro_rules! assert {
    ($($words:tt)*) => {};
}
RS
