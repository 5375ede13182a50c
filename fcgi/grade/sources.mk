# grade: reports and logs of test runners, test ids, verdict; the archive of reports; archives of agents' results. Pure
# functions, and the program that runs them where nothing else can be done: codeset-grader.
noinst_LIBRARIES += libgrade.a
libgrade_a_SOURCES = \
	fcgi/grade/grade.h \
	fcgi/grade/doctest.c fcgi/grade/dotnet.c fcgi/grade/junit.c fcgi/grade/testng.c \
	fcgi/grade/log_built.c fcgi/grade/log_named.c fcgi/grade/log_projects.c fcgi/grade/log_python.c fcgi/grade/log_script.c \
	fcgi/grade/log_reader.h \
	fcgi/grade/log_names.c fcgi/grade/log_names.h \
	fcgi/grade/logs.c fcgi/grade/logs.h \
	fcgi/grade/looser.c fcgi/grade/looser.h \
	fcgi/grade/mend.c fcgi/grade/mend.h \
	fcgi/grade/names.c fcgi/grade/names.h \
	fcgi/grade/parser.c fcgi/grade/parser.h \
	fcgi/grade/rehearsal.c fcgi/grade/rehearsal.h \
	fcgi/grade/report.c fcgi/grade/report.h \
	fcgi/grade/report_paths.c fcgi/grade/report_paths.h \
	fcgi/grade/reports.c fcgi/grade/reports.h \
	fcgi/grade/restore_rules.c fcgi/grade/restore_rules.h \
	fcgi/grade/request.c fcgi/grade/request.h \
	fcgi/grade/result.c fcgi/grade/result.h \
	fcgi/grade/verdict.c
GRADE_LIBS = libgrade.a libwire.a libbase.a $(ARCHIVE_LIBS) $(ZLIB_LIBS) $(EXPAT_LIBS) $(JSON_LIBS)

# Static where that can be: started for each verdict, and what is not linked can't be misused.
pkglibexec_PROGRAMS += codeset-grader
codeset_grader_SOURCES = fcgi/codeset-grader.c
codeset_grader_LDADD = $(GRADE_LIBS)
if !SANITIZERS
codeset_grader_LDFLAGS = $(HARDEN_LDFLAGS) -static-pie -Wl,--gc-sections
endif
