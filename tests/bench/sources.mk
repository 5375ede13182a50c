# Benchmarks: `make bench` prints a table of ratios; tests/bench/run says what is measured.
EXTRA_PROGRAMS += tests/bench/bench-latency tests/bench/peer-select
CLEANFILES += tests/bench/bench-latency tests/bench/peer-select
tests_bench_bench_latency_SOURCES = tests/bench/bench-latency.c tests/bench/series.c tests/bench/series.h
tests_bench_bench_latency_LDADD = $(ENGINE_LIBS) $(CURL_LIBS)
tests_bench_peer_select_SOURCES = tests/bench/peer-select.c
tests_bench_peer_select_LDADD = $(BASE_LIBS) $(MARIADB_LIBS) $(FCGI_LIBS)
EXTRA_DIST += tests/bench/run

bench: all tests/bench/bench-latency tests/bench/peer-select
	$(top_srcdir)/tests/bench/run $(abs_builddir)
.PHONY: bench
