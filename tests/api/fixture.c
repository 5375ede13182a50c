#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/random.h"

#include "base/banned.h"

static char folder[64];
static char user_id[IDENT_SIZE], other_user_id[IDENT_SIZE], other_key[128];
static struct ident shared;

/* The last word that a command printed: `user add` and `key add` print the id or key alone. */
static void take_line(const struct buf *out, char *line, size_t size)
{
    snprintf(line, size, "%.*s", (int)strcspn(out->data, "\n"), out->data);
}

static int add_second_user(void)
{
    _cleanup_(buf_release) struct buf user = BUF_INIT, key = BUF_INIT;
    char unique[9];

    random_base62(unique, 8);
    if (ctl(&user, "user add 'Second %s' second-%s@example.com --credit 1000000", unique, unique) !=
        0)
        return -1;
    take_line(&user, other_user_id, sizeof(other_user_id));
    if (ctl(&key, "key add %s --name blackbox", other_user_id) != 0)
        return -1;
    take_line(&key, other_key, sizeof(other_key));
    return 0;
}

static bool image_is_there(const char *name)
{
    return shell(NULL, "$CODESET_CTL image list --json | grep -q '\"%s\"'", name) == 0;
}

static int import_all(void)
{
    if (shell(NULL, "%s %s", MAKE_FIXTURE, folder) != 0)
        return -1;
    if (!image_is_there("blackbox") &&
        ctl(NULL, "image import blackbox %s/image.tar >&2", folder) != 0)
        return -1;
    /* An image that samples name and that is gone by the time they are used. */
    if (!image_is_there("blackbox-vanished") &&
        ctl(NULL, "image import blackbox-vanished %s/image.tar >&2", folder) != 0)
        return -1;
    if (ctl(NULL, "dataset import %s/blackbox.jsonl --dataset " DATASET " >&2", folder) != 0 ||
        ctl(NULL, "dataset import %s/paging.jsonl --dataset " PAGING " >&2", folder) != 0)
        return -1;
    return ctl(NULL, "image remove --force blackbox-vanished >&2") == 0 ? 0 : -1;
}

int fixture_open(void)
{
    snprintf(folder, sizeof(folder), "/tmp/codeset-fixture-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    if (add_second_user() < 0) {
        fprintf(stderr, "fixture: codesetctl could not add a user and a key\n");
        return -1;
    }
    if (import_all() < 0) {
        fprintf(stderr, "fixture: codesetctl could not import image and data sets\n");
        return -1;
    }
    return 0;
}

void fixture_close(void)
{
    struct error ignored = ERROR_INIT;

    if (*shared.text)
        session_close(NULL, shared.text);
    if (*folder)
        remove_tree(folder, &ignored);
}

const char *fixture_session(void)
{
    if (!*shared.text) {
        _cleanup_(answer_release) struct answer *answer = NULL;

        shared = session_ready(NULL, DATASET, SOLVABLE);
        answer = client_get("/sessions/%s", shared.text);
        snprintf(user_id, sizeof(user_id), "%s", answer_text(answer, "user_id"));
    }
    return *shared.text ? shared.text : "no-session";
}

const char *fixture_user(void)
{
    fixture_session();
    return user_id;
}

const char *fixture_other_key(void)
{
    return other_key;
}

const char *fixture_other_user(void)
{
    return other_user_id;
}

const char *fixture_folder(void)
{
    return folder;
}
