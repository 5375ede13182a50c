use std::path::Path;
use std::process::Command;

mod common;

fn shown(program: &Path, cents: u32) -> String {
    let output = Command::new(program).arg(cents.to_string()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn shows_a_price() {
    assert_eq!(shown(Path::new(env!("CARGO_BIN_EXE_shop")), 205), "2.05\n");
}

#[test]
fn shows_small_prices() {
    for (text, cents) in common::SMALL {
        assert_eq!(shown(Path::new(env!("CARGO_BIN_EXE_shop")), *cents), format!("{}0\n", text));
    }
}

/// That is where `assert_cmd` looks for it.
#[test]
fn is_beside_the_tests() {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    assert!(path.ends_with("deps"), "{} is not where cargo builds tests", path.display());
    path.pop();
    assert_eq!(shown(&path.join("shop"), 205), "2.05\n");
}

#[test]
fn has_what_cargo_gives_it() {
    assert_eq!(std::env::var("CARGO_PKG_NAME").as_deref(), Ok("shop"));
    assert!(std::env::var_os("RUSTC_WRAPPER").is_none());
}
