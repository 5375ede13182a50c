#include "ctl/operator.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

#define NOBODY_SIGNED_IN 4294967295UL

static char *user_name(uid_t uid)
{
    const struct passwd *entry = getpwuid(uid);

    return entry ? xstrdup(entry->pw_name) : xasprintf("uid %lu", (unsigned long)uid);
}

/* Who signed in to this host: pam_loginuid(8) tells the kernel, and sudo and su leave it as it is.
 * In a service, a container or a host without it there is none. */
static bool signed_in_user(uid_t *ret_uid)
{
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    struct error ignored;
    unsigned long number;

    if (file_read(AT_FDCWD, "/proc/self/loginuid", 32, &text, &ignored) < 0)
        return false;
    number = strtoul(text.data, NULL, 10);
    *ret_uid = (uid_t)number;
    return number < NOBODY_SIGNED_IN;
}

char *operator_name(void)
{
    _cleanup_(free_ptr) char *runs_as = user_name(getuid());
    const char *sudo = getenv("SUDO_USER");
    _cleanup_(free_ptr) char *person = NULL;
    uid_t uid;

    if (signed_in_user(&uid))
        person = user_name(uid);
    else if (getuid() == 0 && sudo && sudo[0])
        person = xstrdup(sudo);
    if (!person || strcmp(person, runs_as) == 0)
        return xstrdup(runs_as);
    return xasprintf("%s (as %s)", person, runs_as);
}
