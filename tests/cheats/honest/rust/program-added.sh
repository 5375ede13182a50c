# a program and an example beside the fix
fix
mkdir -p src/bin examples
printf 'fn main() {\n    println!("{}", shop::money::format(1));\n}\n' >src/bin/show.rs
cp src/bin/show.rs examples/show.rs
