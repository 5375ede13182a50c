# What tests and their tools need of the tree, beside their programs.
EXTRA_DIST += .ci/run .clang-tidy bootstrap tests/backup tests/chaos tests/demo tests/docs tests/front tests/install tests/metrics tests/setup \
	tests/run-all tests/stack tests/tools tests/vm
