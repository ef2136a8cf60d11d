/* Memory: the two ways this project allocates.
 *
 * mem_alloc and friends end the process with a message when memory is gone: bookkeeping is small,
 * bounded by named limits, and a proxy with a durable log loses nothing by stopping.  mem_try_alloc
 * may return NULL and is for what a client can make large (bodies): the request is refused.
 * Tests make either fail on command (memory_fail_after). */
#ifndef WALDRILL_BASE_MEMORY_H
#define WALDRILL_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

void *mem_alloc(size_t size);                     /* zero-filled; never NULL */
void *mem_alloc_array(size_t count, size_t size); /* zero-filled, overflow-checked; never NULL */
void *mem_realloc(void *old, size_t size);        /* never NULL; new bytes are not cleared */
void *mem_try_alloc(size_t size);                 /* zero-filled; NULL when memory is gone */
/* Keeps what old holds (NULL allowed); new bytes are not cleared.  NULL when memory is gone: old stays. */
void *mem_try_realloc(void *old, size_t size);
char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t size); /* terminated copy */
void mem_free(void *p);

/* For a program that serves requests: what one has freed stays for the next, up to some megabytes.  By itself
 * glibc gives the top of the heap back to the kernel and takes it again at nearly every request, a fifth of
 * walproxy's time on the read path.  Once, before the first thread. */
void mem_keep_for_reuse(void);
/* For a program that fills much memory in little time and then ends: nothing freed is given back, and fresh
 * memory comes in large pages where the kernel has them.  Touching pages one by one is a third of a simulated
 * run with large bodies.  Once, before the first thread. */
void mem_expect_bulk(void);

/* Test equipment: the count-th mem_try_* of this thread from now (1 = the next) returns NULL, and
 * all after it when repeat is set; 0 switches it off. */
void memory_fail_after(unsigned count, bool repeat);

#endif
