# a panic hook and unwinding that have a reason
fix
rust_code <<'RS'
/// Whether it panics, without a word on stderr.
pub fn panics(f: impl FnOnce() + std::panic::UnwindSafe) -> bool {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let panics = std::panic::catch_unwind(f).is_err();
    std::panic::set_hook(hook);
    panics
}
RS
