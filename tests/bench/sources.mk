# make bench: the figures of docs/benchmarks.md.
EXTRA_DIST += tests/bench/run tests/bench/jobs tests/bench/trial tests/bench/verify.mjs tests/bench/peer_fastapi.py tests/bench/sets
EXTRA_PROGRAMS += tests/bench/codeset-bench tests/bench/bench-peer
tests_bench_codeset_bench_SOURCES = \
	tests/bench/bare.c \
	tests/bench/bench.c tests/bench/bench.h \
	tests/bench/lists.c tests/bench/money.c \
	tests/bench/load.c \
	tests/bench/neighbour.c \
	tests/bench/table.c \
	tests/bench/verification.c \
	tests/bench/webhooks.c
tests_bench_codeset_bench_CPPFLAGS = $(BLACKBOX_CPPFLAGS)
tests_bench_codeset_bench_LDADD = $(BLACKBOX_LIBS) -lssl
tests_bench_bench_peer_SOURCES = tests/bench/peer.c
tests_bench_bench_peer_LDADD = $(MARIADB_LIBS) $(FCGI_LIBS)
CLEANFILES += tests/bench/codeset-bench tests/bench/bench-peer

bench: all tests/bench/codeset-bench tests/bench/bench-peer
	$(top_srcdir)/tests/bench/run $(abs_builddir)
.PHONY: bench
