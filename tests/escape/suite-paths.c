/* File operations stay in the container, whatever they meet, and end within a second. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "escape_fixture.h"
#include "fixture.h"

#include "base/banned.h"

static const char *const setups[] = {
    "ln -sf /proc/1/root/etc/passwd trap",
    "ln -sf /proc/self/exe trap",
    "ln -sf ../../../../../../../../etc/hostname trap",
    "ln -sf /dev/zero trap",
    "mkfifo trap",
    "ln -sf trap trap",
    "mkdir trap",
    "ln -sf /proc/kcore trap",
    "ln -sf /dev/tty trap",
    "ln -sf /proc/self/fd/0 trap",
    "mkfifo fifo; ln -s fifo trap",
};

/* Seconds of the slower of the two. */
static double trapped(const struct ident *session, const char *setup)
{
    _cleanup_(free_ptr) char *command = xasprintf("rm -rf trap fifo; %s", setup);
    _cleanup_(answer_release) struct answer *made = exec_run(session->text, command, 60);
    _cleanup_(answer_release) struct answer *replaced =
        replace(session->text, "trap", "root", "toor");
    _cleanup_(answer_release) struct answer *uploaded = upload(session->text, "trap", "x", 1, true);

    INT(made, "exit_code", 0);
    CHECK_MSG(replaced->status == 200, "%s: %ld %s", setup, replaced->status, replaced->body.data);
    CHECK_MSG(uploaded->status == 200, "%s: %ld %s", setup, uploaded->status, uploaded->body.data);
    return replaced->seconds > uploaded->seconds ? replaced->seconds : uploaded->seconds;
}

static void traps_do_not_hold_an_operation(void)
{
    struct ident id = escape_open();

    for (size_t i = 0; i < ARRAY_SIZE(setups); i++) {
        double took = trapped(&id, setups[i]);

        for (int n = 1; n < TRIES && took >= 1; n++)
            took = trapped(&id, setups[i]);
        CHECK_MSG(took < 1, "%s: %.3f s", setups[i], took);
    }
    escape_close(&id);
}

/* A file of the host's that links and dots would reach if the host resolved them. */
static void nothing_of_the_host_is_written(void)
{
    struct ident id = escape_open();
    _cleanup_(free_ptr) char *target = xasprintf("%s/target-of-the-host", fixture_folder());
    _cleanup_(free_ptr) char *dots = xasprintf("../../../../../../../..%s", target);
    _cleanup_(free_ptr) char *link = xasprintf("ln -s / rootlink; ln -s %s filelink", target);
    _cleanup_(free_ptr) char *through = xasprintf("rootlink%s", target);
    const char *const paths[] = {target, dots, through, "filelink"};
    _cleanup_(answer_release) struct answer *made = NULL;

    CHECK(shell(NULL, "printf needle > %s", target) == 0);
    made = exec_run(id.text, link, 60);
    INT(made, "exit_code", 0);
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        answer_free(replace(id.text, paths[i], "needle", "thread"));
        answer_free(upload(id.text, paths[i], "overwritten", 11, false));
    }
    CHECK_MSG(shell(NULL, "printf needle | cmp -s - %s", target) == 0,
              "a file of the host was written");
    escape_close(&id);
}

/* A stall of the machine may fall upon a few of the operations, a race upon any. */
static void a_race_between_file_and_link_is_lost(void)
{
    enum { OPERATIONS = 400, SLOW_MOST = OPERATIONS / 20 };
    struct ident id = escape_open();
    struct ident race = exec_start(id.text, "/tmp/probe race /calc/raced", 3600);
    _cleanup_(answer_release) struct answer *end = NULL;
    unsigned slow = 0;

    for (unsigned i = 0; i < OPERATIONS && slow <= SLOW_MOST; i++) {
        _cleanup_(answer_release) struct answer *answer =
            i % 2 ? replace(id.text, "/calc/raced", "needle", "needle")
                  : upload(id.text, "/calc/raced", "needle\n", 7, false);

        CHECK_MSG(answer->status == 200, "%ld %s", answer->status, answer->body.data);
        slow += answer->seconds >= 1;
    }
    CHECK_MSG(slow <= SLOW_MOST, "%u operations took longer than a second", slow);
    answer_free(exec_run(id.text, "touch /calc/raced.stop", 60));
    end = interaction_wait(NULL, id.text, race.text, 60);
    INT(end, "exit_code", 0);
    escape_close(&id);
}

static void odd_names_are_just_names(void)
{
    struct ident id = escape_open();
    static const char *const names[] = {"-rf", "a\nb", "$(touch /tmp/owned)", "`id`", "%s%n", "*",
                                        "\\",  "'",    "ä\xc2\xa0",           "..."};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_(answer_release) struct answer *uploaded =
            upload(id.text, names[i], "x", 1, false);
        _cleanup_(answer_release) struct answer *replaced = replace(id.text, names[i], "x", "y");

        CHECK_MSG(json_object_get_boolean(answer_at(uploaded, "success")), "%s: %s", names[i],
                  uploaded->body.data);
        CHECK_MSG(json_object_get_boolean(answer_at(replaced, "success")), "%s: %s", names[i],
                  replaced->body.data);
    }
    answer_free(exec_run(id.text, "test ! -e /tmp/owned", 60));
    escape_close(&id);
}

/* The walk keeps its place: what it costs is not files times depth. How deep it goes is told. */
static void a_repository_too_deep_is_told(void)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *made =
        exec_run(id.text,
                 "for i in $(seq 1000); do mkdir d && cd d || exit 1; done; for i in $(seq 4000); "
                 "do >$i; done",
                 600);
    _cleanup_(answer_release) struct answer *job = NULL, *end = NULL;

    INT(made, "exit_code", 0);
    job = client_post(NULL, "/sessions/%s/verify", id.text);
    end = verification_wait(NULL, id.text, answer_text(job, "job_id"), 300);
    TEXT(end, "status", "completed");
    CHECK(!json_object_get_boolean(answer_at(end, "result.is_success")));
    CHECK_MSG(strncmp(answer_text(end, "result.stdout"), "CHANGES_TOO_LARGE: ", 19) == 0 &&
                  strstr(answer_text(end, "result.stdout"), "folders 256 deep") != NULL,
              "%s", end->body.data);
    escape_close(&id);
}

/* --- hostile images ----------------------------------------------------------------------------
 */

struct hostile {
    const char *what, *make; /* a shell script in an empty folder `r` with bin/sh */
};

static const struct hostile images[] = {
    {"/dev is a link", "ln -s /etc r/dev"},
    {"/proc is a link", "ln -s /etc r/proc"},
    {"/sys is a file", "touch r/sys"},
    {"/tmp is a link out", "ln -s ../../../../tmp r/tmp"},
    {"/run is a link", "ln -s / r/run"},
    {"a device outside /dev", "mkdir -p r/opt && mknod r/opt/sda b 8 0"},
    {"/etc/passwd is a fifo", "mkdir r/etc && mkfifo r/etc/passwd"},
    {"/etc/passwd leads to a device", "mkdir r/etc && ln -s /dev/zero r/etc/passwd"},
    {"/etc/group is a fifo", "mkdir r/etc && mkfifo r/etc/group"},
};

static void hostile_images_are_refused(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
        CHECK(shell(NULL,
                    "cd %s && rm -rf r && mkdir -p r/bin && cp /bin/busybox r/bin/sh && %s && "
                    "tar -C r -cf hostile.tar .",
                    fixture_folder(), images[i].make) == 0);
        CHECK_MSG(ctl(NULL, "image import hostile-%zu %s/hostile.tar >/dev/null 2>&1", i,
                      fixture_folder()) != 0,
                  "imported, although %s", images[i].what);
    }
    CHECK(shell(NULL, "! $CODESET_CTL image list --json | grep -q hostile") == 0);
}

/* In an empty folder `r` with a manifest.json that names c.json and l.tar: what l.tar is. */
static const struct hostile layers[] = {
    {"its layer is a link to a device without an end", "ln -s /dev/urandom r/l.tar"},
    {"its layer is a link by dots", "ln -s ../../../../../../../../dev/zero r/l.tar"},
    {"its layer is a fifo", "mkfifo r/l.tar"},
    {"its layer is zeros", "head -c 1048576 /dev/zero > r/l.tar"},
    {"its layer is a hole of a terabyte", "truncate -s 1T r/l.tar"},
    {"its layer grows without an end", "head -c 500000000 /dev/zero | gzip -1 > r/l.tar"},
    {"it has 600 layers", "jq -c '.[0].Layers = [range(600) | \"l.tar\"]' r/manifest.json > m && "
                          "mv m r/manifest.json && touch r/l.tar"},
};

static void hostile_image_archives_are_refused(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(layers); i++) {
        CHECK(shell(NULL,
                    "cd %s && rm -rf r hostile.tar && mkdir r && "
                    "echo '[{\"Config\":\"c.json\",\"Layers\":[\"l.tar\"]}]' > r/manifest.json && "
                    "echo '{\"rootfs\":{\"diff_ids\":[\"sha256:%064d\"]}}' > r/c.json && %s && "
                    "tar -C r -Scf hostile.tar .",
                    fixture_folder(), 0, layers[i].make) == 0);
        CHECK_MSG(shell(NULL,
                        "timeout 60 $CODESET_CTL image import archive-%zu %s/hostile.tar "
                        ">/dev/null 2>&1; [ $? = 1 ]",
                        i, fixture_folder()) == 0,
                  "not refused, although %s", layers[i].what);
    }
    CHECK(shell(NULL, "! $CODESET_CTL image list --json | grep -q archive") == 0);
}

/* tar's own tricks: names that leave the root by dots or through a link that came before. The
 * archives have a shell, so that nothing but the trick is a reason to refuse them. */
static void archives_that_leave_the_root_are_refused(void)
{
    static const char *const tricks[] = {
        "tar -cf t.tar --transform 's,^x,../../escaped,' x",
        "tar -cPf t.tar --transform \"s,^x,$PWD/escaped,\" x",
        "ln -sfn / out && tar -cf t.tar out && rm out && mkdir out && cp x out/escaped-tmp && "
        "tar -rf t.tar out/escaped-tmp",
    };

    for (size_t i = 0; i < ARRAY_SIZE(tricks); i++) {
        CHECK(shell(NULL,
                    "cd %s && rm -rf out t.tar bin && echo x > x && %s && mkdir bin && "
                    "cp /bin/busybox bin/sh && tar -rf t.tar bin",
                    fixture_folder(), tricks[i]) == 0);
        ctl(NULL, "image import trick-%zu %s/t.tar >/dev/null 2>&1", i, fixture_folder());
        CHECK_MSG(shell(NULL, "test ! -e /escaped-tmp -a ! -e %s/escaped", fixture_folder()) == 0,
                  "'%s' wrote outside", tricks[i]);
        CHECK_MSG(shell(NULL, "! $CODESET_CTL image list --json | grep -q trick-%zu", i) == 0,
                  "'%s' was imported", tricks[i]);
        ctl(NULL, "image remove trick-%zu >/dev/null 2>&1", i);
    }
    shell(NULL, "rm -f /escaped-tmp");
}

static const struct test tests[] = {
    {"links, fifos, devices and loops do not hold an operation", traps_do_not_hold_an_operation},
    {"no file of the host is written", nothing_of_the_host_is_written},
    {"a race between file and link changes nothing", a_race_between_file_and_link_is_lost},
    {"odd names are just names", odd_names_are_just_names},
    {"a repository that is too deep is told", a_repository_too_deep_is_told},
    {"hostile images are refused", hostile_images_are_refused},
    {"hostile image archives are refused", hostile_image_archives_are_refused},
    {"archives that leave the root are refused", archives_that_leave_the_root_are_refused},
};

SUITE(paths, tests);
