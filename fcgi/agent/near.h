/*
 * near.h - where a file has nearly the text that was looked for. Pure.
 *
 * What agents get wrong is nearly always one of three things: Windows line ends, blanks, or the
 * case of letters. A file that has the text but for these is told so, with the line; else the first
 * line that the text has and the file has, too.
 */
#ifndef CODESET_AGENT_NEAR_H
#define CODESET_AGENT_NEAR_H

#include <stddef.h>

#define NEAR_HINT_SIZE 240

/* hint: the rest of a sentence, beginning with a semicolon; "" where nothing is near, or the file
 * is larger than 4 MiB. Costs as much as reading the content a few times, whatever the two texts
 * are. */
void near_hint(const char *content, size_t content_length, const char *text, size_t text_length,
               char hint[NEAR_HINT_SIZE]);

#endif
