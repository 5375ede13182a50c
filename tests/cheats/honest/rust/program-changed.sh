# the crate's program, which tests start, is another file
# quick
fix
mkdir -p src/bin/shop
sed 's/nth(1)/nth(1).filter(|word| !word.is_empty())/' src/main.rs >src/bin/shop/main.rs
rm src/main.rs
