# images: the image store.
noinst_LIBRARIES += libimages.a
libimages_a_SOURCES = \
	fcgi/images/archive_files.c fcgi/images/archive_files.h \
	fcgi/images/archive_kind.c fcgi/images/archive_kind.h \
	fcgi/images/decoder.c fcgi/images/decoder.h \
	fcgi/images/extract.c fcgi/images/extract.h \
	fcgi/images/image_store.c fcgi/images/image_store.h \
	fcgi/images/images.c fcgi/images/images.h \
	fcgi/images/import.c \
	fcgi/images/oci_archive.c fcgi/images/oci_archive.h \
	fcgi/images/source.c fcgi/images/source.h \
	fcgi/images/tar_stream.c fcgi/images/tar_stream.h
IMAGES_LIBS = libimages.a $(BASE_LIBS) $(ARCHIVE_LIBS) $(CRYPTO_LIBS)
