#include "agent/operations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/request.h"
#include "base/mem.h"

#include "base/banned.h"

#ifndef __clang__
/* gcc 12's analyzer does not count references, so each second operation_unref is a use after free.
 */
#pragma GCC diagnostic ignored "-Wanalyzer-use-after-free"
#endif

struct waiter {
    SLIST_ENTRY(waiter) links;
    struct evhttp_request *req;
};

struct operations {
    TAILQ_HEAD(, operation) list; /* the latest answered last */
    size_t count;
};

struct operations *operations_new(void)
{
    struct operations *operations = xcalloc(1, sizeof(*operations));

    TAILQ_INIT(&operations->list);
    return operations;
}

bool operation_id_valid(const char *id)
{
    size_t length = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    return length > 0 && length <= AGENT_ID_MOST && id[length] == '\0';
}

struct operation *operation_ref(struct operation *operation)
{
    operation->references++;
    return operation;
}

void operation_unref(struct operation *operation)
{
    if (--operation->references == 0)
        operation->kind->free(operation);
}

struct operation *operations_find(struct operations *operations, const char *id)
{
    struct operation *operation;

    TAILQ_FOREACH(operation, &operations->list, links)
    if (operation->known && strcmp(operation->id, id) == 0)
        return operation;
    return NULL;
}

static void unlist(struct operation *operation)
{
    struct operations *operations = operation->operations;

    if (!operation->listed)
        return;
    operation->listed = false;
    operation->known = false;
    TAILQ_REMOVE(&operations->list, operation, links);
    operations->count--;
    operation->kind->unlisted(operation);
    operation_unref(operation);
}

int operations_make_room(struct operations *operations, struct error *err)
{
    struct operation *operation;

    if (operations->count < AGENT_OPERATIONS_MOST)
        return 0;
    TAILQ_FOREACH(operation, &operations->list, links)
    {
        if (operation->ended && operation->answered) {
            unlist(operation);
            return 0;
        }
    }
    return error_set(err, ERROR_UNAVAILABLE, NULL, "there are already %d unfinished operations",
                     AGENT_OPERATIONS_MOST);
}

void operation_init(struct operation *operation, const struct operation_kind *kind, const char *id)
{
    snprintf(operation->id, sizeof(operation->id), "%s", id);
    operation->kind = kind;
    operation->references = 1;
}

void operations_add(struct operations *operations, struct operation *operation)
{
    operation->operations = operations;
    operation->listed = true;
    operation->known = true;
    operation_ref(operation);
    TAILQ_INSERT_TAIL(&operations->list, operation, links);
    operations->count++;
}

void operation_forget(struct operation *operation)
{
    operation->known = false;
    if (operation->ended)
        unlist(operation);
    else
        operation->kind->abandon(operation);
}

/* A client that has gone was told nothing. */
static void answer(struct operation *operation, struct evhttp_request *req)
{
    struct operations *operations = operation->operations;

    if (request_has_client(req)) {
        operation->answered = true;
        if (operation->listed) {
            TAILQ_REMOVE(&operations->list, operation, links);
            TAILQ_INSERT_TAIL(&operations->list, operation, links);
        }
    }
    operation->kind->answer(operation, req);
}

void operation_wait(struct operation *operation, struct evhttp_request *req)
{
    struct waiter *waiter;

    if (operation->ended) {
        answer(operation, req);
        return;
    }
    waiter = xcalloc(1, sizeof(*waiter));
    waiter->req = req;
    SLIST_INSERT_HEAD(&operation->waiters, waiter, links);
}

void operation_end(struct operation *operation, bool keep)
{
    struct waiter *waiter;

    operation->ended = true;
    operation_ref(operation); /* the last one may be the table's */
    if (!keep || !operation->known)
        unlist(operation);
    while ((waiter = SLIST_FIRST(&operation->waiters))) {
        SLIST_REMOVE_HEAD(&operation->waiters, links);
        answer(operation, waiter->req);
        free(waiter);
    }
    operation_unref(operation);
}
