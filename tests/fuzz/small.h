/* A small mock for the fuzz targets: one collection with a few records of every shape, the same bytes and the
 * same UUID each time, so that an input that fails once fails always. */
#ifndef WALDRILL_TESTS_FUZZ_SMALL_H
#define WALDRILL_TESTS_FUZZ_SMALL_H

#include "base/buf.h"
#include "base/uuid.h"
#include "mockchroma/core/mock.h"
#include <stdbool.h>

#define SMALL_RECORDS     6
#define SMALL_COLLECTIONS "/api/v2/tenants/default_tenant/databases/default_database/collections"

struct small {
    struct mock *mock;
    uint64_t now_ns;
    uint64_t conn;
    uint64_t requests;
    int status;           /* of the request sent last; 0 = no answer yet */
    struct buf body;      /* of that answer */
    struct buf journal;   /* copy of what the journal told last */
    size_t blocks_before; /* bytes of blocks that lived before the mock */
    char uuid[UUID_TEXT_SIZE + 1];
};

void small_init(struct small *s);
/* Frees the mock and requires that it left no block behind. */
void small_deinit(struct small *s);
/* Sends to the collection ("get") or, with a slash in front, to a target; body NULL = none. */
void small_send(struct small *s, const char *method, const char *where, struct str body);
/* Lets the mock's timers run down, at most so many of them. */
void small_wait(struct small *s, unsigned timers);
void small_step(struct small *s, struct mock_event event);
/* The answer received last is JSON. */
bool small_answer_is_json(const struct small *s);

#endif
