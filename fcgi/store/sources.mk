# store: all SQL, a file per table family. The only place with SQL or MYSQL_*.
noinst_LIBRARIES += libstore.a
libstore_a_SOURCES = \
	fcgi/store/accounts.c fcgi/store/accounts.h \
	fcgi/store/admission.c fcgi/store/admission.h \
	fcgi/store/agents.c fcgi/store/agents.h \
	fcgi/store/audit.c fcgi/store/audit.h \
	fcgi/store/audit_log.c fcgi/store/audit_log.h \
	fcgi/store/db.c fcgi/store/db.h \
	fcgi/store/catalog.c fcgi/store/catalog.h \
	fcgi/store/claims.c fcgi/store/claims.h \
	fcgi/store/changes.c fcgi/store/changes.h \
	fcgi/store/checkouts.c fcgi/store/checkouts.h \
	fcgi/store/containers.c fcgi/store/containers.h \
	fcgi/store/credit.c fcgi/store/credit.h \
	fcgi/store/credential.c fcgi/store/credential.h \
	fcgi/store/backup.c fcgi/store/backup.h \
	fcgi/store/bulk.c fcgi/store/bulk.h \
	fcgi/store/dump.c fcgi/store/dump.h \
	fcgi/store/erasure.c fcgi/store/erasure.h \
	fcgi/store/identity.c fcgi/store/identity.h \
	fcgi/store/interactions.c fcgi/store/interactions.h \
	fcgi/store/job_claims.c fcgi/store/job_ends.c fcgi/store/job_rows.h fcgi/store/job_uploads.c \
	fcgi/store/jobs.c fcgi/store/jobs.h \
	fcgi/store/ledger.c fcgi/store/ledger.h \
	fcgi/store/numbers.c fcgi/store/numbers.h \
	fcgi/store/once.c fcgi/store/once.h \
	fcgi/store/retention.c fcgi/store/retention.h \
	fcgi/store/runs.c fcgi/store/runs.h \
	fcgi/store/session_claims.c \
	fcgi/store/session_list.c \
	fcgi/store/session_log.c fcgi/store/session_log.h \
	fcgi/store/session_usage.c fcgi/store/session_usage.h \
	fcgi/store/session_rows.h \
	fcgi/store/sessions.c fcgi/store/sessions.h \
	fcgi/store/stripe_events.c fcgi/store/stripe_events.h \
	fcgi/store/verification_reports.c \
	fcgi/store/verifications.c fcgi/store/verifications.h \
	fcgi/store/limits.c fcgi/store/limits.h \
	fcgi/store/metered.c fcgi/store/metered.h \
	fcgi/store/migrate.c fcgi/store/migrate.h \
	fcgi/store/rows.c fcgi/store/rows.h \
	fcgi/store/sample_rows.c fcgi/store/sample_rows.h \
	fcgi/store/sample_add.c fcgi/store/sample_checks.c fcgi/store/sample_checks.h \
	fcgi/store/sample_piece.c fcgi/store/sample_piece.h \
	fcgi/store/samples.c fcgi/store/samples.h \
	fcgi/store/server.c fcgi/store/server.h \
	fcgi/store/settlement.c fcgi/store/settlement.h \
	fcgi/store/status.c fcgi/store/status.h \
	fcgi/store/usage.c fcgi/store/usage.h \
	fcgi/store/users.c fcgi/store/users.h
STORE_LIBS = libstore.a $(MONEY_LIBS) $(WIRE_LIBS) $(MARIADB_LIBS) $(DEFLATE_LIBS) $(ZLIB_LIBS)
