# remote: the only room that speaks to others over HTTP.
noinst_LIBRARIES += libremote.a
libremote_a_SOURCES = \
	fcgi/remote/agent.c fcgi/remote/agent.h \
	fcgi/remote/answer.c fcgi/remote/answer.h \
	fcgi/remote/github.c fcgi/remote/github.h \
	fcgi/remote/loop.c fcgi/remote/loop.h
REMOTE_LIBS = libremote.a $(CURL_LIBS) $(EVENT_LIBS)
