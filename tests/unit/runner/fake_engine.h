/* A stack that exists only as a table of answers: lets the runner's own decisions be tested without a
 * proxy.  Time is virtual; every request is answered 5 ms after it was sent. */
#ifndef WALDRILL_TESTS_UNIT_RUNNER_FAKE_ENGINE_H
#define WALDRILL_TESTS_UNIT_RUNNER_FAKE_ENGINE_H

#include "harness/engine.h"

#define FAKE_REQUESTS 4096

struct fake_request {
    uint64_t at_ns, answer_ns;
    uint64_t tag;
    engine_answer_cb *cb;
    void *context;
    char method[8];
    char path[256];
    char body[256];
    char headers[256];
    enum engine_target target;
    bool open;
};

struct fake_engine {
    struct engine base; /* first: an engine is a fake_engine */
    /* What it does; all zero = everything works. */
    uint64_t fault_hits;
    int write_status;          /* 0 = 201 */
    bool refuse_after_creates; /* request() itself fails once the collections are there */
    bool fault_clear_fails;
    bool open_fails;
    bool open_unsupported;
    const char *cannot; /* what supports() says it cannot do; NULL = it can do everything */
    bool never_drains;
    bool status_silent;                  /* /status answers 503 */
    uint64_t overshoot_ns;               /* advance() comes back that much too late */
    double pending_from_s, pending_to_s; /* /status says 7 pending writes then */
    double firing_from_s, firing_to_s;   /* /alerts says that replay_failures fires then */
    bool alerts_silent;                  /* /alerts answers 404 */
    char create_body[64];                /* of the step's create; "" = as for the loads */
    /* What it saw. */
    uint64_t now_ns;
    struct fake_request requests[FAKE_REQUESTS];
    size_t request_count;
    size_t open_count;
    size_t status_requests, alert_requests;
    size_t faults_added, faults_removed, clears, kills, starts;
    size_t disk_begun, disk_ended;
    enum lb_disk disk_kind;
    uint64_t disk_by_ns;
    bool opened;
    uint64_t fault_added_ns, fault_removed_ns;
    bool finished;
    struct history *history;
};

void fake_engine_init(struct fake_engine *fake);

#endif
