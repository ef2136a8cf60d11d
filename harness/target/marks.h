/* A rehearsal's collections among those that were there: their names begin with a mark, their metadata
 * carries it, and nothing else is written to.  The runner knows nothing of this: it sees the names it gave.
 */
#ifndef WALDRILL_HARNESS_TARGET_MARKS_H
#define WALDRILL_HARNESS_TARGET_MARKS_H

#include "base/buf.h"
#include "harness/engine.h"

#define MARK_SIZE 80

struct mark_id;

struct marks {
    char run[12];         /* names this rehearsal */
    char mark[MARK_SIZE]; /* "wd-rehearsal-<run>-" */
    struct mark_id *ids;  /* of collections that are ours */
};

/* random: names the run. */
void marks_init(struct marks *m, const char *prefix, uint64_t random);
void marks_deinit(struct marks *m);
/* Path and body as they are sent; both are initialized by the caller.  *learns: the answer names a collection
 * of ours.  ERR_REFUSED with words: it would write to what is not ours. */
int marks_request(struct marks *m, const struct engine_request *request, struct buf *path, struct buf *body,
                  bool *learns, struct errmsg *msg);
/* The answer to a request that learns. */
void marks_learn(struct marks *m, struct str body);
/* A fault document with a collection of ours under its marked name, and with a lease where it has none.  The
 * caller frees it. */
char *marks_fault(const struct marks *m, struct str json, uint64_t lease_ns);

#endif
