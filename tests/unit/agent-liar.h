/*
 * agent-liar.h - an agent that lies: a process that answers each request with what a table says.
 */
#ifndef CODESET_TESTS_AGENT_LIAR_H
#define CODESET_TESTS_AGENT_LIAR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct lie {
    const char *request; /* how its first line begins */
    const char *answer;
    size_t length;       /* of the answer; 0: it is a text */
    const char *endless; /* follows, over and over */
    bool at_once;        /* does not wait for the end of the body */
    int gate;            /* waits for a byte there before it reads the body; 0: does not */
};

struct liar {
    pid_t pid;
    char address[104];
};

/* Starts it on a socket of that name in the folder; lies: used until it is closed. */
void liar_open(struct liar *liar, const char *folder, const char *name, const struct lie *lies,
               size_t count);
void liar_close(struct liar *liar);

#endif
