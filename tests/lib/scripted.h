/* A scripted HTTP server on loopback for tests: what it does is told by the target's first segment.
 *
 *   /echo        200 with the request's method, target and body
 *   /size/N      200 with N bytes 'x' and a content-length
 *   /chunked/N   the same, chunked
 *   /until-close/N  the same, ended by closing
 *   /status/N    N with a small JSON body
 *   /cut/N       promises 2N bytes, sends N, closes
 *   /vanish      reads the request and closes without an answer
 *   /once        answers, then reads the next request whole and closes without an answer
 *   /silent      reads the request and never answers (until stopped)
 *   /interim     a 103, then 200
 *   /garbage     bytes that are not HTTP
 *
 * Each connection has a thread. */
#ifndef WALDRILL_TESTS_LIB_SCRIPTED_H
#define WALDRILL_TESTS_LIB_SCRIPTED_H

#include <stddef.h>

struct scripted;

struct scripted *scripted_start(void); /* NULL when it cannot listen */
unsigned scripted_port(const struct scripted *s);
/* Whole requests read so far (head and body), and connections accepted. */
unsigned scripted_requests(struct scripted *s);
unsigned scripted_connections(struct scripted *s);
/* Connections that the other side has closed. */
unsigned scripted_closed(struct scripted *s);
/* The head of the last request, terminated; copied. */
void scripted_last_head(struct scripted *s, char *out, size_t size);
void scripted_stop(struct scripted *s);

#endif
