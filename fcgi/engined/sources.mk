# engined: starts, stops, lists and measures the containers of this host. Knows container, images.
noinst_LIBRARIES += libengined.a
libengined_a_SOURCES = fcgi/engined/containers.c fcgi/engined/containers.h \
	fcgi/engine/engine.h
ENGINE_LIBS = libengined.a libcontainer.a libimages.a libwire.a $(SECCOMP_LIBS) $(BASE_LIBS) $(ARCHIVE_LIBS) $(EVENT_LIBS)
