# grade: JUnit reading, test ids, verdict. Pure functions.
noinst_LIBRARIES += libgrade.a
libgrade_a_SOURCES = \
	fcgi/grade/grade.h \
	fcgi/grade/junit.c \
	fcgi/grade/names.c fcgi/grade/names.h \
	fcgi/grade/report.c fcgi/grade/report.h \
	fcgi/grade/verdict.c
GRADE_LIBS = libgrade.a $(EXPAT_LIBS)
