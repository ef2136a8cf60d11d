/* A log that walproxy's loop can use, whatever it is kept in: log_writer.h (WAL_MODE=file) and
 * log_memory.h (WAL_MODE=memory) both give one.
 *
 * All calls come from the loop thread.  Open gives the records that are there, start begins the work;
 * then the port takes wishes, fd becomes readable when something was completed, and next hands the
 * completions out one by one.  close finishes what is queued (it may wait for the disk), hands out no
 * more completions and frees everything.
 *
 * A log opened by hand has no thread: nothing is written but in work (and close), and drop is possible. */
#ifndef WALDRILL_PROXY_IO_LOG_STORE_H
#define WALDRILL_PROXY_IO_LOG_STORE_H

#include "base/block.h"
#include "base/error.h"
#include "proxy/core/core.h"
#include "proxy/ports/ports.h"
#include <stdbool.h>
#include <stdint.h>

struct log_store;

struct log_store_ops {
    int (*start)(struct log_store *store, struct errmsg *msg);
    int (*fd)(const struct log_store *store);
    bool (*next)(struct log_store *store, struct core_event *event);
    struct log_port (*port)(struct log_store *store);
    int (*hand_over)(struct log_store *store,
                     struct errmsg *msg); /* NULL: a restart finds everything anyway */
    void (*take)(struct log_store *store);
    bool (*work)(struct log_store *store);
    uint64_t (*deadline)(const struct log_store *store);
    void (*close)(struct log_store *store);
    void (*drop)(struct log_store *store);
};

struct log_store {
    const struct log_store_ops *ops;
};

/* Starts the log thread, where there is one. */
static inline int log_store_start(struct log_store *store, struct errmsg *msg)
{
    return store->ops->start(store, msg);
}

/* A descriptor for epoll (level-triggered, never read by the caller): readable while next has something. */
static inline int log_store_fd(const struct log_store *store)
{
    return store->ops->fd(store);
}

/* The next completion as CORE_EV_LOG_DURABLE, CORE_EV_LOG_FAILED or CORE_EV_LOG_READ; false = none.
 * kind and u are filled; now_ns and wall_ms are the caller's.  What the event borrows (blocks, detail)
 * is valid until the next call of next or close. */
static inline bool log_store_next(struct log_store *store, struct core_event *event)
{
    return store->ops->next(store, event);
}

static inline struct log_port log_store_port(struct log_store *store)
{
    return store->ops->port(store);
}

/* At an orderly end, before close: what would be lost with this process is written down. */
static inline int log_store_hand_over(struct log_store *store, struct errmsg *msg)
{
    return store->ops->hand_over == NULL ? 0 : store->ops->hand_over(store, msg);
}

/* By hand: what is queued now, and nothing that comes later, is what the next work writes; as a disk that is
 * at it already. */
static inline void log_store_take(struct log_store *store)
{
    store->ops->take(store);
}

/* By hand: writes what is queued and, when its time has come, does what was left for an idle moment; false =
 * there was nothing to do. */
static inline bool log_store_work(struct log_store *store)
{
    return store->ops->work(store);
}

/* By hand: the real instant at which work has something to do, 0 = at once, UINT64_MAX = nothing is left. */
static inline uint64_t log_store_deadline(const struct log_store *store)
{
    return store->ops->deadline(store);
}

/* By hand: ends as a killed process does.  What was written stays, what was only queued is gone. */
static inline void log_store_drop(struct log_store *store)
{
    if (store != NULL) {
        store->ops->drop(store);
    }
}

static inline void log_store_close(struct log_store *store)
{
    if (store != NULL) {
        store->ops->close(store);
    }
}

#endif
