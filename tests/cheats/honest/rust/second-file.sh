# the fix is in a file, and in a module with a folder of its own
# quick
fix
mkdir -p src/sums
printf 'mod times;\npub use times::times;\n' >src/sums/mod.rs
printf '/// A product.\npub fn times(a: u32, b: u32) -> u32 {\n    a * b\n}\n' >src/sums/times.rs
sed -i 's/item.price \* item.quantity/sums::times(item.price, item.quantity)/; s/^mod parse;/mod parse;\nmod sums;/' src/lib.rs
