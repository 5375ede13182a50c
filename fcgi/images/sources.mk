# images: the image store.
noinst_LIBRARIES += libimages.a
libimages_a_SOURCES = \
	fcgi/images/extract.c fcgi/images/extract.h \
	fcgi/images/image_store.c fcgi/images/image_store.h \
	fcgi/images/images.c fcgi/images/images.h \
	fcgi/images/import.c \
	fcgi/images/oci_archive.c fcgi/images/oci_archive.h \
	fcgi/images/source.c fcgi/images/source.h
IMAGES_LIBS = libimages.a $(BASE_LIBS) $(ARCHIVE_LIBS)
