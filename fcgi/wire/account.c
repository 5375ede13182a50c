#include "wire/account.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
#define FIELDS 7 /* of a line of passwd */

/* The two halves of a spec. */
struct spec {
    char user[ACCOUNT_SPEC_MOST + 1], group[ACCOUNT_SPEC_MOST + 1]; /* group "": none was named */
};

struct field {
    const char *text;
    size_t length;
};

bool account_spec_valid(const char *spec)
{
    const size_t user = strspn(spec, NAME_CHARACTERS);
    size_t group;

    if (user == 0 || spec[0] == '-' || strlen(spec) > ACCOUNT_SPEC_MOST)
        return false;
    if (spec[user] == '\0')
        return true;
    group = strspn(spec + user + 1, NAME_CHARACTERS);
    return spec[user] == ':' && group > 0 && spec[user + 1 + group] == '\0';
}

static void split_spec(const char *spec, struct spec *ret_spec)
{
    const char *colon = strchr(spec, ':');
    const int length = colon ? (int)(colon - spec) : (int)strlen(spec);

    snprintf(ret_spec->user, sizeof(ret_spec->user), "%.*s", length, spec);
    snprintf(ret_spec->group, sizeof(ret_spec->group), "%s", colon ? colon + 1 : "");
}

/* Splits the line that `*at` is at into its fields, and goes on to the next one. Returns how many
 * there were, at most FIELDS. */
static size_t next_line(const char **at, struct field fields[FIELDS])
{
    const char *end = *at + strcspn(*at, "\n");
    size_t count = 0;

    for (const char *from = *at; count < FIELDS; count++) {
        const char *colon = memchr(from, ':', (size_t)(end - from));

        fields[count] = (struct field){from, (size_t)((colon ? colon : end) - from)};
        if (colon == NULL) {
            count++;
            break;
        }
        from = colon + 1;
    }
    *at = *end == '\n' ? end + 1 : end;
    return count;
}

static bool is(const struct field *field, const char *text)
{
    return strlen(text) == field->length && memcmp(field->text, text, field->length) == 0;
}

/* A number that a container's user or group may have. */
static bool read_id(const struct field *field, unsigned *ret_id)
{
    unsigned id = 0;

    if (field->length == 0 || field->length > 5)
        return false;
    for (size_t i = 0; i < field->length; i++) {
        if (field->text[i] < '0' || field->text[i] > '9')
            return false;
        id = id * 10 + (unsigned)(field->text[i] - '0');
    }
    if (id > ACCOUNT_ID_MOST)
        return false;
    *ret_id = id;
    return true;
}

static bool is_number(const char *text)
{
    return text[strspn(text, "0123456789")] == '\0';
}

static int too_large(const char *text, struct error *err)
{
    return error_set(err, ERROR_INVALID, NULL,
                     "%.80s is no id of a container's user; the last is %d", text, ACCOUNT_ID_MOST);
}

/* The user's own line: id, group and home. */
static bool find_user(const char *passwd, const struct spec *spec, struct account *account,
                      char name[ACCOUNT_SPEC_MOST + 1])
{
    const bool by_number = is_number(spec->user);
    struct field fields[FIELDS];
    unsigned uid, gid;

    while (*passwd != '\0') {
        const size_t count = next_line(&passwd, fields);

        if (count < 4 || !read_id(&fields[2], &uid) || !read_id(&fields[3], &gid) ||
            (by_number ? uid != account->uid : !is(&fields[0], spec->user)))
            continue;
        account->uid = uid;
        account->gid = gid;
        if (count > 5 && fields[5].length > 0 && fields[5].length < sizeof(account->home) &&
            fields[5].text[0] == '/')
            snprintf(account->home, sizeof(account->home), "%.*s", (int)fields[5].length,
                     fields[5].text);
        snprintf(name, ACCOUNT_SPEC_MOST + 1, "%.*s",
                 fields[0].length > ACCOUNT_SPEC_MOST ? 0 : (int)fields[0].length, fields[0].text);
        return true;
    }
    return false;
}

/* Is the name among those of a group's line, which have commas between them? */
static bool is_member(const struct field *members, const char *name)
{
    const size_t length = strlen(name);
    const char *at = members->text, *end = members->text + members->length;

    while (length > 0 && at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const size_t size = (size_t)((comma ? comma : end) - at);

        if (size == length && memcmp(at, name, length) == 0)
            return true;
        at += size + 1;
    }
    return false;
}

static void add_groups(const char *group, const char *name, struct account *account)
{
    struct field fields[FIELDS];
    unsigned gid;

    while (*group != '\0' && account->group_count < ACCOUNT_GROUPS_MOST)
        if (next_line(&group, fields) >= 4 && read_id(&fields[2], &gid) &&
            is_member(&fields[3], name))
            account->groups[account->group_count++] = gid;
}

static int find_group(const char *group, const char *wanted, gid_t *ret_gid, struct error *err)
{
    const struct field number = {wanted, strlen(wanted)};
    struct field fields[FIELDS];
    unsigned gid;

    if (is_number(wanted)) {
        if (!read_id(&number, &gid))
            return too_large(wanted, err);
        *ret_gid = gid;
        return 0;
    }
    while (*group != '\0')
        if (next_line(&group, fields) >= 3 && is(&fields[0], wanted) && read_id(&fields[2], &gid)) {
            *ret_gid = gid;
            return 0;
        }
    return error_set(err, ERROR_NOT_FOUND, NULL, "the image's /etc/group has no group '%.80s'",
                     wanted);
}

int account_find(const char *passwd, const char *group, const char *spec,
                 struct account *ret_account, struct error *err)
{
    struct account account = {.home = "/"};
    char name[ACCOUNT_SPEC_MOST + 1] = "";
    struct spec parts;
    struct field number;

    if (!account_spec_valid(spec))
        return error_set(err, ERROR_INVALID, NULL, "'%.80s' is not the name or number of a user",
                         spec);
    split_spec(spec, &parts);
    number = (struct field){parts.user, strlen(parts.user)};
    if (is_number(parts.user) && !read_id(&number, &account.uid))
        return too_large(parts.user, err);
    if (!find_user(passwd, &parts, &account, name) && !is_number(parts.user))
        return error_set(err, ERROR_NOT_FOUND, NULL, "the image's /etc/passwd has no user '%.80s'",
                         parts.user);
    if (parts.group[0] == '\0')
        add_groups(group, name, &account);
    else if (find_group(group, parts.group, &account.gid, err) < 0)
        return -1;
    *ret_account = account;
    return 0;
}
