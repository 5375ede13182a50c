# Probes inside real sessions; the stack must be up.
check_PROGRAMS += tests/escape/probe tests/escape/codeset-escape

# Runs where there is no library.
tests_escape_probe_SOURCES = tests/escape/probe.c tests/escape/probe_limits.c \
	tests/escape/probe_walls.c tests/escape/probe.h
tests_escape_probe_CFLAGS = -std=gnu11 $(WARN_CFLAGS) -O2
tests_escape_probe_LDFLAGS = -static
tests_escape_probe_LDADD = $(SECCOMP_LIBS)

tests_escape_codeset_escape_SOURCES = \
	tests/escape/escape.c \
	tests/escape/suite-floods.c \
	tests/escape/suite-host.c \
	tests/escape/suite-limits.c \
	tests/escape/suite-paths.c \
	tests/escape/suite-walls.c \
	tests/escape/escape_fixture.c tests/escape/escape_fixture.h
tests_escape_codeset_escape_CPPFLAGS = $(BLACKBOX_CPPFLAGS) \
	-DPROBE_PATH='"$(abs_top_builddir)/tests/escape/probe"'
tests_escape_codeset_escape_LDADD = $(BLACKBOX_LIBS)
