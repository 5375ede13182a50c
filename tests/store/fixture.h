/*
 * fixture.h - what tests of the store stand on: the settings that CODESET_CONFIG names, a
 * connection of each program, a user. For the one file of a test program; only main of it ends
 * them.
 */
#ifndef CODESET_TESTS_STORE_FIXTURE_H
#define CODESET_TESTS_STORE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "../unit/unit.h"
#include "settings.h"
#include "store/db.h"
#include "store/users.h"

static struct settings settings;
static struct db *admin, *api, *reaper;
static struct id user_id;

/* The call has its error in `err`. */
#define OK(call)                                                                                   \
    do {                                                                                           \
        struct error err = ERROR_INIT;                                                             \
        if ((call) < 0) {                                                                          \
            fprintf(stderr, "%s: %s\n", #call, err.message);                                       \
            CU_FAIL_FATAL(#call);                                                                  \
        }                                                                                          \
    } while (0)

static int fixture_open(struct error *err)
{
    const char *config = getenv("CODESET_CONFIG");

    if (!config)
        return error_set(err, ERROR_INVALID, NULL, "CODESET_CONFIG names the configuration");
    if (settings_load(config, &settings, err) < 0)
        return -1;
    admin = db_new(&settings.database, DB_ADMIN, err);
    api = admin ? db_new(&settings.database, DB_API, err) : NULL;
    reaper = api ? db_new(&settings.database, DB_REAPER, err) : NULL;
    return reaper ? store_user_create(admin, "Reader", "reader@example.com", &user_id, err) : -1;
}

/* Samples d/runnable, which has the image `image`, and d/readable, which has none. */
static inline int fixture_lay_samples(struct error *err)
{
    static const char script[] =
        "INSERT INTO datasets (name) VALUES ('d');"
        "INSERT INTO samples (dataset, sample_id, version, latest, instance_id, language, verifier,"
        " image, repo_path, verifier_command, report_paths, fail_to_pass, pass_to_pass,"
        " fail_to_fail, content_hash, json, deflated, json_length, json_crc32) VALUES"
        " ('d','runnable',1,1,'o__r-1','c','test_suite','image','/r','/v','[]','[]','[]','[]',"
        "  REPEAT('x',32),'{}',X'000200fdff7b7d',2,CRC32('{}')),"
        " ('d','readable',1,1,'o__r-2','c','test_suite',NULL,'/r','/v','[]','[]','[]','[]',"
        "  REPEAT('x',32),'{}',X'000200fdff7b7d',2,CRC32('{}'))";

    return db_run_script(admin, script, sizeof(script) - 1, err);
}

/* main's: connects, has `lay` make the rows that the tests want, runs them. */
static int fixture_main_with(const char *name, const struct unit_test *tests, size_t count,
                             int (*lay)(struct error *err), void (*before_each)(void))
{
    struct error err = ERROR_INIT;
    int status = 2;

    if (fixture_open(&err) < 0 || lay(&err) < 0)
        fprintf(stderr, "%s\n", err.message);
    else
        status = unit_main_with(name, tests, count, before_each);
    db_free(reaper);
    db_free(api);
    db_free(admin);
    settings_release(&settings);
    return status;
}

static inline int fixture_main(const char *name, const struct unit_test *tests, size_t count,
                               int (*lay)(struct error *err))
{
    return fixture_main_with(name, tests, count, lay, NULL);
}

#endif
