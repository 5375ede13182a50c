/*
 * task_init.c - codesetctl task init: the folder of a task, to be filled in (ctl/task_folder.h).
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "ctl/commands.h"
#include "ctl/output.h"
#include "ctl/sample_line.h"

#include "base/banned.h"

#define NAME_MOST 60

/* How a language's tests are run and told. */
struct skeleton {
    const char *language;
    const char *from;     /* of its Dockerfile */
    const char *packages; /* what Debian's apt-get adds to it */
    const char *install;  /* a line more of the Dockerfile, or "" */
    const char *command;  /* that runs them */
    const char *fields;   /* of task.json, where the report is not at the language's usual place */
};

#define LOG_FIELDS(file, parser)                                                                   \
    "    // The runner leaves no report, so its log is read.\n"                                    \
    "    \"report_paths\": [\"" file "\"],\n"                                                      \
    "    \"log_parser\": \"" parser "\",\n"

#define NOT_BUILT "# Code that does not compile runs no test; without a test there is no verdict.\n"

/* Compiles all, and runs no test: `go vet` would also refuse code that is only dubious. */
#define GO_INSTALL "RUN cd /~ && go mod download && go test -run '^$' ./...\n"

#define RUST_INSTALL                                                                               \
    "# What is compiled lies outside of the repository, so that none of it comes from a "          \
    "session.\n"                                                                                   \
    "ENV CARGO_TARGET_DIR=/opt/target\n"                                                           \
    "RUN cd /~ && cargo test --no-run\n"

#define JAVA_CLEAN "find . -name pom.xml -execdir rm -rf target \\;"

/* Surefire asks for what runs the tests when it runs them, so dependency:go-offline is not enough.
 */
#define JAVA_INSTALL                                                                               \
    "# Maven fetches the last of what it needs when it runs tests; they may fail.\n"               \
    "RUN cd /~ && mvn -B -q -Dmaven.test.failure.ignore=true test && \\\n"                         \
    "    " JAVA_CLEAN "\n"

static const struct skeleton skeletons[] = {
    {"python", "docker.io/library/python:3.12-slim", "git",
     "RUN pip install --no-cache-dir pytest\n"
     "# What the project needs, if anything:\n"
     "# RUN pip install --no-cache-dir -r /~/requirements.txt\n",
     "python3 -B -m pytest -p no:cacheprovider --junitxml=report.xml", ""},
    {"javascript", "docker.io/library/node:22-slim", "git",
     "# What the project needs, if anything:\n"
     "# RUN cd /~ && npm ci\n",
     "node --test --test-reporter=tap --test-reporter-destination=test.log \\\n"
     "    --test-reporter=spec --test-reporter-destination=stdout",
     LOG_FIELDS("test.log", "tap")},
    {"go", "docker.io/library/golang:1.23", "git", GO_INSTALL,
     "go test -json ./... >test.log\n" NOT_BUILT
     "grep -q '\"Test\":' test.log || printf '%s\\n' >>test.log \\\n"
     "    '{\"Action\":\"fail\",\"Package\":\"build\",\"Test\":\"build\"}' \\\n"
     "    '{\"Action\":\"fail\",\"Package\":\"build\"}'\n"
     "cat test.log",
     LOG_FIELDS("test.log", "go-json")},
    {"rust", "docker.io/library/rust:1-slim", "git", RUST_INSTALL,
     "cargo test --offline --no-fail-fast >test.log 2>&1\n" NOT_BUILT
     "grep -q '^test ' test.log || printf '%s\\n' >>test.log 'test build ... FAILED' \\\n"
     "    'test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out'\n"
     "cat test.log",
     LOG_FIELDS("test.log", "cargo")},
    {"java", "docker.io/library/maven:3-eclipse-temurin-21", "git", JAVA_INSTALL,
     "# No class and no report that the session left.\n" JAVA_CLEAN "\n"
     "mvn -B -o test\n" NOT_BUILT
     "if [ -z \"$(find . -path '*/target/surefire-reports/*.xml')\" ]; then\n"
     "    mkdir -p target/surefire-reports\n"
     "    echo '<testsuite><testcase name=\"build\"><failure/></testcase></testsuite>' \\\n"
     "        >target/surefire-reports/build.xml\n"
     "fi",
     ""},
    {"c", "docker.io/library/debian:bookworm-slim", "git gcc libc6-dev cmake make", "",
     "rm -rf /tmp/build && cmake -S . -B /tmp/build || exit\n"
     "# A test that does not build has failed; the others are run.\n"
     "cmake --build /tmp/build -- -k\n"
     "ctest --test-dir /tmp/build --output-junit \"$PWD/test-results.xml\"",
     ""},
};

/* '~' is the repository's name. */
static void add_text(struct buf *out, const char *text, const char *name)
{
    for (; *text; text++) {
        if (*text == '~')
            buf_add_str(out, name);
        else
            buf_add_char(out, *text);
    }
}

struct init {
    struct ctl *ctl;
    const char *folder;
    const struct skeleton *skeleton;
    const char *image; /* NULL: a Dockerfile */
    char *id;          /* OWNER__NAME-N */
    char *name;        /* of the repository */
};

static void init_release(struct init *init)
{
    free(init->id);
    free(init->name);
}

/* --- the files ------------------------------------------------------------------------------- */

static void write_task(const struct init *init, struct buf *out)
{
    buf_addf(
        out,
        "{\n"
        "    // Lines that begin with // are comments. All fields: codesetctl(8), DATA SET FILES.\n"
        "    // OWNER__REPOSITORY-NUMBER; sessions find the repository in /REPOSITORY.\n"
        "    \"instance_id\": \"%s\",\n"
        "    \"repo\": \"%.*s/%s\",\n"
        "    \"language\": \"%s\",\n",
        init->id, (int)(strstr(init->id, "__") - init->id), init->id, init->name,
        init->skeleton->language);
    if (init->image)
        buf_addf(out,
                 "    // The image that the files of environment/ are laid over.\n"
                 "    \"image\": \"%s\",\n",
                 init->image);
    buf_add_str(out, init->skeleton->fields);
    buf_add_str(
        out,
        "    // Seconds that the verifier may take. 'task check' says what it takes.\n"
        "    \"verify_timeout\": 300,\n"
        "    // Whoever works on the task sees what the verifier prints, with what tests "
        "expected.\n"
        "    // \"hide_verifier_output\": true,\n"
        "    // Tests that fail now and must pass, and tests that must go on passing, by their\n"
        "    // names in the report. With both lists empty all tests must pass.\n"
        "    \"fail_to_pass\": [],\n"
        "    \"pass_to_pass\": []\n"
        "}\n");
}

static void write_problem(const struct init *init, struct buf *out)
{
    buf_addf(
        out,
        "What is wrong in %s, as a user would report it: what was done, what came of it, and\n"
        "what was expected. Do not say how to solve it. Whoever works on the task reads this.\n",
        init->name);
}

static void write_dockerfile(const struct init *init, struct buf *out)
{
    buf_addf(
        out,
        "# The image of the task: the tools, and the repository as it is before the solution.\n"
        "# Sessions reach no network: what the tests need must be installed here.\n"
        "FROM %s\n"
        "RUN apt-get update && apt-get install -y --no-install-recommends %s && \\\n"
        "    rm -rf /var/lib/apt/lists/*\n",
        init->skeleton->from, init->skeleton->packages);
    add_text(out, "COPY ~ /~\n", init->name);
    add_text(out, init->skeleton->install, init->name);
    add_text(out,
             "WORKDIR /~\n"
             "# One commit: in a longer history the solution could be looked up.\n"
             "RUN rm -rf .git && git init -q && git add -A && \\\n"
             "    git -c user.name=task -c user.email=task@localhost commit -qm 'The task'\n",
             init->name);
}

static void write_verifier(const struct init *init, struct buf *out)
{
    add_text(
        out,
        "#!/bin/sh\n"
        "# Runs the tests that decide, in a container of its own: the image, the files of "
        "verifier/\n"
        "# (this one is /verifier.sh), and what the session changed in /~. See docs/verdicts.md,\n"
        "# What a verifier must do.\n"
        "cd /~ || exit 2\n"
        "# Tests that the session must not see or change lie in verifier/hidden, by their paths "
        "in\n"
        "# the repository.\n"
        "if [ -d /hidden ]; then\n"
        "    cp -R /hidden/. . || exit 2\n"
        "fi\n",
        init->name);
    buf_addf(out, "%s\n", init->skeleton->command);
}

struct skeleton_file {
    const char *path;
    void (*write)(const struct init *init, struct buf *out);
    mode_t mode;
};

static int write_file(const struct init *init, const struct skeleton_file *file, struct error *err)
{
    _cleanup_(free_ptr) char *path = xasprintf("%s/%s", init->folder, file->path);
    _cleanup_(buf_release) struct buf text = BUF_INIT;

    file->write(init, &text);
    return file_write_atomic(AT_FDCWD, path, text.data, text.length, file->mode, err);
}

static int write_all(const struct init *init, struct error *err)
{
    static const struct skeleton_file files[] = {
        {"task.json", write_task, 0644},
        {"problem.md", write_problem, 0644},
        {"verifier/verifier.sh", write_verifier, 0755},
        {"environment/Dockerfile", write_dockerfile, 0644},
    };
    const size_t count = ARRAY_SIZE(files) - (init->image ? 1 : 0);
    _cleanup_(free_ptr) char *hidden = xasprintf("%s/verifier/hidden", init->folder);
    _cleanup_(free_ptr) char *repository = xasprintf("%s/environment/%s", init->folder, init->name);

    if (make_dirs(hidden, 0755, err) < 0 || make_dirs(repository, 0755, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (write_file(init, &files[i], err) < 0)
            return -1;
    }
    return 0;
}

/* --- the names ------------------------------------------------------------------------------- */

/* A folder called OWNER__NAME-N is a task of that name; "calc" becomes own__calc-1. */
static void choose_names(struct init *init)
{
    const char *slash = strrchr(init->folder, '/');
    _cleanup_(free_ptr) char *last = xstrndup(slash ? slash + 1 : init->folder, NAME_MOST);
    _cleanup_(free_ptr) char *path = NULL;

    for (char *at = last; *at; at++) {
        if (!isalnum((unsigned char)*at) && !strchr("._-", *at))
            *at = '-';
    }
    path = sample_repo_path(last);
    init->id = path ? xstrdup(last) : xasprintf("own__%s-1", last);
    if (!path)
        path = sample_repo_path(init->id);
    init->name = xstrdup(path ? path + 1 : last);
}

static int check_new(const char *folder, struct error *err)
{
    if (mkdir(folder, 0755) == 0 ||
        (errno == EEXIST && rmdir(folder) == 0 && mkdir(folder, 0755) == 0))
        return 0;
    return errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR
               ? error_set(err, ERROR_CONFLICT, NULL,
                           "%s is there already, and not empty; give the name of a new folder",
                           folder)
               : error_errno(err, errno, "cannot make the folder %s", folder);
}

static const struct skeleton *find_skeleton(const char *language)
{
    for (size_t i = 0; i < ARRAY_SIZE(skeletons); i++) {
        if (strcmp(skeletons[i].language, language) == 0)
            return &skeletons[i];
    }
    return NULL;
}

static void tell(const struct init *init)
{
    printf(
        "%s: a task called %s. Next:\n"
        "  1. put the repository into %s/environment/%s\n"
        "  2. put the tests that decide into %s/verifier/hidden, and their names into task.json\n"
        "  3. write problem.md, look through verifier/verifier.sh%s\n"
        "  4. write the solution as solution.patch (git diff) or as a shell script, solution.sh\n"
        "  5. codesetctl task check %s%s --user USER%s\n",
        init->folder, init->id, init->folder, init->name, init->folder,
        init->image ? "" : " and environment/Dockerfile", strchr(init->folder, '/') ? "" : "./",
        init->folder, init->image ? "" : " --network");
}

int ctl_task_init(struct ctl *ctl)
{
    const char *language = ctl_option(ctl, "language") ? ctl_option(ctl, "language") : "python";
    _cleanup_(init_release) struct init init = {.ctl = ctl,
                                                .folder = ctl_argument(ctl, 0),
                                                .skeleton = find_skeleton(language),
                                                .image = ctl_option(ctl, "image")};
    _cleanup_(json_release) json_object *object = NULL;
    struct error err = ERROR_INIT;

    if (!init.skeleton)
        return ctl_usage(ctl,
                         "--language must be one of python, javascript, go, rust, java, c, "
                         "not '%.40s'; for another, begin with the one that is most like it",
                         language);
    if (init.image && sample_check_image("--image", init.image, &err) < 0)
        return ctl_usage(ctl, "%s", err.message);
    choose_names(&init);
    if (check_new(init.folder, &err) < 0 || write_all(&init, &err) < 0)
        return ctl_fail(ctl, &err);
    if (!ctl_json(ctl)) {
        tell(&init);
        return CTL_OK;
    }
    object = json_object_new_object();
    json_add_text(object, "folder", init.folder);
    json_add_text(object, "instance_id", init.id);
    json_add_text(object, "repository", init.name);
    output_object(true, object);
    return CTL_OK;
}
