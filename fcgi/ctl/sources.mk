# ctl: a file per command of codesetctl.
sbin_PROGRAMS += codesetctl
codesetctl_SOURCES = fcgi/codesetctl.c
codesetctl_LDADD = libctl.a $(DATASET_LIBS) libbackup.a libroutes.a libreaper.a libgrade.a $(EGRESS_LIBS) $(SERVICE_LIBS) $(ENGINED_LIBS) $(GITHUB_LIBS) $(STORE_LIBS) $(WIRE_LIBS) $(ARCHIVE_LIBS)

noinst_LIBRARIES += libctl.a
libctl_a_SOURCES = \
	fcgi/ctl/agents.c \
	fcgi/ctl/audit_log.c \
	fcgi/ctl/backup.c \
	fcgi/ctl/commands.h \
	fcgi/ctl/completion.c \
	fcgi/ctl/configuration.c \
	fcgi/ctl/ctl.c fcgi/ctl/ctl.h \
	fcgi/ctl/credit.c \
	fcgi/ctl/image_map.c fcgi/ctl/image_map.h \
	fcgi/ctl/image_options.h \
	fcgi/ctl/import_images.c fcgi/ctl/import_images.h \
	fcgi/ctl/planted.c fcgi/ctl/planted.h \
	fcgi/ctl/pull_jobs.c fcgi/ctl/pull_jobs.h \
	fcgi/ctl/doctor.c fcgi/ctl/doctor.h \
	fcgi/ctl/doctor_certificate.c fcgi/ctl/doctor_database.c fcgi/ctl/doctor_egress.c \
	fcgi/ctl/doctor_engine.c fcgi/ctl/doctor_files.c fcgi/ctl/doctor_host.c \
	fcgi/ctl/doctor_limits.c fcgi/ctl/doctor_runtime.c \
	fcgi/ctl/egress_probe.c fcgi/ctl/egress_probe.h \
	fcgi/ctl/engine_probe.c fcgi/ctl/engine_probe.h \
	fcgi/ctl/doctor_services.c \
	fcgi/ctl/image_build.c \
	fcgi/ctl/image_check.c fcgi/ctl/image_pull.c \
	fcgi/ctl/images.c \
	fcgi/ctl/import.c \
	fcgi/ctl/import_batch.c fcgi/ctl/import_batch.h \
	fcgi/ctl/import_check.c fcgi/ctl/import_check.h \
	fcgi/ctl/import_fields.c fcgi/ctl/import_fields.h \
	fcgi/ctl/jobs.c \
	fcgi/ctl/ledger.c \
	fcgi/ctl/line_reader.c fcgi/ctl/line_reader.h \
	fcgi/ctl/nodes.c \
	fcgi/ctl/operator.c fcgi/ctl/operator.h \
	fcgi/ctl/output.c fcgi/ctl/output.h \
	fcgi/ctl/regrade.c \
	fcgi/ctl/sample_line.c fcgi/ctl/sample_line.h fcgi/ctl/sample_line_write.c \
	fcgi/ctl/sample_scripts.c fcgi/ctl/sample_scripts.h \
	fcgi/ctl/sample_trial.c fcgi/ctl/sample_trial.h \
	fcgi/ctl/samples.c \
	fcgi/ctl/schema.c \
	fcgi/ctl/session_log.c \
	fcgi/ctl/session_usage.c \
	fcgi/ctl/sessions.c \
	fcgi/ctl/spelling.c fcgi/ctl/spelling.h \
	fcgi/ctl/status.c fcgi/ctl/status.h \
	fcgi/ctl/stripe.c \
	fcgi/ctl/task_check.c \
	fcgi/ctl/task_folder.c fcgi/ctl/task_folder.h \
	fcgi/ctl/task_init.c \
	fcgi/ctl/trial.c fcgi/ctl/trial.h \
	fcgi/ctl/user_delete.c \
	fcgi/ctl/users.c \
	fcgi/ctl/verifications.c
