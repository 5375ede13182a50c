/*
 * changes.h - trees of files as archives, run in a worker: what a pristine tree holds, how a
 * session's differs, the same applied to the original one, reports, and a tree as it is.
 *
 * Both sides of an archive are this file, so its form is the one that docs/agent-protocol.md
 * tells and no other.
 */
#ifndef CODESET_AGENT_CHANGES_H
#define CODESET_AGENT_CHANGES_H

struct evhttp_request;

#define CHANGES_MANIFEST ".codeset-manifest"

void listing_get(struct evhttp_request *req, int out);  /* GET /listing */
void changes_post(struct evhttp_request *req, int out); /* POST /changes */
void changes_put(struct evhttp_request *req, int out);  /* PUT /changes */
void files_get(struct evhttp_request *req, int out);    /* GET /files */
void archive_get(struct evhttp_request *req, int out);  /* GET /archive */

#endif
