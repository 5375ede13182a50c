/*
 * kinds.h - how the frameworks of a trial (wire/framework.h) are run: a row for each family.
 *
 * A kind has a planner, which is root's and sees the image without the session, and names its tests
 * in some way. What a run does, the plan says (trial/plan.h). Planner and runner are part of this
 * program; what they need beside it is the image's, and its lack is told (docs/verdicts.md).
 */
#ifndef CODESET_TRIAL_KINDS_H
#define CODESET_TRIAL_KINDS_H

#include <json-c/json.h>

#include "base/error.h"
#include "trial/names.h"
#include "wire/framework.h"

/* Scripts for an interpreter of the image's. */
struct trial_scripts {
    const char *interpreter;  /* a program's name, unless the trial has another */
    const char *member;       /* of the trial, that names it */
    const char *const *flags; /* before the script's text, NULL at their end */
    const char *planner;      /* its arguments are the runner and, if there is one, the zygote */
    const char *runner;       /* of each run; the planner puts it into the plan */
    const char *zygote;       /* NULL: each run begins with exec (trial/zygote.h) */
    const char *compiler;     /* NULL: nothing is compiled beforehand (trial/compiled.h) */
};

struct trial_kind {
    enum framework_family family;
    enum trial_names names;
    const struct trial_scripts *scripts; /* NULL: the planner needs none */
    /*
     * The planner, in a process and a folder of its own: makes plan.json of spec.json (the trial
     * with the lists and the `repository`) and, beside it, what the runs need. Returns the exit
     * status; why it is not 0 is said on stderr.
     */
    int (*plan)(const struct trial_kind *kind, json_object *trial);
    /* Likewise, behind the rehearsals: what compiles the modules that were asked for. NULL: there
     * is nothing. */
    int (*compile)(const struct trial_kind *kind, json_object *trial);
    /* Before the first run, as root: puts right what of the session's files (below root_fd) would
     * decide more than a fix may. NULL: there is nothing. */
    int (*settle)(json_object *plan, int plan_fd, int root_fd, struct error *err);
};

/* Of the framework of that name; NULL: there is none. */
const struct trial_kind *trial_kind_find(const char *framework);

#endif
