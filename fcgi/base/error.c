#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

int error_set(struct error *err, enum error_kind kind, const char *code, const char *format, ...)
{
    va_list args;

    err->kind = kind;
    err->sys_errno = 0;
    err->code = code;
    va_start(args, format);
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    return -1;
}

static enum error_kind kind_of_errno(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
        return ERROR_UNAVAILABLE;
    default:
        return ERROR_INTERNAL;
    }
}

int error_errno(struct error *err, int errnum, const char *format, ...)
{
    va_list args;
    size_t used;

    err->kind = kind_of_errno(errnum);
    err->sys_errno = errnum;
    err->code = NULL;
    va_start(args, format);
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    used = strlen(err->message);
    snprintf(err->message + used, sizeof(err->message) - used, ": %s", strerror(errnum));
    return -1;
}

int error_wrap(struct error *err, const char *format, ...)
{
    char inner[sizeof(err->message)];
    va_list args;
    size_t used;

    snprintf(inner, sizeof(inner), "%s", err->message);
    va_start(args, format);
    vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    used = strlen(err->message);
    snprintf(err->message + used, sizeof(err->message) - used, ": %s", inner);
    return -1;
}

void error_clear(struct error *err)
{
    memset(err, 0, sizeof(*err));
}

const char *error_kind_name(enum error_kind kind)
{
    static const char *const names[] = {
        [ERROR_NONE] = "none",           [ERROR_INVALID] = "invalid",
        [ERROR_NOT_FOUND] = "not found", [ERROR_CONFLICT] = "conflict",
        [ERROR_LIMIT] = "limit",         [ERROR_UNAVAILABLE] = "unavailable",
        [ERROR_INTERNAL] = "internal",
    };

    return names[kind];
}

bool error_has_code(const struct error *err, const char *code)
{
    return err->code && strcmp(err->code, code) == 0;
}
