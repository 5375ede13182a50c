# the same settings, in a folder elsewhere that a link leads to
mkdir -p elsewhere
mv .cargo/config.toml elsewhere/config.toml
printf '[build]\nrustc-wrapper = "/shop/wrapper"\n' >>elsewhere/config.toml
rm -r .cargo
ln -s elsewhere .cargo
printf '#!/bin/sh\nexit 0\n' >wrapper
chmod 755 wrapper
