# outbound: requests to third parties by HTTPS, with libcurl. Knows base.
noinst_LIBRARIES += liboutbound.a
liboutbound_a_SOURCES = \
	fcgi/outbound/outbound.c fcgi/outbound/outbound.h
OUTBOUND_LIBS = liboutbound.a $(CURL_LIBS)
