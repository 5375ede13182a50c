# store: all SQL, a file per table family. The only place with SQL or MYSQL_*.
noinst_LIBRARIES += libstore.a
libstore_a_SOURCES = \
	fcgi/store/db.c fcgi/store/db.h
STORE_LIBS = libstore.a $(BASE_LIBS) $(MARIADB_LIBS) $(ZLIB_LIBS)
