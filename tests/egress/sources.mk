# The way out of agents' containers, in a world of network namespaces. As root; tests/egress/run.
check_PROGRAMS += tests/egress/test-egress-proxy

egress_test_sources = tests/egress/guest.c tests/egress/guest.h \
	tests/egress/world.c tests/egress/world.h tests/unit/unit.h

tests_egress_test_egress_proxy_SOURCES = tests/egress/test-egress-proxy.c $(egress_test_sources)
tests_egress_test_egress_proxy_CPPFLAGS = $(AM_CPPFLAGS) -DBUILD_DIR='"$(abs_top_builddir)"'
tests_egress_test_egress_proxy_LDADD = $(EGRESS_LIBS) $(CUNIT_LIBS)
EXTRA_tests_egress_test_egress_proxy_DEPENDENCIES = codeset-egress
