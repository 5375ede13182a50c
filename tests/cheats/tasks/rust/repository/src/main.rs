//! Shows a price that is given in cents.

fn main() {
    let cents = std::env::args().nth(1).and_then(|word| word.parse().ok());
    match cents {
        Some(cents) => println!("{}", shop::money::format(cents)),
        None => std::process::exit(2),
    }
}
