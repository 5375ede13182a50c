# Kills of the front's parts under load; the stack must be up. tests/chaos/daemon is a script.
check_PROGRAMS += tests/chaos/codeset-chaos
tests_chaos_codeset_chaos_SOURCES = tests/chaos/chaos.c tests/chaos/chaos.h tests/chaos/once.c
tests_chaos_codeset_chaos_CPPFLAGS = $(BLACKBOX_CPPFLAGS) -I$(top_srcdir)/tests/chaos \
	-DSTACK_PATH='"$(abs_top_srcdir)/tests/stack"'
tests_chaos_codeset_chaos_LDADD = $(BLACKBOX_LIBS)
