/*
 * interactions.h - the daemon's half of an interaction: claim, hand to the agent, write the end.
 *
 * The command belongs to the agent: it survives this daemon, and an id that was sent is never
 * carried out again in the same container, be it a command's or a file operation's. A result is
 * received when there is room for it in memory (reaper/admission.h), kept here until it is written,
 * and there until it is forgotten.
 */
#ifndef CODESET_REAPER_INTERACTIONS_H
#define CODESET_REAPER_INTERACTIONS_H

#include "reaper/kinds.h"

extern const struct kind interaction_kind;

#endif
