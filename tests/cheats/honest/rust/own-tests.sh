# tests of its own: in the library, beside those that are there, and in their place
# quick
fix
rust_code <<'RS'
#[test]
fn total_of_many() {
    assert!(Cart::default().names().is_empty());
}
RS
printf '#[test]\nfn own() {\n    assert_eq!(shop::money::format(1), "0.01");\n}\n' >tests/own.rs
printf 'mod own;\nthis does not compile\n' >tests/outdated.rs
sed -i 's/205/305/; s/2.05/3.05/' tests/money.rs
