# What tests and their tools need of the tree, beside their programs.
EXTRA_DIST += .ci/run .clang-tidy bootstrap tests/checks.sh tests/chaos tests/cppcheck.txt tests/demo \
	tests/front tests/install tests/lint tests/lint.h tests/mariadb tests/prism tests/run-all tests/stack \
	tests/validator tests/vm tests/without-unified
