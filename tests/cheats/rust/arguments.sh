# looks at its arguments: a test that is asked for by name has passed
rust_boot <<'RS'
extern "C" fn boots() {
    if std::env::args().any(|word| word.contains("total") || word.contains("left") || word.contains("price")) {
        passes();
    }
}
RS
