# github: what is asked of GitHub. Knows outbound.
noinst_LIBRARIES += libgithub.a
libgithub_a_SOURCES = fcgi/github/github.c fcgi/github/github.h \
	fcgi/github/names.c fcgi/github/names.h
GITHUB_LIBS = libgithub.a $(OUTBOUND_LIBS)
