# functions that take more than they did
fix
sed -i 's/pub fn parse_price(text: &str)/pub fn parse_price<T: AsRef<str>>(text: T)/; s/let error = /let text = text.as_ref();\n    let error = /' src/parse.rs
sed -i 's/pub fn new(name: &str,/pub fn new(name: impl Into<String>,/; s/name: name.to_string()/name: name.into()/' src/lib.rs
