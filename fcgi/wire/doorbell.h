/*
 * doorbell.h - the datagram by which a worker tells the daemon that there is work: "KIND ID", and
 * the kinds of work. See docs/held-requests.md.
 */
#ifndef CODESET_WIRE_DOORBELL_H
#define CODESET_WIRE_DOORBELL_H

#include <stddef.h>

#include "base/id.h"

enum work_kind {
    WORK_SESSION,
    WORK_INTERACTION,
    WORK_VERIFICATION,
    WORK_STRIPE_EVENT,
    WORK_JOB,       /* an agent job that runs here */
    WORK_JOB_RESULT /* a result that came by PUT (agent_job_uploads) */
};

/* "session", "interaction", "verification", "stripe-event", "job" or "job-result". */
const char *work_kind_name(enum work_kind kind);
int work_kind_parse(const char *name, size_t length, enum work_kind *ret_kind);

#define DOORBELL_SIZE 64 /* room for any datagram and a NUL */

/* Writes the datagram's text; returns its length. */
size_t doorbell_write(enum work_kind kind, const struct id *id, char text[DOORBELL_SIZE]);

/* Reads a datagram (length bytes, nothing behind it). Returns 0, or -1 if it is anything else. The
 * id is in lower case, as the database gives ids. */
int doorbell_parse(const char *text, size_t length, enum work_kind *ret_kind, struct id *ret_id);

#endif
