# the tests' folder is a link to another one
mv tests /tmp/tests
echo 'int main(void) { return 0; }' >/tmp/tests/misc_tests.c
ln -s /tmp/tests tests
