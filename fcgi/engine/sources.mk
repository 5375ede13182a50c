# engine: containers by an OCI runtime, the image store, and the helper that makes one container.
noinst_LIBRARIES += libengine.a
libengine_a_SOURCES = \
	fcgi/engine/cgroup.c fcgi/engine/cgroup.h \
	fcgi/engine/container.c fcgi/engine/container.h \
	fcgi/engine/engine.c fcgi/engine/engine.h \
	fcgi/engine/image_extract.c fcgi/engine/image_extract.h \
	fcgi/engine/image_import.c \
	fcgi/engine/image_oci.c fcgi/engine/image_oci.h \
	fcgi/engine/image_store.c fcgi/engine/image_store.h \
	fcgi/engine/images.c fcgi/engine/images.h \
	fcgi/engine/mounts.c fcgi/engine/mounts.h \
	fcgi/engine/oci_config.c fcgi/engine/oci_config.h \
	fcgi/engine/ranges.c fcgi/engine/ranges.h \
	fcgi/engine/seccomp.c fcgi/engine/seccomp.h \
	fcgi/engine/userns.c fcgi/engine/userns.h
ENGINE_LIBS = libengine.a $(SECCOMP_LIBS) $(BASE_LIBS) $(ARCHIVE_LIBS) $(EVENT_LIBS)

# Started for every container, so it is static: that saves a third of its run.
pkglibexec_PROGRAMS += codeset-container
codeset_container_SOURCES = fcgi/codeset-container.c
codeset_container_LDADD = libengine.a libbase.a
if !SANITIZERS
codeset_container_LDFLAGS = $(AM_LDFLAGS) -static-pie
endif
