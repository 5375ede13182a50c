/*
 * edit.h - the file operations of the API, run in a worker.
 *
 * The guest's links are followed: they lead no further than its own container, and the worker has
 * no more rights in it than the guest. What is not a regular file of an ordinary file system is
 * refused before it is opened, files are replaced in one step (a temporary beside them, renamed),
 * and everything ends within EDIT_MILLISECONDS, answered and tidied up.
 */
#ifndef CODESET_AGENT_EDIT_H
#define CODESET_AGENT_EDIT_H

struct evhttp_request;

#define EDIT_MILLISECONDS 4500 /* before the agent gives up on a worker, AGENT_FILE_SECONDS */

/* The names of temporaries, for fnmatch(3): one is left where an operation is killed outright. */
#define EDIT_HEX_4 "[0-9a-f][0-9a-f][0-9a-f][0-9a-f]"
#define EDIT_TEMPORARY_PATTERN ".codeset-" EDIT_HEX_4 EDIT_HEX_4 EDIT_HEX_4 EDIT_HEX_4 ".tmp"

/*
 * Once, before the first: edits take turns from the first look at a file to its exchange. Two that
 * were under way together would each put its own change into what was there before, and one be
 * lost. One whose turn does not come within EDIT_MILLISECONDS changes nothing, and says so. Ends
 * the process where it can't be had.
 */
void edit_prepare(void);

void edit_replace(struct evhttp_request *req, int out); /* POST /replace */
void edit_file(struct evhttp_request *req, int out);    /* PUT /file */

#endif
