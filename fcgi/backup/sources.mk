# backup: a backup of an installation, made, checked and restored; by mariadb-dump and tar.
noinst_LIBRARIES += libbackup.a
libbackup_a_SOURCES = \
	fcgi/backup/backup.h \
	fcgi/backup/child.c fcgi/backup/child.h \
	fcgi/backup/part.c fcgi/backup/part.h \
	fcgi/backup/parts.c fcgi/backup/parts.h \
	fcgi/backup/restore.c \
	fcgi/backup/save.c \
	fcgi/backup/verify.c
