/*
 * mem.h - allocation that aborts when there is no memory.
 *
 * That is acceptable only because every size that comes from outside is limited beforehand.
 * Everything returned is released with free().
 */
#ifndef CODESET_BASE_MEM_H
#define CODESET_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size); /* zeroed; aborts on overflow too */
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *text);                 /* NULL gives NULL */
char *xstrndup(const char *text, size_t length); /* adds a NUL */
void *xmemdup(const void *bytes, size_t size);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

#endif
