#include "http/prefer.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/banned.h"

/* The end of one preference: the next comma that is not within a quoted string. */
static const char *end_of_preference(const char *at)
{
    bool quoted = false;

    for (; *at; at++) {
        if (quoted && *at == '\\' && at[1])
            at++;
        else if (*at == '"')
            quoted = !quoted;
        else if (*at == ',' && !quoted)
            break;
    }
    return at;
}

/* `preference` begins behind its name: [ BWS "=" BWS word ] *( OWS ";" ... ). -1: no number. */
static int wait_value(const char *at, const char *end)
{
    int seconds = 0;
    bool quoted;

    at += strspn(at, " \t");
    if (at >= end || *at != '=')
        return -1;
    at++;
    at += strspn(at, " \t");
    quoted = at < end && *at == '"';
    at += quoted;
    if (at >= end || *at < '0' || *at > '9')
        return -1;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        if (seconds <= PREFER_WAIT_MOST)
            seconds = seconds * 10 + (*at - '0');
    if (quoted && (at >= end || *at++ != '"'))
        return -1;
    at += strspn(at, " \t");
    if (at < end && *at != ';')
        return -1;
    return seconds < PREFER_WAIT_MOST ? seconds : PREFER_WAIT_MOST;
}

int prefer_wait(const char *header)
{
    while (header && *header) {
        const char *name = header + strspn(header, " \t,");
        const char *end = end_of_preference(name);

        if (strcspn(name, " \t=;,") == 4 && strncasecmp(name, "wait", 4) == 0) {
            int seconds = wait_value(name + 4, end);

            if (seconds >= 0)
                return seconds;
        }
        header = end;
    }
    return -1;
}

int64_t hold_ms(int prefer, int64_t own, int64_t created_at, int64_t now)
{
    if (prefer >= 0)
        return (int64_t)prefer * 1000;
    if (own >= 0)
        return own * 1000;
    return (now - created_at) / 1000 < HOLD_FIRST_MS ? HOLD_FIRST_MS : HOLD_LATER_MS;
}
