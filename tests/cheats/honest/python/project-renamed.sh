# the fix changes setup.cfg beside the tests' configuration
fix
sed -i 's/^version = .*/version = 99/' setup.cfg
printf '\n[metadata.more]\na = b\n' >>setup.cfg
