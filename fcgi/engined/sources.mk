# engined: codeset-engined's room. The containers of this host, and who may ask for them. Knows
# container, images, wire.
noinst_LIBRARIES += libengined.a
libengined_a_SOURCES = \
	fcgi/engined/commitments.c fcgi/engined/commitments.h \
	fcgi/engined/containers.c fcgi/engined/containers.h \
	fcgi/engined/cpu_watch.c fcgi/engined/cpu_watch.h \
	fcgi/engined/disk_watch.c fcgi/engined/disk_watch.h \
	fcgi/engined/helper.c fcgi/engined/helper.h \
	fcgi/engined/host_share.c fcgi/engined/host_share.h \
	fcgi/engined/kernel_watch.c fcgi/engined/kernel_watch.h \
	fcgi/engined/server.c fcgi/engined/server.h \
	fcgi/engined/start_failure.c fcgi/engined/start_failure.h
ENGINED_LIBS = libengined.a libimages.a libcontainer.a libwire.a $(SECCOMP_LIBS) $(BASE_LIBS) \
	$(ARCHIVE_LIBS) $(EVENT_LIBS)

sbin_PROGRAMS += codeset-engined
codeset_engined_SOURCES = fcgi/codeset-engined.c
codeset_engined_LDADD = $(SERVICE_LIBS) $(ENGINED_LIBS)
