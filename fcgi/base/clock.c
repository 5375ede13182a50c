#include "base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/banned.h"

#define PASS_STEP 250000      /* ns */
#define PASS_MOST (50 * 1000) /* us */

static int64_t read_clock(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * CLOCK_SECOND + now.tv_nsec / 1000;
}

int64_t clock_now(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_of_files(void)
{
    return read_clock(CLOCK_REALTIME_COARSE);
}

int64_t clock_monotonic(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

bool clock_pass_files(void)
{
    const struct timespec while_it_stands = {.tv_nsec = PASS_STEP};
    int64_t now = clock_now(), until = clock_monotonic() + PASS_MOST;

    while (clock_of_files() <= now) {
        if (clock_monotonic() > until)
            return false;
        nanosleep(&while_it_stands, NULL);
    }
    return true;
}

/* The number with its leading zeros, and what follows it. Returns where to go on. */
static char *put(char *at, int number, int digits, char next)
{
    for (int i = digits; i-- > 0; number /= 10)
        at[i] = (char)('0' + number % 10);
    at[digits] = next;
    return at + digits + 1;
}

char *clock_format(int64_t when, char *text)
{
    time_t seconds = (time_t)(when / CLOCK_SECOND);
    struct tm tm;
    char *at = text;

    gmtime_r(&seconds, &tm);
    at = put(at, tm.tm_year + 1900, 4, '-');
    at = put(at, tm.tm_mon + 1, 2, '-');
    at = put(at, tm.tm_mday, 2, 'T');
    at = put(at, tm.tm_hour, 2, ':');
    at = put(at, tm.tm_min, 2, ':');
    at = put(at, tm.tm_sec, 2, '.');
    at = put(at, (int)(when % CLOCK_SECOND), 6, 'Z');
    *at = '\0';
    return text;
}

/* "", "Z", "+02:00" or "-0230", as seconds east of UTC. */
static int parse_offset(const char *text, int *ret_seconds)
{
    int hours, minutes, used = 0, sign = text[0] == '-' ? -1 : 1;

    if (text[0] == '\0' || ((text[0] == 'Z' || text[0] == 'z') && text[1] == '\0')) {
        *ret_seconds = 0;
        return 0;
    }
    if (text[0] != '+' && text[0] != '-')
        return -1;
    if (sscanf(text + 1, "%2d%n", &hours, &used) != 1 || used != 2)
        return -1;
    text += 3;
    if (*text == ':')
        text++;
    if (sscanf(text, "%2d%n", &minutes, &used) != 1 || used != 2 || text[2])
        return -1;
    if (hours > 23 || minutes > 59)
        return -1;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return 0;
}

int clock_parse(const char *text, int64_t *ret_when)
{
    struct tm tm = {0};
    int64_t fraction = 0, unit = CLOCK_SECOND;
    const char *rest;
    int offset;

    rest = strptime(text, "%Y-%m-%d", &tm);
    if (!rest || (*rest != 'T' && *rest != 't' && *rest != ' '))
        return -1;
    rest = strptime(rest + 1, "%H:%M:%S", &tm);
    if (!rest)
        return -1;
    if (*rest == '.') {
        if (!isdigit((unsigned char)*++rest))
            return -1;
        for (; isdigit((unsigned char)*rest); rest++) {
            unit /= 10;
            fraction += (*rest - '0') * unit;
        }
    }
    if (parse_offset(rest, &offset) < 0 || tm.tm_year < 70 || tm.tm_year > 9999 - 1900)
        return -1;
    *ret_when = ((int64_t)timegm(&tm) - offset) * CLOCK_SECOND + fraction;
    return 0;
}

int clock_parse_day(const char *text, int64_t *ret_when)
{
    const int64_t day = 86400 * CLOCK_SECOND;
    char shown[CLOCK_TEXT_SIZE];
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%d", &tm);
    int64_t when;

    if (!rest || tm.tm_year < 70 || tm.tm_year > 9999 - 1900)
        return -1;
    when = (int64_t)timegm(&tm) * CLOCK_SECOND;
    /* The 31st of February is the 3rd of March to timegm. */
    if (strncmp(clock_format(when, shown), text, strlen("2026-11-21")) != 0)
        return -1;
    if (*rest && clock_parse(text, &when) < 0)
        return -1;
    *ret_when = when - when % day;
    return 0;
}
