/* Requests to instances: making them, timing them, and handing their end to who asked. */
#ifndef WALDRILL_PROXY_CORE_CALLS_H
#define WALDRILL_PROXY_CORE_CALLS_H

#include "proxy/core/state.h"

struct call_spec {
    enum call_kind kind;
    unsigned instance;
    struct str method;
    struct str target; /* as the instance knows it */
    struct str content_type;
    struct str request_id;
    bool by_client;          /* a client's own attempt: nothing but its credentials (rule 23) */
    struct str header_lines; /* more, to forward; may be empty */
    struct block *body;      /* borrowed */
    bool head_first;
    bool fresh;
    uint64_t answer_limit;
    uint64_t timeout_ns;
};

#define ANSWER_LIMIT_SMALL   (1u << 20) /* errors, ids, {} */
#define ANSWER_LIMIT_LISTING (64u << 20)

struct call *call_start(struct core *core, const struct call_spec *spec);
struct call *call_find(struct core *core, uint64_t id);
/* Nobody wants its answer any more; it is cancelled and its end ignored. */
void call_drop(struct core *core, uint64_t id);
void call_timed_out(struct core *core, struct call *call);
void call_head(struct core *core, const struct core_event *event);
void call_end(struct core *core, const struct core_event *event);
void calls_free(struct core *core);

/* Rule 28: a timeout is never less than two seconds of real time when time is scaled. */
uint64_t call_timeout_floor(const struct core *core, uint64_t timeout_ns);
/* Rule 18: what a first attempt may take of a client's budget. */
uint64_t call_first_timeout(const struct core *core, size_t body_size);

#endif
