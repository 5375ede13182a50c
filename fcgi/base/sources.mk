# base: errors, log, config, buffers, ids, clock, json, crypto, walks through folders. Knows nothing of the domain.
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	fcgi/base/banned.h fcgi/base/cleanup.h \
	fcgi/base/buf.c fcgi/base/buf.h \
	fcgi/base/child.c fcgi/base/child.h \
	fcgi/base/clock.c fcgi/base/clock.h \
	fcgi/base/config.c fcgi/base/config.h \
	fcgi/base/confine.c fcgi/base/confine.h \
	fcgi/base/crypto.c fcgi/base/crypto.h \
	fcgi/base/descriptors.c fcgi/base/descriptors.h \
	fcgi/base/error.c fcgi/base/error.h \
	fcgi/base/file.c fcgi/base/file.h \
	fcgi/base/glob.c fcgi/base/glob.h \
	fcgi/base/id.c fcgi/base/id.h \
	fcgi/base/json.c fcgi/base/json.h \
	fcgi/base/jwt.c fcgi/base/jwt.h \
	fcgi/base/log.c fcgi/base/log.h \
	fcgi/base/mem.c fcgi/base/mem.h \
	fcgi/base/parallel.c fcgi/base/parallel.h \
	fcgi/base/metrics.c fcgi/base/metrics.h \
	fcgi/base/options.c fcgi/base/options.h \
	fcgi/base/random.c fcgi/base/random.h \
	fcgi/base/utf8.c fcgi/base/utf8.h \
	fcgi/base/walk.c fcgi/base/walk.h \
	fcgi/metrics.c fcgi/metrics.h \
	fcgi/settings.c fcgi/settings.h
BASE_LIBS = libbase.a $(JSON_LIBS) $(CRYPTO_LIBS) $(INIH_LIBS)
