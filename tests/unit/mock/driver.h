/* Drives a mock by hand: requests in, the answers kept as text, time moved by the test. */
#ifndef WALDRILL_TESTS_UNIT_MOCK_DRIVER_H
#define WALDRILL_TESTS_UNIT_MOCK_DRIVER_H

#include "base/memory.h"
#include "base/units.h"
#include "mockchroma/core/mock.h"
#include "tests/lib/suite.h"
#include <stdio.h>

#define DRIVER_LOG 64
#define C_PATH     "/api/v2/tenants/default_tenant/databases/default_database/collections"

struct driver_answer {
    uint64_t request;
    uint64_t conn;
    uint64_t at_ns;
    enum mock_action_kind kind;
    int status;
    int64_t cut_after;
    enum mock_after then;
    uint64_t rate;
    bool listen;
    char headers[512];
    char body[2048];
};

struct driver_entry {
    uint64_t request;
    enum chroma_op op;
    bool applied;
    bool answered;
    uint64_t applied_ns;
    uint64_t answered_ns;
    uint64_t apply_order;
    int status;
    int real_status;
    size_t id_count;
    int64_t first_tag;
    char first_id[64];
    char fault[64];
    char collection[64];
    char request_id[64];
};

struct driver {
    struct mock *mock;
    uint64_t now_ns;
    uint64_t conn; /* used for the next request */
    uint64_t next_request;
    struct driver_answer log[DRIVER_LOG];
    size_t log_count;
    struct driver_entry journal[DRIVER_LOG];
    size_t journal_count;
    char uuid[40]; /* of the collection made last */
};

void driver_init(struct driver *d, const char *latency, uint64_t seed);
void driver_init_sharing(struct driver *d, struct text_pool *texts, uint64_t seed);
void driver_done(struct driver *d);
void driver_step(struct driver *d, struct mock_event event);
/* Sends and returns the number of the request; the answer may or may not be in the log. */
uint64_t driver_send(struct driver *d, const char *method, const char *target, const char *body);
/* The answer to a request, or NULL when none was given yet. */
const struct driver_answer *driver_find(const struct driver *d, uint64_t request);
/* What the journal says of a request, or NULL. */
const struct driver_entry *driver_entry_of(const struct driver *d, uint64_t request);
/* Sends and returns the status, 0 when no answer came at once; *body is valid until the next call. */
int driver_call(struct driver *d, const char *method, const char *target, const char *json,
                const char **body);
void driver_collection(struct driver *d, const char *name);
/* A record operation on the collection made last. */
int driver_record(struct driver *d, const char *op, const char *json, const char **body);
uint64_t driver_record_send(struct driver *d, const char *op, const char *json);
int driver_count(struct driver *d);
void driver_wait(struct driver *d, uint64_t ns);
uint64_t driver_fault(struct driver *d, const char *json);

#endif
