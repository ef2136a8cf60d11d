/* The control API of a mock (docs/faults.md), asked one exchange at a time.  Blocking: the answers come from
 * memory over loopback within a millisecond, and a bound of some seconds catches what does not answer. */
#ifndef WALDRILL_HARNESS_REAL_CONTROL_H
#define WALDRILL_HARNESS_REAL_CONTROL_H

#include "base/buf.h"
#include "base/error.h"
#include <stdint.h>

struct control_request {
    const char *base_url, *method, *path;
    const char *token; /* as Authorization: Bearer; NULL = none */
    struct str body;
    long timeout_ms; /* 0 = ten seconds */
};

/* answer is cleared first; an answer other than 2xx is an error with the other side's own words.  *status
 * (may be NULL) is that of the answer, 0 when there was none. */
int control_send(const struct control_request *request, struct buf *answer, long *status, struct errmsg *msg);

/* answer is cleared first; an answer other than 2xx is an error with the mock's own words. */
int control_ask(const char *base_url, const char *method, const char *path, struct str body,
                struct buf *answer, struct errmsg *msg);

/* The same for what walproxy tells of itself: GET, with its STATUS_TOKEN (NULL = none). */
int control_look(const char *base_url, const char *path, const char *token, struct buf *answer,
                 struct errmsg *msg);

#endif
