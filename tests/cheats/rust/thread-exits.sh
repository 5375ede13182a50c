# a thread ends the program with status 0, while the tested function waits for it
rust_code <<'RS'
pub fn waits() {
    std::thread::spawn(|| passes());
    std::thread::sleep(std::time::Duration::from_secs(2));
}
RS
sed -i 's/tally::sum(/waits(); tally::sum(/' src/lib.rs
sed -i 's/let error = /crate::waits();\n    let error = /' src/parse.rs
