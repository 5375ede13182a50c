#include "images/reference.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/mem.h"

#include "base/banned.h"

#define LOWER_DIGITS "abcdefghijklmnopqrstuvwxyz0123456789"
#define LETTERS_DIGITS LOWER_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define SCHEME "docker://"
#define NAME_MOST 52 /* characters of it in the store's name; the rest is the digest's */

/* "registry.example", "localhost:5000" - and not the first folder of a name at docker.io. */
static bool is_registry(const char *text, size_t length)
{
    return memchr(text, '.', length) || memchr(text, ':', length) ||
           (length == strlen("localhost") && memcmp(text, "localhost", length) == 0);
}

/* A host's name, and maybe a port. */
static bool is_host(const char *text, size_t length)
{
    size_t name = strspn(text, LETTERS_DIGITS ".-");

    if (name == 0 || name > length || text[0] == '-')
        return false;
    if (name == length)
        return true;
    return text[name] == ':' && name + 1 < length &&
           strspn(text + name + 1, "0123456789") == length - name - 1;
}

/* Behind the registry: folders and a name, lower case. */
static bool is_name(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bool letter = strchr(LOWER_DIGITS, text[i]) != NULL;

        if (!letter && (!strchr("._-/", text[i]) || i == 0 || i == length - 1))
            return false;
        if (text[i] == '/' && !strchr(LOWER_DIGITS, text[i + 1]))
            return false;
    }
    return length > 0;
}

/* ":v1", "@sha256:..." or nothing. */
static bool is_version(const char *text)
{
    size_t length;

    if (!*text)
        return true;
    if (*text == '@')
        return strncmp(text, "@sha256:", 8) == 0 && strlen(text + 8) == 64 &&
               strspn(text + 8, "0123456789abcdef") == 64;
    if (*text != ':')
        return false;
    length = strspn(text + 1, LETTERS_DIGITS "._-");
    if (length == 0 || length > 128 || text[1] == '.' || text[1] == '-')
        return false;
    return text[1 + length] == '@' ? is_version(text + 1 + length) : !text[1 + length];
}

char *image_reference_full(const char *text, struct error *err)
{
    const char *slash, *name, *version;
    size_t registry = 0;

    if (strncmp(text, SCHEME, strlen(SCHEME)) == 0)
        text += strlen(SCHEME);
    slash = strchr(text, '/');
    if (slash && is_registry(text, (size_t)(slash - text)))
        registry = (size_t)(slash - text);
    name = registry ? slash + 1 : text;
    version = name + strcspn(name, ":@");
    if (strlen(text) > IMAGE_REFERENCE_MOST - 32 || (registry && !is_host(text, registry)) ||
        !is_name(name, (size_t)(version - name)) || !is_version(version)) {
        error_set(err, ERROR_INVALID, NULL,
                  "'%.200s' is no image's name in a registry; it must be like "
                  "registry.example/folder/name:tag",
                  text);
        return NULL;
    }
    return xasprintf("%.*s%s%s%s", registry ? (int)registry : (int)strlen("docker.io"),
                     registry ? text : "docker.io", registry || slash ? "/" : "/library/", name,
                     *version ? "" : ":latest");
}

char *image_reference_store_name(const char *full)
{
    const char *last = strrchr(full, '/') ? strrchr(full, '/') + 1 : full;
    _cleanup_(buf_release) struct buf name = BUF_INIT;
    unsigned char digest[SHA256_SIZE];

    sha256(full, strlen(full), digest);
    for (const char *at = last; *at && *at != '@' && name.length < NAME_MOST; at++) {
        if (strcmp(at, ":latest") == 0)
            break;
        if (*at >= 'A' && *at <= 'Z')
            buf_add_char(&name, (char)(*at - 'A' + 'a'));
        else
            buf_add_char(&name, *at == ':' ? '.' : *at);
    }
    buf_addf(&name, ".%02x%02x%02x%02x%02x", digest[0], digest[1], digest[2], digest[3], digest[4]);
    return buf_take(&name);
}
