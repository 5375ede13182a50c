/*
 * cleanup.h - one owner per handle, released when it leaves its scope.
 *
 *     _cleanup_(close_fd) int fd = open(...);
 *     _cleanup_(buf_release) struct buf out = BUF_INIT;
 *     _cleanup_(free_ptr) char *text = xstrdup("...");
 *
 * The release functions take the address of the variable. To pass a handle on, use
 * TAKE_PTR or TAKE_FD, which leave NULL or -1 in the variable.
 */
#ifndef CODESET_BASE_CLEANUP_H
#define CODESET_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(release) __attribute__((cleanup(release)))

/* Defines NAME(TYPE *), which calls RELEASE on a handle that is not NULL. */
#define DEFINE_CLEANUP(type, name, release)                                                        \
    static inline void name(type *handle)                                                          \
    {                                                                                              \
        if (*handle)                                                                               \
            release(*handle);                                                                      \
    }

#define TAKE_PTR(ptr)                                                                              \
    ({                                                                                             \
        __typeof__(ptr) taken_ = (ptr);                                                            \
        (ptr) = NULL;                                                                              \
        taken_;                                                                                    \
    })

#define TAKE_FD(fd)                                                                                \
    ({                                                                                             \
        int taken_ = (fd);                                                                         \
        (fd) = -1;                                                                                 \
        taken_;                                                                                    \
    })

static inline void free_ptr(void *pointer_to_pointer)
{
    free(*(void **)pointer_to_pointer);
}

/* Closes without touching errno, so that the reason of an error is still there after the cleanup.
 */
void close_fd(int *fd);

DEFINE_CLEANUP(FILE *, close_file, fclose)

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
