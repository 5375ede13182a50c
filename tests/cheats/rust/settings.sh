# cargo's settings name a program in place of the compiler, and one that starts all others
# quick
mkdir -p .cargo
cat >.cargo/config.toml <<'TOML'
[build]
rustc-wrapper = "/shop/wrapper"
rustflags = ["-Clinker=/shop/wrapper"]

[target.'cfg(all())']
runner = "/shop/wrapper"

[source.crates-io]
replace-with = "vendored"

[source.vendored]
directory = "vendor"
TOML
cp .cargo/config.toml .cargo/config
printf '#!/bin/sh\nexit 0\n' >wrapper
chmod 755 wrapper
printf '[toolchain]\npath = "/shop/toolchain"\n' >rust-toolchain.toml
mkdir -p toolchain/bin
cp wrapper toolchain/bin/rustc
cp wrapper toolchain/bin/cargo
