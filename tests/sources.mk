# What tests and their tools need of the tree, beside their programs.
EXTRA_DIST += .ci/run .clang-tidy bootstrap debian tests/backup tests/chaos tests/cheats tests/demo tests/docs tests/egress tests/formats tests/front tests/install tests/jobs tests/metrics tests/setup tests/skeletons \
	tests/run-all tests/stack tests/tools tests/trials tests/vm

# Automake takes folders from the build as well, with objects and programs in them. A release has what
# the tree has.
dist-hook:
	find '$(distdir)' -name __pycache__ -prune -exec rm -rf {} +
	cd '$(distdir)' && find . -type f | while read -r file; do \
	    [ -e "$(abs_top_srcdir)/$$file" ] || rm -f "$$file"; done
	find '$(distdir)' -type d -empty -delete
