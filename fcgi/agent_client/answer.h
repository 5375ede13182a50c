/*
 * answer.h - what an agent's answer says, byte by byte from a hostile source. Pure; the fuzz
 * target is tests/fuzz/fuzz_agent_answer.c.
 */
#ifndef CODESET_AGENT_CLIENT_ANSWER_H
#define CODESET_AGENT_CLIENT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent_client/agent_client.h"
#include "base/buf.h"
#include "base/error.h"

#define ANSWER_HEAD_MOST (32 * 1024) /* all heads of one exchange, interim ones included */
#define ANSWER_JSON_MOST (64 * 1024) /* and a tail's text */

/* The fields of a head that mean something. -1: absent. */
struct answer {
    int status;
    size_t head_bytes;
    int64_t content_length;
    int end; /* enum agent_end */
    int exit_status;
    double seconds;
    int64_t started_at, files_from;
    int64_t out_length, err_length;
    int64_t total;
    int out_truncated, err_truncated;
    bool is_tar;
    char message[512]; /* valid UTF-8 */
};

void answer_init(struct answer *answer);

/* A line of the head, with or without its line end. -1: AGENT_PROTOCOL. */
int answer_head(struct answer *answer, const char *line, size_t length, struct error *err);

/* How many bytes of body a result with this head may have; 0 if the head makes no sense. */
size_t answer_result_most(const struct answer *answer);

/* The result of a command; its texts point into body, which is its `texts`, and answer. -1:
 * AGENT_PROTOCOL. */
int answer_result(const struct answer *answer, struct buf *body, struct agent_result *ret_result,
                  struct error *err);

/* What a command printed last. -1: AGENT_PROTOCOL. */
int answer_tail(const struct answer *answer, const struct buf *body, struct error *err);

/* The outcome of a file operation; *ret_message is appended to. -1: AGENT_PROTOCOL. */
int answer_file(const struct buf *body, bool *ret_success, struct buf *message,
                int64_t *ret_size_bytes, struct error *err);

/* {"protocol":N}, where N is one that we speak; or -1 with AGENT_PROTOCOL. */
int answer_hello(const struct buf *body, int *ret_protocol, struct error *err);

/* What an answer with a status other than 200 means, as an error; the body's message if it has
 * one. Returns -1. */
int answer_refusal(const struct answer *answer, const struct buf *body, struct error *err);

#endif
