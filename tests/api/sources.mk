# The black-box programs: what they share is libblackbox.a.
EXTRA_DIST += tests/api/make-fixture
noinst_LIBRARIES += libblackbox.a
libblackbox_a_SOURCES = \
	tests/api/check.c tests/api/check.h \
	tests/api/client.c tests/api/client.h \
	tests/api/fixture.c tests/api/fixture.h \
	tests/api/http.c tests/api/http.h \
	tests/api/objects.c \
	tests/api/runner.c tests/api/runner.h
BLACKBOX_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/api \
	-DMAKE_FIXTURE='"$(abs_top_srcdir)/tests/api/make-fixture"'
libblackbox_a_CPPFLAGS = $(BLACKBOX_CPPFLAGS)
BLACKBOX_LIBS = libblackbox.a $(BASE_LIBS) $(CURL_LIBS) $(CUNIT_LIBS) $(ZLIB_LIBS)

check_PROGRAMS += tests/api/codeset-blackbox
tests_api_codeset_blackbox_SOURCES = \
	tests/api/blackbox.c \
	tests/api/suite-billing.c \
	tests/api/suite-credentials.c \
	tests/api/suite-exec.c \
	tests/api/suite-fields.c \
	tests/api/suite-files.c \
	tests/api/suite-health.c \
	tests/api/suite-holds.c \
	tests/api/suite-jobs.c \
	tests/api/suite-once.c \
	tests/api/suite-protocol.c \
	tests/api/suite-samples.c \
	tests/api/suite-sessions.c \
	tests/api/suite-strangers.c \
	tests/api/suite-verify.c
tests_api_codeset_blackbox_CPPFLAGS = $(BLACKBOX_CPPFLAGS)
tests_api_codeset_blackbox_LDADD = $(BLACKBOX_LIBS)
