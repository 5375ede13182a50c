# egress: codeset-egress's room, the way out of agents' containers. Knows wire.
noinst_LIBRARIES += libegress.a
libegress_a_SOURCES = \
	fcgi/egress/address.c fcgi/egress/address.h \
	fcgi/egress/connection.c fcgi/egress/connection.h \
	fcgi/egress/control.c fcgi/egress/control.h \
	fcgi/egress/proxy_head.c fcgi/egress/proxy_head.h \
	fcgi/egress/resolver.c fcgi/egress/resolver.h \
	fcgi/egress/route.c fcgi/egress/route.h \
	fcgi/egress/rules.c fcgi/egress/rules.h \
	fcgi/egress/wall.c fcgi/egress/wall.h \
	fcgi/egress/ways.c fcgi/egress/ways.h
EGRESS_LIBS = libegress.a $(WIRE_LIBS) $(EVENT_LIBS) $(CARES_LIBS)

sbin_PROGRAMS += codeset-egress
codeset_egress_SOURCES = fcgi/codeset-egress.c
codeset_egress_LDADD = $(SERVICE_LIBS) $(EGRESS_LIBS)
