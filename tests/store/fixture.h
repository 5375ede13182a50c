/*
 * fixture.h - what tests of the store stand on: the settings that CODESET_CONFIG names, a
 * connection of each program, a user. For the one file of a test program; only main of it ends
 * them.
 */
#ifndef CODESET_TESTS_GROUND_H
#define CODESET_TESTS_GROUND_H

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

/* main's: connects, has `lay` make the rows that the tests want, runs them. */
static int fixture_main(const char *name, const struct unit_test *tests, size_t count,
                        int (*lay)(struct error *err))
{
    struct error err = ERROR_INIT;
    int status = 2;

    if (fixture_open(&err) < 0 || lay(&err) < 0)
        fprintf(stderr, "%s\n", err.message);
    else
        status = unit_main(name, tests, count);
    db_free(reaper);
    db_free(api);
    db_free(admin);
    settings_release(&settings);
    return status;
}

#endif
