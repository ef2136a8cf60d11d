/* The log thread and its two mailboxes.
 *
 *     loop thread                              log thread
 *     append/read/trim --> inbox  --swap-->    wal_writer: jobs --> files
 *     next             <-- outbox <--------    notices
 *              eventfd <----------------------
 *
 * The thread takes the whole inbox whenever a job is done and goes on at once: what gathered during one
 * sync is the next commit.  The loop holds a reference on every block it handed over until the notice
 * that covers it has been consumed, because references are counted on the loop thread only; the thread
 * sees slices.
 *
 * A record nobody waits for rides along with the next commit, or goes out when nothing has come for
 * IDLE_WAIT_NS: were it synced at once, the next client's record would wait for that sync too.
 *
 * Without the thread (log_writer_options.hand) the loop does the same work itself, when it is told to.
 *
 * Failure: the writer stops for good (proxy/wal/writer.h); the loop gets one LOG_FAILED. */
#include "proxy/io/log_writer.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/io/io_clock.h"
#include "proxy/io/log_dir.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define IDLE_WAIT_NS (5 * NS_PER_MS)

enum wish_kind { WISH_APPEND, WISH_READ, WISH_TRIM };

struct wish {
    enum wish_kind kind;
    bool sync;
    struct wal_record record; /* APPEND; lsn for the others */
};

struct wishes {
    struct wish *items;
    size_t count;
    size_t capacity;
};

/* A record read back.  Its blocks are made on the log thread, which hands over the only references. */
struct read_answer {
    uint64_t lsn;
    uint8_t type;
    bool failed;
    struct block *meta;
    struct block *body;
    char detail[160];
};

/* References held for the thread, by rising LSN. */
struct held {
    uint64_t lsn;
    struct block *meta;
    struct block *body;
};

struct outbox {
    bool durable;
    uint64_t lsn;
    uint64_t log_bytes;
    bool failed;
    char detail[256];
    struct read_answer *reads;
    size_t read_head;
    size_t read_count;
    size_t read_capacity;
    bool signalled; /* the eventfd has been written since it was last emptied */
};

struct file_store {
    struct log_store base;
    struct log_dir *dir;
    struct wal_writer *writer; /* the log thread's, once it runs */
    int event_fd;
    pthread_t thread;
    bool started;
    bool running;
    bool by_hand;     /* no thread: log_store_work does the work */
    bool took;        /* by hand: the writer has been given what the next work writes */
    uint64_t idle_ns; /* by hand: when nothing will have come for IDLE_WAIT_NS */

    pthread_mutex_t lock; /* over inbox, stopping and outbox */
    pthread_cond_t wake;
    struct wishes inbox;
    bool stopping;
    struct outbox outbox;

    /* the loop thread's */
    struct held *held;
    size_t held_head;
    size_t held_count;
    size_t held_capacity;
    struct read_answer read; /* lent to the core until the next call of next */
    bool failed;
    char detail[256];
};

static struct file_store *store_of(struct log_store *store)
{
    return (struct file_store *)store; /* base is the first member */
}

/* ---- log thread ---- */

static void outbox_signal(struct file_store *s)
{
    if (s->outbox.signalled) {
        return;
    }
    uint64_t one = 1;
    ssize_t put = write(s->event_fd, &one, sizeof(one));
    CHECK(put == (ssize_t)sizeof(one)); /* the counter is 0 or 1: it cannot be full */
    s->outbox.signalled = true;
}

static void outbox_add_read(struct outbox *o, const struct wal_notice *notice)
{
    if (o->read_head > 0 && o->read_head == o->read_count) {
        o->read_head = o->read_count = 0;
    }
    if (o->read_count == o->read_capacity) {
        o->read_capacity = o->read_capacity == 0 ? 16 : o->read_capacity * 2;
        o->reads = mem_realloc(o->reads, o->read_capacity * sizeof(o->reads[0]));
    }
    struct read_answer *answer = &o->reads[o->read_count++];
    *answer = (struct read_answer){ .lsn = notice->lsn, .type = notice->type, .failed = notice->failed };
    (void)snprintf(answer->detail, sizeof(answer->detail), "%s", notice->detail);
    if (notice->failed) {
        return;
    }
    answer->meta = block_copy(notice->meta.data, notice->meta.size);
    answer->body = notice->body.size == 0 ? NULL : block_copy(notice->body.data, notice->body.size);
    if (answer->meta == NULL || (notice->body.size > 0 && answer->body == NULL)) {
        block_unref(answer->meta);
        block_unref(answer->body);
        *answer = (struct read_answer){ .lsn = notice->lsn, .failed = true, .detail = "out of memory" };
    }
}

static void post_notices(struct file_store *s)
{
    struct wal_notice notice;
    while (wal_writer_poll(s->writer, &notice)) {
        (void)pthread_mutex_lock(&s->lock);
        struct outbox *o = &s->outbox;
        switch (notice.kind) {
            case WAL_NOTICE_DURABLE:
                o->durable = true;
                o->lsn = notice.lsn;
                o->log_bytes = notice.log_bytes;
                break;
            case WAL_NOTICE_FAILED:
                o->failed = true;
                (void)snprintf(o->detail, sizeof(o->detail), "%s", notice.detail);
                break;
            case WAL_NOTICE_READ:
                outbox_add_read(o, &notice);
                break;
        }
        outbox_signal(s);
        (void)pthread_mutex_unlock(&s->lock);
    }
}

static void take_wishes(struct file_store *s, struct wishes *taken)
{
    for (size_t i = 0; i < taken->count; i++) {
        const struct wish *wish = &taken->items[i];
        switch (wish->kind) {
            case WISH_APPEND:
                wal_writer_append(s->writer, &wish->record, wish->sync);
                break;
            case WISH_READ:
                wal_writer_read(s->writer, wish->record.lsn);
                break;
            case WISH_TRIM:
                wal_writer_trim(s->writer, wish->record.lsn);
                break;
        }
    }
    taken->count = 0;
}

static bool do_job(struct file_store *s, bool idle)
{
    const struct wal_job *job = wal_writer_next(s->writer, idle);
    if (job == NULL) {
        return false;
    }
    struct errmsg msg = { 0 };
    struct wal_result result = { .detail = msg.text };
    result.code = log_dir_execute_job(s->dir, job, &msg);
    wal_writer_done(s->writer, &result);
    post_notices(s);
    return true;
}

/* Waits for wishes; with a limit when the writer has idle work.  True when the limit passed. */
static bool wait_for_wishes(struct file_store *s, bool limited)
{
    if (!limited) {
        (void)pthread_cond_wait(&s->wake, &s->lock);
        return false;
    }
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t nanos = (uint64_t)until.tv_nsec + IDLE_WAIT_NS;
    until.tv_sec += (time_t)(nanos / NS_PER_S);
    until.tv_nsec = (long)(nanos % NS_PER_S);
    return pthread_cond_timedwait(&s->wake, &s->lock, &until) == ETIMEDOUT;
}

static void *log_thread(void *context)
{
    struct file_store *s = context;
    struct wishes taken = { 0 };
    bool idle = false;
    bool worked = true; /* the last look found a job */
    bool stopping = false;
    (void)pthread_mutex_lock(&s->lock);
    for (;;) {
        while (s->inbox.count == 0 && !worked && s->stopping == stopping) {
            if (stopping) {
                goto done;
            }
            bool limited = !idle && wal_writer_has_idle_work(s->writer);
            idle = wait_for_wishes(s, limited);
            worked = idle;
        }
        struct wishes swap = s->inbox;
        s->inbox = taken;
        taken = swap;
        stopping = s->stopping;
        (void)pthread_mutex_unlock(&s->lock);
        idle = idle && taken.count == 0;
        take_wishes(s, &taken);
        if (stopping) {
            wal_writer_finish(s->writer);
        }
        worked = do_job(s, idle);
        (void)pthread_mutex_lock(&s->lock);
    }
done:
    (void)pthread_mutex_unlock(&s->lock);
    mem_free(taken.items);
    return NULL;
}

/* ---- the same by hand ---- */

static void store_take(struct log_store *store)
{
    struct file_store *s = store_of(store);
    struct wishes taken = s->inbox;
    CHECK(s->by_hand);
    s->inbox = (struct wishes){ 0 };
    s->took = s->took || taken.count > 0;
    take_wishes(s, &taken);
    mem_free(taken.items);
}

static bool store_work(struct log_store *store)
{
    struct file_store *s = store_of(store);
    if (!s->took) {
        store_take(store);
    }
    bool any = s->took;
    bool idle = !any && wal_writer_has_idle_work(s->writer) && io_clock_real_ns() >= s->idle_ns;
    s->took = false;
    while (do_job(s, idle)) {
        any = true;
    }
    if (any && !idle) {
        s->idle_ns = io_clock_real_ns() + IDLE_WAIT_NS;
    }
    return any;
}

static uint64_t store_deadline(const struct log_store *store)
{
    const struct file_store *s = (const struct file_store *)store;
    if (!s->by_hand) {
        return IO_CLOCK_NEVER;
    }
    if (s->took || s->inbox.count > 0) {
        return 0;
    }
    return wal_writer_has_idle_work(s->writer) ? s->idle_ns : IO_CLOCK_NEVER;
}

/* ---- loop thread: the port ---- */

static void push_wish(struct file_store *s, const struct wish *wish)
{
    (void)pthread_mutex_lock(&s->lock);
    struct wishes *in = &s->inbox;
    if (in->count == in->capacity) {
        in->capacity = in->capacity == 0 ? 64 : in->capacity * 2;
        in->items = mem_realloc(in->items, in->capacity * sizeof(in->items[0]));
    }
    in->items[in->count++] = *wish;
    (void)pthread_cond_signal(&s->wake);
    (void)pthread_mutex_unlock(&s->lock);
}

static void port_append(void *context, uint64_t lsn, uint8_t type, struct block *meta, struct block *body,
                        bool sync)
{
    struct file_store *s = context;
    if (s->failed) {
        return;
    }
    if (s->held_count == s->held_capacity && s->held_head > s->held_count / 2) {
        memmove(s->held, s->held + s->held_head, (s->held_count - s->held_head) * sizeof(s->held[0]));
        s->held_count -= s->held_head;
        s->held_head = 0;
    }
    if (s->held_count == s->held_capacity) {
        s->held_capacity = s->held_capacity == 0 ? 64 : s->held_capacity * 2;
        s->held = mem_realloc(s->held, s->held_capacity * sizeof(s->held[0]));
    }
    s->held[s->held_count++] = (struct held){ .lsn = lsn, .meta = block_ref(meta), .body = block_ref(body) };
    struct wish wish = { .kind = WISH_APPEND,
                         .sync = sync,
                         .record = {
                             .lsn = lsn, .type = type, .meta = block_str(meta), .body = block_str(body) } };
    push_wish(s, &wish);
}

static void port_read(void *context, uint64_t lsn)
{
    struct wish wish = { .kind = WISH_READ, .record = { .lsn = lsn } };
    push_wish(context, &wish);
}

static void port_trim(void *context, uint64_t lsn)
{
    struct wish wish = { .kind = WISH_TRIM, .record = { .lsn = lsn } };
    push_wish(context, &wish);
}

static struct log_port store_port(struct log_store *store)
{
    return (struct log_port){ .context = store, .append = port_append, .read = port_read, .trim = port_trim };
}

/* ---- loop thread: completions ---- */

static void release_held(struct file_store *s, uint64_t lsn)
{
    while (s->held_head < s->held_count && s->held[s->held_head].lsn <= lsn) {
        block_unref(s->held[s->held_head].meta);
        block_unref(s->held[s->held_head].body);
        s->held_head++;
    }
    if (s->held_head == s->held_count) {
        s->held_head = s->held_count = 0;
    }
}

/* Under the lock.  False when there is nothing. */
static bool outbox_take(struct file_store *s, struct core_event *event, struct read_answer *answer)
{
    struct outbox *o = &s->outbox;
    if (o->durable) {
        o->durable = false;
        event->kind = CORE_EV_LOG_DURABLE;
        event->u.log_durable.lsn = o->lsn;
        event->u.log_durable.log_bytes = o->log_bytes;
        return true;
    }
    if (o->read_head < o->read_count) {
        *answer = o->reads[o->read_head++];
        event->kind = CORE_EV_LOG_READ;
        return true;
    }
    if (o->failed) {
        o->failed = false;
        memcpy(s->detail, o->detail, sizeof(s->detail));
        event->kind = CORE_EV_LOG_FAILED;
        event->u.log_failed.detail = s->detail;
        return true;
    }
    if (o->signalled) {
        uint64_t count;
        ssize_t got = read(s->event_fd, &count, sizeof(count));
        CHECK(got == (ssize_t)sizeof(count));
        o->signalled = false;
    }
    return false;
}

static bool store_next(struct log_store *store, struct core_event *event)
{
    struct file_store *s = store_of(store);
    block_unref(s->read.meta);
    block_unref(s->read.body);
    s->read = (struct read_answer){ 0 };
    *event = (struct core_event){ 0 };
    (void)pthread_mutex_lock(&s->lock);
    bool any = outbox_take(s, event, &s->read);
    (void)pthread_mutex_unlock(&s->lock);
    if (!any) {
        return false;
    }
    if (event->kind == CORE_EV_LOG_DURABLE) {
        release_held(s, event->u.log_durable.lsn);
    } else if (event->kind == CORE_EV_LOG_FAILED) {
        s->failed = true; /* the thread has forgotten all it had, and will not look at more */
        release_held(s, UINT64_MAX);
    } else {
        event->u.log_read.lsn = s->read.lsn;
        event->u.log_read.type = s->read.type;
        event->u.log_read.meta = s->read.meta;
        event->u.log_read.body = s->read.body;
        event->u.log_read.failed = s->read.failed;
        event->u.log_read.detail = s->read.detail;
    }
    return true;
}

static int store_fd(const struct log_store *store)
{
    return ((const struct file_store *)store)->event_fd;
}

/* ---- life ---- */

static int store_start(struct log_store *store, struct errmsg *msg)
{
    struct file_store *s = store_of(store);
    CHECK(!s->running);
    s->started = true;
    if (s->by_hand) {
        return 0;
    }
    /* Signals are the loop thread's (signalfd): the log thread takes none. */
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = pthread_create(&s->thread, NULL, log_thread, s);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (number != 0) {
        char space[128];
        return error_set(msg, ERR_IO, "start the log thread: %s", strerror_r(number, space, sizeof(space)));
    }
    s->running = true;
    return 0;
}

static void store_drop(struct log_store *store)
{
    struct file_store *s = store_of(store);
    CHECK(!s->running);
    release_held(s, UINT64_MAX);
    block_unref(s->read.meta);
    block_unref(s->read.body);
    for (size_t i = s->outbox.read_head; i < s->outbox.read_count; i++) {
        block_unref(s->outbox.reads[i].meta);
        block_unref(s->outbox.reads[i].body);
    }
    mem_free(s->outbox.reads);
    mem_free(s->inbox.items);
    mem_free(s->held);
    wal_writer_free(s->writer);
    log_dir_close(s->dir);
    if (s->event_fd >= 0) {
        (void)close(s->event_fd);
    }
    (void)pthread_cond_destroy(&s->wake);
    (void)pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

static void store_close(struct log_store *store)
{
    struct file_store *s = store_of(store);
    if (s->running) {
        (void)pthread_mutex_lock(&s->lock);
        s->stopping = true;
        (void)pthread_cond_signal(&s->wake);
        (void)pthread_mutex_unlock(&s->lock);
        (void)pthread_join(s->thread, NULL);
        s->running = false;
    } else if (s->by_hand && s->started) {
        (void)store_work(store);
        wal_writer_finish(s->writer);
        (void)store_work(store);
    }
    store_drop(store);
}

/* Reads the log and makes it sound, before there is a loop that could be held up. */
static int recover(struct file_store *s, wal_record_cb *each, void *context, struct wal_recovery *found,
                   struct errmsg *msg)
{
    struct wal_source source = log_dir_source(s->dir);
    int rc = wal_writer_recover(s->writer, &source, each, context, found, msg);
    if (rc != 0) {
        return rc;
    }
    const struct wal_job *job = wal_writer_next(s->writer, false);
    CHECK(job != NULL);
    CHECK(job->kind == WAL_JOB_OPEN);
    struct wal_result result = { .detail = "" };
    result.code = log_dir_execute_job(s->dir, job, msg);
    wal_writer_done(s->writer, &result);
    if (result.code == 0) {
        post_notices(s);
    }
    return result.code;
}

static const struct log_store_ops store_ops = {
    .start = store_start,
    .fd = store_fd,
    .next = store_next,
    .port = store_port,
    .take = store_take,
    .work = store_work,
    .deadline = store_deadline,
    .close = store_close,
    .drop = store_drop,
};

static struct file_store *store_new(void)
{
    struct file_store *s = mem_alloc(sizeof(*s));
    s->base.ops = &store_ops;
    s->event_fd = -1;
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&s->lock, NULL);
    return s;
}

int log_writer_open(struct log_store **out, const struct log_writer_options *options, wal_record_cb *each,
                    void *context, struct wal_recovery *found, struct errmsg *msg)
{
    struct wal_writer_options writer = { .segment_bytes = options->segment_bytes,
                                         .prepare = options->hand == NULL };
    struct file_store *s = store_new();
    s->by_hand = options->hand != NULL;
    int rc = log_dir_open(&s->dir, options->dir, LOG_DIR_WRITE, msg);
    if (rc != 0) {
        store_close(&s->base);
        return error_wrap(msg, rc, "open log");
    }
    if (options->hand != NULL) {
        log_dir_set_guard(s->dir, options->hand->guard, options->hand->context);
    }
    s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->event_fd < 0 ||
        getrandom(&writer.log_id, sizeof(writer.log_id), 0) != (ssize_t)sizeof(writer.log_id)) {
        rc = error_set(msg, ERR_IO, "no eventfd or no randomness");
    } else {
        writer.log_id |= 1; /* never 0 */
        s->writer = wal_writer_new(&writer);
        rc = recover(s, each, context, found, msg);
    }
    if (rc != 0) {
        store_close(&s->base);
        return error_wrap(msg, rc, "open log %s", options->dir);
    }
    *out = &s->base;
    return 0;
}
