# images: the image store.
noinst_LIBRARIES += libimages.a
libimages_a_SOURCES = \
	fcgi/images/archive_files.c fcgi/images/archive_files.h \
	fcgi/images/archive_kind.c fcgi/images/archive_kind.h \
	fcgi/images/build.c fcgi/images/build.h \
	fcgi/images/cage.c fcgi/images/cage.h \
	fcgi/images/etc_files.c fcgi/images/etc_files.h \
	fcgi/images/decoder.c fcgi/images/decoder.h \
	fcgi/images/extract.c fcgi/images/extract.h \
	fcgi/images/folder_tar.c fcgi/images/folder_tar.h \
	fcgi/images/git_folder.c fcgi/images/git_folder.h \
	fcgi/images/guard.c fcgi/images/guard.h \
	fcgi/images/image_choice.c fcgi/images/image_choice.h \
	fcgi/images/image_store.c fcgi/images/image_store.h \
	fcgi/images/images.c fcgi/images/images.h \
	fcgi/images/import.c \
	fcgi/images/inspect.c fcgi/images/inspect.h \
	fcgi/images/inspect_patch.c fcgi/images/inspect_patch.h \
	fcgi/images/layout_stream.c fcgi/images/layout_stream.h \
	fcgi/images/layout_tar.c fcgi/images/layout_tar.h \
	fcgi/images/oci_archive.c fcgi/images/oci_archive.h \
	fcgi/images/pull.c fcgi/images/pull.h \
	fcgi/images/reference.c fcgi/images/reference.h \
	fcgi/images/scrub.c fcgi/images/scrub.h \
	fcgi/images/source.c fcgi/images/source.h \
	fcgi/images/tar_stream.c fcgi/images/tar_stream.h \
	fcgi/images/unpack.c fcgi/images/unpack.h \
	fcgi/images/unpack_report.c fcgi/images/unpack_report.h \
	fcgi/images/unpacker.c fcgi/images/unpacker.h \
	fcgi/images/workplace.c fcgi/images/workplace.h
IMAGES_LIBS = libimages.a libcontainer.a libwire.a $(SECCOMP_LIBS) $(BASE_LIBS) $(ARCHIVE_LIBS) $(CRYPTO_LIBS)

# Reads archives, where nothing else can be done.
pkglibexec_PROGRAMS += codeset-unpack
codeset_unpack_SOURCES = fcgi/codeset-unpack.c
codeset_unpack_LDADD = $(IMAGES_LIBS) $(GIT2_LIBS)
