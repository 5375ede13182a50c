# trial: the supervisor of tests, its frameworks, and how failures are planted. Part of codeset-agent; knows base and wire.
TRIAL_SOURCES = \
	fcgi/trial/alike.c fcgi/trial/alike.h \
	fcgi/trial/build.c fcgi/trial/build.h \
	fcgi/trial/cargo.c fcgi/trial/cargo.h \
	fcgi/trial/cargo_kept.c fcgi/trial/cargo_kept.h \
	fcgi/trial/cmake.c fcgi/trial/cmake.h \
	fcgi/trial/compiled.c fcgi/trial/compiled.h \
	fcgi/trial/copy.c fcgi/trial/copy.h \
	fcgi/trial/crate.c fcgi/trial/crate.h \
	fcgi/trial/ctest.c fcgi/trial/ctest.h \
	fcgi/trial/drawn.c fcgi/trial/drawn.h \
	fcgi/trial/go.c fcgi/trial/go.h \
	fcgi/trial/goblock.c fcgi/trial/goblock.h \
	fcgi/trial/gofailing.c fcgi/trial/gofailing.h \
	fcgi/trial/gokept.c fcgi/trial/gokept.h \
	fcgi/trial/golist.c fcgi/trial/golist.h \
	fcgi/trial/goliteral.c fcgi/trial/goliteral.h \
	fcgi/trial/goplant.c fcgi/trial/goplant.h \
	fcgi/trial/gosettle.c fcgi/trial/gosettle.h \
	fcgi/trial/gostub.c fcgi/trial/gostub.h \
	fcgi/trial/gotests.c fcgi/trial/gotests.h \
	fcgi/trial/gotext.c fcgi/trial/gotext.h \
	fcgi/trial/gowords.c fcgi/trial/gowords.h \
	fcgi/trial/judge.c fcgi/trial/judge.h \
	fcgi/trial/kinds.c fcgi/trial/kinds.h \
	fcgi/trial/lay.c fcgi/trial/lay.h \
	fcgi/trial/names.c fcgi/trial/names.h \
	fcgi/trial/plan.c fcgi/trial/plan.h \
	fcgi/trial/plant.c fcgi/trial/plant.h \
	fcgi/trial/planted.c fcgi/trial/planted.h \
	fcgi/trial/plants.c fcgi/trial/plants.h \
	fcgi/trial/rehearsal.c fcgi/trial/rehearsal.h \
	fcgi/trial/rust.c fcgi/trial/rust.h \
	fcgi/trial/rust_macros.c fcgi/trial/rust_macros.h \
	fcgi/trial/rust_plant.c fcgi/trial/rust_plant.h \
	fcgi/trial/said.c fcgi/trial/said.h \
	fcgi/trial/source.c fcgi/trial/source.h \
	fcgi/trial/steps.c fcgi/trial/steps.h \
	fcgi/trial/trial.c fcgi/trial/trial.h \
	fcgi/trial/user.c fcgi/trial/user.h \
	fcgi/trial/walls.c fcgi/trial/walls.h \
	fcgi/trial/writing.c fcgi/trial/writing.h \
	fcgi/trial/zygote.c fcgi/trial/zygote.h

# Part of kinds.c: the scripts are found as headers are.
TRIAL_FILES = fcgi/trial/node_plan.js fcgi/trial/node_run.js \
	fcgi/trial/pytest_compile.py fcgi/trial/pytest_plan.py fcgi/trial/pytest_run.py fcgi/trial/pytest_zygote.py
EXTRA_DIST += $(TRIAL_FILES)
fcgi/trial/codeset_agent-kinds.$(OBJEXT) fcgi/trial/kinds.$(OBJEXT): $(TRIAL_FILES)
