# service: what a program that runs as a service needs of its host. Knows base.
noinst_LIBRARIES += libservice.a
libservice_a_SOURCES = \
	fcgi/service/service.c fcgi/service/service.h
SERVICE_LIBS = libservice.a $(SYSTEMD_LIBS)
