# engine: where the daemon's containers come from. Knows wire.
noinst_LIBRARIES += libengine.a
libengine_a_SOURCES = \
	fcgi/engine/engine.h \
	fcgi/engine/oci.c fcgi/engine/oci.h
ENGINE_LIBS = libengine.a $(WIRE_LIBS) $(EVENT_LIBS)
