# a folder of what was built, with programs that only end
mkdir -p target/debug/deps
printf '#!/bin/sh\nexit 0\n' >target/debug/deps/cart-0123456789abcdef
chmod 755 target/debug/deps/cart-0123456789abcdef
cp target/debug/deps/cart-0123456789abcdef target/debug/shop
