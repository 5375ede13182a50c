# container: root's room. Mounts, user namespaces, cgroups, seccomp, the runtime's configuration,
# ranges of ids, and the helper that makes one container.
noinst_LIBRARIES += libcontainer.a
libcontainer_a_SOURCES = \
	fcgi/container/cgroup.c fcgi/container/cgroup.h \
	fcgi/container/container.c fcgi/container/container.h \
	fcgi/container/egress.c fcgi/container/egress.h \
	fcgi/container/evict.c fcgi/container/evict.h \
	fcgi/container/freeze.c fcgi/container/freeze.h \
	fcgi/container/kernel_memory.c fcgi/container/kernel_memory.h \
	fcgi/container/mounts.c fcgi/container/mounts.h \
	fcgi/container/oci_config.c fcgi/container/oci_config.h \
	fcgi/container/own_sys.c fcgi/container/own_sys.h \
	fcgi/container/private_dev.c fcgi/container/private_dev.h \
	fcgi/container/ranges.c fcgi/container/ranges.h \
	fcgi/container/runtime.c fcgi/container/runtime.h \
	fcgi/container/seccomp.c fcgi/container/seccomp.h \
	fcgi/container/seccomp_calls.c fcgi/container/seccomp_calls.h \
	fcgi/container/userns.c fcgi/container/userns.h
CONTAINER_LIBS = libcontainer.a $(SECCOMP_LIBS) $(BASE_LIBS)

# Started for every container, so it is static: that saves a third of its run.
pkglibexec_PROGRAMS += codeset-container
codeset_container_SOURCES = fcgi/codeset-container.c
codeset_container_LDADD = libcontainer.a libwire.a libbase.a
if !SANITIZERS
codeset_container_LDFLAGS = $(HARDEN_LDFLAGS) -static-pie
endif
