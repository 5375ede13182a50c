# routes: a file per resource of the API.
noinst_LIBRARIES += libroutes.a
libroutes_a_SOURCES = \
	fcgi/routes/agent_jobs.c \
	fcgi/routes/auth.c \
	fcgi/routes/billing.c \
	fcgi/routes/datasets.c \
	fcgi/routes/deposit.c \
	fcgi/routes/doorbell.c fcgi/routes/doorbell.h \
	fcgi/routes/health.c \
	fcgi/routes/interactions.c \
	fcgi/routes/job_results.c \
	fcgi/routes/job_runners.c \
	fcgi/routes/measure.c fcgi/routes/measure.h \
	fcgi/routes/repos.c \
	fcgi/routes/pages.c fcgi/routes/pages.h \
	fcgi/routes/routes.c fcgi/routes/routes.h \
	fcgi/routes/sample_archive.c fcgi/routes/sample_archive.h \
	fcgi/routes/samples.c \
	fcgi/routes/sessions.c \
	fcgi/routes/users.c \
	fcgi/routes/verifications.c \
	fcgi/routes/webhook.c
ROUTES_LIBS = libroutes.a libaccounts.a libwire.a $(GITHUB_LIBS) $(STRIPE_LIBS) $(STORE_LIBS) $(HTTP_LIBS)

sbin_PROGRAMS += codeset-api
codeset_api_SOURCES = fcgi/codeset-api.c
codeset_api_LDADD = $(ROUTES_LIBS)
