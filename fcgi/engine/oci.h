/*
 * oci.h - the engine `oci`: containers of this host, started by codeset-engined.
 *
 * Asks over codeset-engined's socket (wire/engined.h). Where that is not there, or goes away, it
 * connects again with growing pauses, and asks again what was not answered; what is asked meanwhile
 * waits. So the end of codeset-engined, at any instant, costs time and nothing else.
 *
 * A watch holds what codeset-engined sent along: pid 1's pidfd, which the loop waits for, and the
 * file that counts the kills by the memory limit. So neither needs codeset-engined to be there.
 *
 * DIAGNOSTICS: engined_lost, with the reason; engined_back, when it answers again.
 */
#ifndef CODESET_ENGINE_OCI_H
#define CODESET_ENGINE_OCI_H

#include "base/error.h"
#include "engine/engine.h"

struct event_base;

/* socket: codeset-engined's; need not be there yet. */
struct engine *oci_new(struct event_base *base, const char *socket);

#endif
