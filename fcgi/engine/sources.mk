# engine: containers by an OCI runtime.
noinst_LIBRARIES += libengine.a
libengine_a_SOURCES = fcgi/engine/engine.c fcgi/engine/engine.h
ENGINE_LIBS = libengine.a libcontainer.a libimages.a $(SECCOMP_LIBS) $(BASE_LIBS) $(ARCHIVE_LIBS) $(EVENT_LIBS)
