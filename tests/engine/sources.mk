# The engine against the real runtime, kernel and archives. As root.
check_PROGRAMS += tests/engine/init tests/engine/test-containers tests/engine/test-guests \
	tests/engine/test-disk tests/engine/test-engined tests/engine/test-images \
	tests/engine/test-image-archives tests/engine/test-image-kinds tests/engine/test-unpack \
	tests/engine/test-cage tests/engine/bench-start
TESTS += tests/engine/test-containers tests/engine/test-guests tests/engine/test-disk tests/engine/test-engined \
	tests/engine/test-images tests/engine/test-image-archives tests/engine/test-image-kinds \
	tests/engine/test-unpack tests/engine/test-cage

# Runs in an image that holds nothing but busybox.
tests_engine_init_SOURCES = tests/engine/init.c fcgi/agent/process.c fcgi/agent/process.h \
	fcgi/base/mem.c
tests_engine_init_CFLAGS = -std=gnu11 $(WARN_CFLAGS) -O2
tests_engine_init_LDFLAGS = -static

engine_test_sources = tests/engine/fixture.c tests/engine/fixture.h \
	tests/engine/tars.c tests/engine/tars.h tests/unit/unit.h
engine_test_cppflags = $(AM_CPPFLAGS) -DBUILD_DIR='"$(abs_top_builddir)"'
engine_test_libs = $(ENGINED_LIBS) $(CUNIT_LIBS)

tests_engine_test_containers_SOURCES = tests/engine/test-containers.c tests/engine/guest.h \
	$(engine_test_sources)
tests_engine_test_containers_CPPFLAGS = $(engine_test_cppflags)
tests_engine_test_containers_LDADD = $(engine_test_libs)
EXTRA_tests_engine_test_containers_DEPENDENCIES = codeset-agent codeset-container codeset-unpack

tests_engine_test_guests_SOURCES = tests/engine/test-guests.c tests/engine/guest.h \
	$(engine_test_sources)
tests_engine_test_guests_CPPFLAGS = $(engine_test_cppflags)
tests_engine_test_guests_LDADD = $(engine_test_libs)
EXTRA_tests_engine_test_guests_DEPENDENCIES = codeset-agent codeset-container codeset-unpack

asker_sources = tests/engine/asker.c tests/engine/asker.h $(engine_test_sources)

tests_engine_test_disk_SOURCES = tests/engine/test-disk.c $(asker_sources)
tests_engine_test_disk_CPPFLAGS = $(engine_test_cppflags)
tests_engine_test_disk_LDADD = libengine.a $(engine_test_libs)
EXTRA_tests_engine_test_disk_DEPENDENCIES = codeset-engined codeset-container codeset-unpack

tests_engine_test_engined_SOURCES = tests/engine/test-engined.c $(asker_sources)
tests_engine_test_engined_CPPFLAGS = $(engine_test_cppflags)
tests_engine_test_engined_LDADD = libengine.a $(engine_test_libs)
EXTRA_tests_engine_test_engined_DEPENDENCIES = codeset-engined codeset-container codeset-unpack

tests_engine_bench_start_SOURCES = tests/engine/bench-start.c $(engine_test_sources)
tests_engine_bench_start_CPPFLAGS = $(engine_test_cppflags)
tests_engine_bench_start_LDADD = libengine.a $(engine_test_libs)
EXTRA_tests_engine_bench_start_DEPENDENCIES = codeset-engined codeset-container codeset-unpack

tests_engine_test_images_SOURCES = tests/engine/test-images.c tests/engine/image-fixture.h \
	$(engine_test_sources)
tests_engine_test_images_CPPFLAGS = $(engine_test_cppflags)
tests_engine_test_images_LDADD = $(engine_test_libs)
EXTRA_tests_engine_test_images_DEPENDENCIES = codeset-unpack

tests_engine_test_image_kinds_SOURCES = tests/engine/test-image-kinds.c \
	tests/engine/image-fixture.h $(engine_test_sources)
tests_engine_test_image_kinds_CPPFLAGS = $(engine_test_cppflags)
tests_engine_test_image_kinds_LDADD = $(engine_test_libs)
EXTRA_tests_engine_test_image_kinds_DEPENDENCIES = codeset-unpack

tests_engine_test_image_archives_SOURCES = tests/engine/test-image-archives.c \
	$(engine_test_sources)
tests_engine_test_image_archives_CPPFLAGS = $(engine_test_cppflags)
tests_engine_test_image_archives_LDADD = $(engine_test_libs)
EXTRA_tests_engine_test_image_archives_DEPENDENCIES = codeset-container codeset-unpack

tests_engine_test_unpack_SOURCES = tests/engine/test-unpack.c $(engine_test_sources)
tests_engine_test_unpack_CPPFLAGS = $(engine_test_cppflags)
tests_engine_test_unpack_LDADD = $(engine_test_libs)
EXTRA_tests_engine_test_unpack_DEPENDENCIES = codeset-unpack

tests_engine_test_cage_SOURCES = tests/engine/test-cage.c $(engine_test_sources)
tests_engine_test_cage_CPPFLAGS = $(engine_test_cppflags)
tests_engine_test_cage_LDADD = $(engine_test_libs)
