# reaper: kinds of work and the life of containers. Knows store, engine, agent_client, wire.
noinst_LIBRARIES += libreaper.a
libreaper_a_SOURCES = \
	fcgi/reaper/admission.c fcgi/reaper/admission.h \
	fcgi/reaper/await.c fcgi/reaper/await.h \
	fcgi/reaper/billing.c fcgi/reaper/billing.h \
	fcgi/reaper/budget.c fcgi/reaper/budget.h \
	fcgi/reaper/containers.c fcgi/reaper/containers.h \
	fcgi/reaper/context.c fcgi/reaper/context.h \
	fcgi/reaper/db_pool.c fcgi/reaper/db_pool.h \
	fcgi/reaper/diagnosis.c fcgi/reaper/diagnosis.h \
	fcgi/reaper/doorbell.c fcgi/reaper/doorbell.h \
	fcgi/reaper/egress_client.c fcgi/reaper/egress_client.h \
	fcgi/reaper/environment.c fcgi/reaper/environment.h \
	fcgi/reaper/exposition.c fcgi/reaper/exposition.h \
	fcgi/reaper/fair_queue.c fcgi/reaper/fair_queue.h \
	fcgi/reaper/grader.c fcgi/reaper/grader.h \
	fcgi/reaper/grader_process.c fcgi/reaper/grader_process.h \
	fcgi/reaper/heartbeat.c fcgi/reaper/heartbeat.h \
	fcgi/reaper/interaction.h \
	fcgi/reaper/interaction_run.c \
	fcgi/reaper/interactions.c fcgi/reaper/interactions.h \
	fcgi/reaper/job_clone.c fcgi/reaper/job_clone.h \
	fcgi/reaper/job_egress.c \
	fcgi/reaper/job_files.c fcgi/reaper/job_files.h \
	fcgi/reaper/job_log.c fcgi/reaper/job_log.h \
	fcgi/reaper/job_pack.c \
	fcgi/reaper/job_prepare.c \
	fcgi/reaper/job_results.c fcgi/reaper/job_results.h \
	fcgi/reaper/job_run.c \
	fcgi/reaper/job_token.c fcgi/reaper/job_token.h \
	fcgi/reaper/job_watch.c \
	fcgi/reaper/jobs.c fcgi/reaper/jobs.h \
	fcgi/reaper/live_job.h \
	fcgi/reaper/kinds.c fcgi/reaper/kinds.h \
	fcgi/reaper/listings.c fcgi/reaper/listings.h \
	fcgi/reaper/masks.c fcgi/reaper/masks.h \
	fcgi/reaper/outcome.c fcgi/reaper/outcome.h \
	fcgi/reaper/overtime.c fcgi/reaper/overtime.h \
	fcgi/reaper/places.c fcgi/reaper/places.h \
	fcgi/reaper/reconciler.c fcgi/reaper/reconciler.h \
	fcgi/reaper/registry.c fcgi/reaper/registry.h \
	fcgi/reaper/rehearsals.c fcgi/reaper/rehearsals.h \
	fcgi/reaper/result_grader.c fcgi/reaper/result_grader.h \
	fcgi/reaper/rounds.c fcgi/reaper/rounds.h \
	fcgi/reaper/sessions.c fcgi/reaper/sessions.h \
	fcgi/reaper/setup.c fcgi/reaper/setup.h \
	fcgi/reaper/stripe_events.c fcgi/reaper/stripe_events.h \
	fcgi/reaper/usage.c fcgi/reaper/usage.h \
	fcgi/reaper/user_limit.c fcgi/reaper/user_limit.h \
	fcgi/reaper/verification.h \
	fcgi/reaper/verification_blame.c \
	fcgi/reaper/verification_copy.c \
	fcgi/reaper/verification_end.c \
	fcgi/reaper/verification_run.c fcgi/reaper/verification_trial.c \
	fcgi/reaper/verification_verdict.c \
	fcgi/reaper/way_out.c fcgi/reaper/way_out.h \
	fcgi/reaper/verifications.c fcgi/reaper/verifications.h
# Of the grade room the report paths only: what parses is in codeset-grader.
REAPER_LIBS = libreaper.a libgrade.a $(GITHUB_LIBS) $(AGENT_CLIENT_LIBS) $(STRIPE_LIBS) $(STORE_LIBS) $(WIRE_LIBS)

sbin_PROGRAMS += codeset-reaper
codeset_reaper_SOURCES = fcgi/codeset-reaper.c
codeset_reaper_LDADD = $(SERVICE_LIBS) libengine.a $(REAPER_LIBS) -lpthread
