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
	fcgi/agent/walk.c fcgi/agent/walk.h \
	fcgi/agent/worker.c fcgi/agent/worker.h \
	fcgi/wire/account.c fcgi/wire/account.h \
	fcgi/wire/agent_protocol.h \
	fcgi/wire/framework.c fcgi/wire/framework.h \
	fcgi/wire/pax.c fcgi/wire/pax.h

# Trials: the supervisor of tests, and its frameworks.
TRIAL_SOURCES = \
	fcgi/agent/trial.c fcgi/agent/trial.h \
	fcgi/agent/trial_alike.c fcgi/agent/trial_alike.h \
	fcgi/agent/trial_build.c fcgi/agent/trial_build.h \
	fcgi/agent/trial_cargo.c fcgi/agent/trial_cargo.h \
	fcgi/agent/trial_cargo_kept.c fcgi/agent/trial_cargo_kept.h \
	fcgi/agent/trial_cmake.c fcgi/agent/trial_cmake.h \
	fcgi/agent/trial_copy.c fcgi/agent/trial_copy.h \
	fcgi/agent/trial_crate.c fcgi/agent/trial_crate.h \
	fcgi/agent/trial_ctest.c fcgi/agent/trial_ctest.h \
	fcgi/agent/trial_drawn.c fcgi/agent/trial_drawn.h \
	fcgi/agent/trial_go.c fcgi/agent/trial_go.h \
	fcgi/agent/trial_goblock.c fcgi/agent/trial_goblock.h \
	fcgi/agent/trial_gofailing.c fcgi/agent/trial_gofailing.h \
	fcgi/agent/trial_gokept.c fcgi/agent/trial_gokept.h \
	fcgi/agent/trial_golist.c fcgi/agent/trial_golist.h \
	fcgi/agent/trial_goliteral.c fcgi/agent/trial_goliteral.h \
	fcgi/agent/trial_goplant.c fcgi/agent/trial_goplant.h \
	fcgi/agent/trial_gosettle.c fcgi/agent/trial_gosettle.h \
	fcgi/agent/trial_gostub.c fcgi/agent/trial_gostub.h \
	fcgi/agent/trial_gotests.c fcgi/agent/trial_gotests.h \
	fcgi/agent/trial_gotext.c fcgi/agent/trial_gotext.h \
	fcgi/agent/trial_gowords.c fcgi/agent/trial_gowords.h \
	fcgi/agent/trial_judge.c fcgi/agent/trial_judge.h \
	fcgi/agent/trial_kinds.c fcgi/agent/trial_kinds.h \
	fcgi/agent/trial_lay.c fcgi/agent/trial_lay.h \
	fcgi/agent/trial_names.c fcgi/agent/trial_names.h \
	fcgi/agent/trial_plan.c fcgi/agent/trial_plan.h \
	fcgi/agent/trial_plant.c fcgi/agent/trial_plant.h \
	fcgi/agent/trial_planted.c fcgi/agent/trial_planted.h \
	fcgi/agent/trial_plants.c fcgi/agent/trial_plants.h \
	fcgi/agent/trial_rust.c fcgi/agent/trial_rust.h \
	fcgi/agent/trial_rust_plant.c fcgi/agent/trial_rust_plant.h \
	fcgi/agent/trial_said.c fcgi/agent/trial_said.h \
	fcgi/agent/trial_source.c fcgi/agent/trial_source.h \
	fcgi/agent/trial_steps.c fcgi/agent/trial_steps.h \
	fcgi/agent/trial_user.c fcgi/agent/trial_user.h \
	fcgi/agent/trial_walls.c fcgi/agent/trial_walls.h \
	fcgi/agent/trial_writing.c fcgi/agent/trial_writing.h \
	fcgi/agent/trial_zygote.c fcgi/agent/trial_zygote.h

# Part of trial_kinds.c: the scripts are found as headers are.
TRIAL_FILES = fcgi/agent/node_plan.js fcgi/agent/node_run.js fcgi/agent/pytest_plan.py \
	fcgi/agent/pytest_run.py fcgi/agent/pytest_zygote.py
EXTRA_DIST += $(TRIAL_FILES)
fcgi/agent/codeset_agent-trial_kinds.$(OBJEXT) fcgi/agent/trial_kinds.$(OBJEXT): $(TRIAL_FILES)

pkglibexec_PROGRAMS += codeset-agent
codeset_agent_SOURCES = fcgi/codeset-agent.c $(AGENT_PARTS) \
	fcgi/base/buf.c fcgi/base/child.c fcgi/base/clock.c fcgi/base/error.c fcgi/base/file.c fcgi/base/glob.c \
	fcgi/base/json.c fcgi/base/mem.c fcgi/base/options.c fcgi/base/random.c fcgi/base/utf8.c
codeset_agent_CFLAGS = -std=gnu11 $(WARN_CFLAGS) -fPIE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 \
	-fstack-protector-strong -fstack-clash-protection -fcf-protection -ffunction-sections
# libevent and libc refer to the resolver, which a static program has only in part; the agent
# resolves no names. Hence no warnings from the linker.
codeset_agent_LDFLAGS = -static-pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--gc-sections \
	-Wl,--no-warnings
codeset_agent_LDADD = -levent_extra -levent_core $(JSON_LIBS)
