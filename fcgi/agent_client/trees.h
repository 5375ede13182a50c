/*
 * trees.h - what the requests that move trees of files have in common.
 */
#ifndef CODESET_AGENT_CLIENT_TREES_H
#define CODESET_AGENT_CLIENT_TREES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent_call;
struct buf;

#define TREE_MS 300000 /* for one request */

/* Paths and queries; `target` is empty before. */
void tree_target_listing(struct buf *target, const char *root);
void tree_target_changes(struct buf *target, const char *root, size_t rules);        /* PUT */
void tree_target_changes_since(struct buf *target, const char *root, int64_t since); /* POST */

/* May `length` more bytes come, where *moved came before and there may be `most`? Counts them. -1
 * with call->failure. archive: it must be one. */
int tree_count(struct agent_call *call, bool archive, int64_t *moved, size_t length, int64_t most);

#endif
