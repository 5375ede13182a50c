# wire: what two programs must agree on, once. Knows base only.
noinst_LIBRARIES += libwire.a
libwire_a_SOURCES = \
	fcgi/wire/account.c fcgi/wire/account.h \
	fcgi/wire/agent_protocol.h \
	fcgi/wire/await.c fcgi/wire/await.h \
	fcgi/wire/container.c fcgi/wire/container.h \
	fcgi/wire/doorbell.c fcgi/wire/doorbell.h \
	fcgi/wire/egress.c fcgi/wire/egress.h \
	fcgi/wire/engined.c fcgi/wire/engined.h \
	fcgi/wire/framework.c fcgi/wire/framework.h \
	fcgi/wire/grader.c fcgi/wire/grader.h \
	fcgi/wire/head.c fcgi/wire/head.h \
	fcgi/wire/pax.c fcgi/wire/pax.h \
	fcgi/wire/profile.c fcgi/wire/profile.h \
	fcgi/wire/result.c fcgi/wire/result.h \
	fcgi/wire/suite_result.c fcgi/wire/suite_result.h
WIRE_LIBS = libwire.a $(BASE_LIBS)
