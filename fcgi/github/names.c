#include "github/names.h"

#include <stdbool.h>
#include <string.h>

#include "base/banned.h"

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#define OWNER_MAX 39
#define REPO_NAME_MAX 100

static bool ends_with(const char *text, size_t length, const char *tail)
{
    size_t size = strlen(tail);

    return length >= size && memcmp(text + length - size, tail, size) == 0;
}

const char *github_repo_wrong(const char *repo)
{
    static const char form[] = "the repository should be owner/name, as octocat/hello-world";
    size_t owner = strcspn(repo, "/");
    const char *name = repo + owner + 1;
    size_t length;

    if (repo[owner] != '/' || strchr(name, '/'))
        return form;
    length = strlen(name);
    if (owner == 0 || owner > OWNER_MAX || repo[0] == '-' || repo[0] == '_' ||
        strspn(repo, LETTERS_AND_DIGITS "-_") != owner)
        return form;
    if (length == 0 || length > REPO_NAME_MAX || strspn(name, LETTERS_AND_DIGITS "-_.") != length ||
        strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return form;
    if (ends_with(name, length, ".git"))
        return "the repository should be owner/name, without .git at its end";
    return NULL;
}

/* One of the parts between slashes. */
static bool component_wrong(const char *part, size_t length)
{
    return length == 0 || part[0] == '.' || ends_with(part, length, ".lock");
}

const char *git_ref_wrong(const char *ref)
{
    static const char wrong[] =
        "the ref should be the name of a branch or tag, or a commit's id (git-check-ref-format)";
    size_t length = strlen(ref);

    if (length == 0)
        return NULL;
    for (const char *c = ref; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f || strchr("~^:?*[\\", *c))
            return wrong;
    }
    if (ref[0] == '-' || ref[length - 1] == '.' || strcmp(ref, "@") == 0 || strstr(ref, "..") ||
        strstr(ref, "@{"))
        return wrong;
    for (const char *part = ref;; part++) {
        size_t size = strcspn(part, "/");

        if (component_wrong(part, size))
            return wrong;
        part += size;
        if (!*part)
            return NULL;
    }
}
