/* The clients of a real run: many requests at once through one curl multi handle, each answered by exactly
 * one callback.  Nothing is ever sent twice behind our back: the oracles count. */
#ifndef WALDRILL_HARNESS_REAL_REQUESTS_H
#define WALDRILL_HARNESS_REAL_REQUESTS_H

#include "harness/engine.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct requests; /* owned by the engine */

/* now_ns: scenario time, asked when a request leaves and when its answer is complete. */
struct requests *requests_new(uint64_t (*now_ns)(void *context), void *context);
void requests_free(struct requests *r); /* open ones end without callback */
/* timeout_ms is real time.  socket: the path of a Unix socket to connect to instead of the URL's host; NULL =
 * by the URL; copied. */
int requests_send(struct requests *r, const char *base_url, const char *socket,
                  const struct engine_request *request, long timeout_ms, uint64_t tag, engine_answer_cb *cb,
                  void *context, struct errmsg *msg);
/* Moves bytes and delivers answers, waiting at most wait_ms for something to happen. */
int requests_turn(struct requests *r, int wait_ms, struct errmsg *msg);
bool requests_worked(const struct requests *r); /* whether the last turn found something to do */
/* When a turn has something to do unless a socket becomes ready: an instant of CLOCK_MONOTONIC, UINT64_MAX =
 * none.
 */
uint64_t requests_deadline(const struct requests *r);
size_t requests_open(const struct requests *r);

#endif
