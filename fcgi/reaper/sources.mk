# reaper: claim, run, expire, settle, await. Knows store, engine, agent_client, wire.
noinst_LIBRARIES += libreaper.a
libreaper_a_SOURCES = \
	fcgi/reaper/await.c fcgi/reaper/await.h \
	fcgi/reaper/daemon.c fcgi/reaper/daemon.h \
	fcgi/reaper/doorbell.c fcgi/reaper/doorbell.h \
	fcgi/reaper/environment.c fcgi/reaper/environment.h \
	fcgi/reaper/grader.c fcgi/reaper/grader.h \
	fcgi/reaper/interactions.c fcgi/reaper/interactions.h \
	fcgi/reaper/outcome.c fcgi/reaper/outcome.h \
	fcgi/reaper/sessions.c fcgi/reaper/sessions.h \
	fcgi/reaper/sweep.c fcgi/reaper/sweep.h \
	fcgi/reaper/verify.c fcgi/reaper/verify.h \
	fcgi/reaper/db_pool.c fcgi/reaper/db_pool.h
# Of the grade room the report paths only: what parses is in codeset-grader.
REAPER_LIBS = libreaper.a libgrade.a $(WIRE_LIBS) $(ENGINE_LIBS) $(AGENT_CLIENT_LIBS) $(STORE_LIBS)

sbin_PROGRAMS += codeset-reaper
codeset_reaper_SOURCES = fcgi/codeset-reaper.c
codeset_reaper_LDADD = $(REAPER_LIBS) $(SYSTEMD_LIBS) -lpthread
