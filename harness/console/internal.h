/* What the parts of the console share.  Private to harness/console. */
#ifndef WALDRILL_HARNESS_CONSOLE_INTERNAL_H
#define WALDRILL_HARNESS_CONSOLE_INTERNAL_H

#include "base/buf.h"
#include "harness/console/console.h"
#include "harness/console/order.h"
#include "harness/console/past.h"
#include "harness/console/steps.h"
#include "harness/runner/status_figures.h"
#include <microhttpd.h>
#include <pthread.h>

#define CONSOLE_DOCUMENT ((size_t)4 << 20) /* the largest answer that is looked at or given */

#define CONSOLE_HELD 64

/* A fault that the console has made and keeps alive. */
struct console_fault {
    unsigned instance; /* 0 primary, 1 replica */
    uint64_t id;
};

/* A deed that a thread of the page asks of the balancer's parent. */
enum wish_state { WISH_NONE, WISH_ASKED, WISH_TAKEN, WISH_DONE };
struct console_wish {
    enum wish_state state;
    enum console_deed deed;
    int rv;
    struct errmsg msg;
};

struct console {
    struct console_setup setup;
    char *own_urls[5];  /* what setup's urls and controls point to */
    uint64_t start_ns;  /* of the machine's clock: the page's 0 */
    int64_t started_ms; /* since 1970 */
    uint64_t period_ns; /* between two looks */
    unsigned port;
    struct MHD_Daemon *daemon;
    pthread_t threads[2];
    unsigned thread_count;

    pthread_mutex_t lock; /* over all that follows */
    pthread_cond_t wake;
    pthread_cond_t wished; /* the wish has another state */
    bool stopping;
    struct console_wish wish;
    struct console_fault held[CONSOLE_HELD];
    size_t held_count;
    uint64_t written; /* test records */
    struct steps_now step;
    struct past past;
    struct past_spans alerts, faults;
    struct buf status;        /* the last /status that was answered; empty: none yet */
    struct buf mocks[2];      /* the last status of each mock; empty: it does not answer */
    struct errmsg silent_why; /* why the balancer does not answer */
};

/* Time of the stack since the page began. */
int64_t console_now_ns(const struct console *c);
/* watch.c */
int watch_begin(struct console *c, struct errmsg *msg);
void watch_end(struct console *c);
/* front.c */
int front_open(struct console *c, struct errmsg *msg);
void front_close(struct console *c);
/* act.c: carries an order out and blocks until it is known what came of it.  The HTTP status to answer with;
 * out gets the other side's answer (JSON, or empty), msg why it was not done. */
unsigned act_do(struct console *c, const struct order *order, struct buf *out, struct errmsg *msg);
/* What /admin tells. */
unsigned act_look(struct console *c, const char *path, struct buf *out, struct errmsg *msg);
uint64_t act_lease_ns(const struct console *c);
/* live.c: what the page draws, from sample number after + 1 on; the caller holds the lock. */
void live_write(const struct console *c, uint64_t from, struct buf *out);

#endif
