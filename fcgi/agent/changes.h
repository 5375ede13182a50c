/*
 * changes.h - trees of files as archives, run in a worker: what a session changed, the same laid
 * over a pristine tree, and reports.
 *
 * Both sides of an archive are this file, so its form is the one that docs/agent-protocol.md
 * tells and no other.
 */
#ifndef CODESET_AGENT_CHANGES_H
#define CODESET_AGENT_CHANGES_H

struct evhttp_request;

#define CHANGES_MANIFEST ".codeset-manifest"

void changes_get(struct evhttp_request *req, int out); /* GET /changes */
void changes_put(struct evhttp_request *req, int out); /* PUT /changes */
void files_get(struct evhttp_request *req, int out);   /* GET /files */

#endif
