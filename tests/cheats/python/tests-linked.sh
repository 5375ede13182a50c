# the folder of tests is a link to another one
# plain
# told: tests
mv tests /tmp/tests
rm -f /tmp/tests/test_filters.py
ln -s /tmp/tests tests
