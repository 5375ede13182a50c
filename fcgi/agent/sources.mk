# agent: pid 1 of every container.
#
# The program is one static file that runs in any root file system, so it is built with flags of
# its own: never with a sanitizer, whose run-time library could not be there. The tests
# build the same sources with everybody's flags.
AGENT_PARTS = \
	fcgi/agent/capture.c fcgi/agent/capture.h \
	fcgi/agent/changes.h fcgi/agent/export.c fcgi/agent/import.c \
	fcgi/agent/children.c fcgi/agent/children.h \
	fcgi/agent/command.c fcgi/agent/command.h fcgi/agent/command_parts.h \
	fcgi/agent/command_kill.c fcgi/agent/commands.c \
	fcgi/agent/command_request.c fcgi/agent/command_request.h \
	fcgi/agent/crossing.c fcgi/agent/crossing.h \
	fcgi/agent/edit.c fcgi/agent/edit.h \
	fcgi/agent/edits.c fcgi/agent/edits.h \
	fcgi/agent/expendable.c fcgi/agent/expendable.h \
	fcgi/agent/launch.c fcgi/agent/launch.h \
	fcgi/agent/listing.c fcgi/agent/listing.h \
	fcgi/agent/near.c fcgi/agent/near.h \
	fcgi/agent/operations.c fcgi/agent/operations.h \
	fcgi/agent/output.c fcgi/agent/output.h \
	fcgi/agent/output_drain.c fcgi/agent/output_drain.h \
	fcgi/agent/process.c fcgi/agent/process.h \
	fcgi/agent/request.c fcgi/agent/request.h \
	fcgi/agent/restore.c fcgi/agent/restore.h \
	fcgi/agent/ring.c fcgi/agent/ring.h \
	fcgi/agent/server.c fcgi/agent/server.h \
	fcgi/agent/shepherd.c fcgi/agent/shepherd.h \
	fcgi/agent/tree.c fcgi/agent/tree.h \
	$(TRIAL_SOURCES) \
	fcgi/agent/worker.c fcgi/agent/worker.h \
	fcgi/wire/account.c fcgi/wire/account.h \
	fcgi/wire/agent_protocol.h \
	fcgi/wire/framework.c fcgi/wire/framework.h \
	fcgi/wire/pax.c fcgi/wire/pax.h

pkglibexec_PROGRAMS += codeset-agent
codeset_agent_SOURCES = fcgi/codeset-agent.c $(AGENT_PARTS) \
	fcgi/base/buf.c fcgi/base/child.c fcgi/base/clock.c fcgi/base/descriptors.c fcgi/base/error.c fcgi/base/file.c fcgi/base/glob.c \
	fcgi/base/json.c fcgi/base/mem.c fcgi/base/options.c fcgi/base/random.c fcgi/base/utf8.c \
	fcgi/base/walk.c
codeset_agent_CFLAGS = -std=gnu11 $(WARN_CFLAGS) -fPIE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 \
	-fstack-protector-strong -fstack-clash-protection -fcf-protection -ffunction-sections
# libevent and libc refer to the resolver, which a static program has only in part; the agent
# resolves no names. Hence no warnings from the linker.
codeset_agent_LDFLAGS = -static-pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--gc-sections \
	-Wl,--no-warnings
codeset_agent_LDADD = -levent_extra -levent_core $(JSON_LIBS)
