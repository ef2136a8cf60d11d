/* What is durable at once waits in the store until the loop asks, like the completions of the log thread: the
 * port only takes note, so a core sees the same order of events in both modes. */
#include "proxy/io/log_memory.h"

#include "base/check.h"
#include "base/memory.h"
#include "proxy/core/records.h"
#include "proxy/io/handover.h"
#include "proxy/io/log_dir.h"
#include "proxy/io/log_writer.h"
#include "proxy/wal/memory_log.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TIES_SEGMENT_BYTES (1u << 20)

struct memory_store {
    struct log_store base;
    char *dir;
    struct log_dir *lock; /* of dir itself: neither another walproxy nor WAL_MODE=file beside us */
    int poll_fd;          /* over both: what was completed here, and what in the ties */
    int event_fd;
    bool signalled;
    struct memory_log log;
    struct log_store *ties;
    uint64_t next_tie;
    uint64_t tie_checkpoint; /* older ties may go when it is durable; 0 = none */
    bool news;               /* of durability or size, to be told */
    uint64_t *reads;
    size_t read_head;
    size_t read_count;
    size_t read_capacity;
};

static struct memory_store *store_of(struct log_store *store)
{
    return (struct memory_store *)store; /* base is the first member */
}

static void signal_loop(struct memory_store *m)
{
    if (!m->signalled) {
        uint64_t one = 1;
        ssize_t put = write(m->event_fd, &one, sizeof(one));
        CHECK(put == (ssize_t)sizeof(one));
        m->signalled = true;
    }
}

/* ---- the port ---- */

static void append_tie(struct memory_store *m, uint8_t type, struct block *meta, struct block *body,
                       bool sync)
{
    struct log_port port = log_store_port(m->ties);
    uint64_t tie = m->next_tie++;
    port.append(port.context, tie, type, meta, body, sync);
    if (sync) {
        memory_log_wait(&m->log, tie);
    }
    if (type == RECORD_CHECKPOINT) {
        m->tie_checkpoint = tie;
    }
}

static void port_append(void *context, uint64_t lsn, uint8_t type, struct block *meta, struct block *body,
                        bool sync)
{
    struct memory_store *m = context;
    memory_log_append(&m->log, lsn, type, meta, body);
    if (record_ties_ids(type)) {
        append_tie(m, type, meta, body, sync);
    }
    m->news = true;
    signal_loop(m);
}

static void port_read(void *context, uint64_t lsn)
{
    struct memory_store *m = context;
    if (m->read_head > 0 && m->read_head == m->read_count) {
        m->read_head = m->read_count = 0;
    }
    if (m->read_count == m->read_capacity) {
        m->read_capacity = m->read_capacity == 0 ? 16 : m->read_capacity * 2;
        m->reads = mem_realloc(m->reads, m->read_capacity * sizeof(m->reads[0]));
    }
    m->reads[m->read_count++] = lsn;
    signal_loop(m);
}

static void port_trim(void *context, uint64_t lsn)
{
    struct memory_store *m = context;
    if (memory_log_trim(&m->log, lsn)) { /* log_bytes has changed */
        m->news = true;
        signal_loop(m);
    }
}

static struct log_port store_port(struct log_store *store)
{
    return (struct log_port){ .context = store, .append = port_append, .read = port_read, .trim = port_trim };
}

/* ---- completions ---- */

/* True when the event is one for the core: the ties can be written no more. */
static bool hear_ties(struct memory_store *m, struct core_event *event)
{
    while (log_store_next(m->ties, event)) {
        if (event->kind == CORE_EV_LOG_FAILED) {
            return true;
        }
        CHECK(event->kind == CORE_EV_LOG_DURABLE);
        uint64_t upto = event->u.log_durable.lsn;
        memory_log_tie_durable(&m->log, upto);
        m->news = true;
        if (m->tie_checkpoint != 0 && m->tie_checkpoint <= upto) {
            struct log_port port = log_store_port(m->ties);
            port.trim(port.context, m->tie_checkpoint);
            m->tie_checkpoint = 0;
        }
    }
    return false;
}

static void read_back(const struct memory_store *m, uint64_t lsn, struct core_event *event)
{
    const struct memory_record *record = memory_log_find(&m->log, lsn);
    event->kind = CORE_EV_LOG_READ;
    event->u.log_read.lsn = lsn;
    event->u.log_read.failed = record == NULL;
    event->u.log_read.detail = record == NULL ? "the log in memory does not hold it any more" : "";
    if (record != NULL) {
        event->u.log_read.type = record->type;
        event->u.log_read.meta = record->meta;
        event->u.log_read.body = record->body;
    }
}

static bool store_next(struct log_store *store, struct core_event *event)
{
    struct memory_store *m = store_of(store);
    if (hear_ties(m, event)) {
        return true;
    }
    *event = (struct core_event){ 0 };
    if (m->news) {
        m->news = false;
        event->kind = CORE_EV_LOG_DURABLE;
        event->u.log_durable.lsn = memory_log_durable_lsn(&m->log);
        event->u.log_durable.log_bytes = m->log.held_bytes;
        return true;
    }
    if (m->read_head < m->read_count) {
        read_back(m, m->reads[m->read_head++], event);
        return true;
    }
    if (m->signalled) {
        uint64_t count;
        ssize_t got = read(m->event_fd, &count, sizeof(count));
        CHECK(got == (ssize_t)sizeof(count));
        m->signalled = false;
    }
    return false;
}

static int store_fd(const struct log_store *store)
{
    return ((const struct memory_store *)store)->poll_fd;
}

/* ---- life ---- */

/* From here on things change, so what was handed over is history. */
static int store_start(struct log_store *store, struct errmsg *msg)
{
    struct memory_store *m = store_of(store);
    int rc = handover_discard(m->dir, msg);
    return rc == 0 ? log_store_start(m->ties, msg) : rc;
}

static int store_hand_over(struct log_store *store, struct errmsg *msg)
{
    const struct memory_store *m = store_of(store);
    return handover_write(m->dir, &m->log, msg);
}

static void store_take(struct log_store *store)
{
    log_store_take(store_of(store)->ties);
}

static bool store_work(struct log_store *store)
{
    return log_store_work(store_of(store)->ties);
}

static uint64_t store_deadline(const struct log_store *store)
{
    return log_store_deadline(((const struct memory_store *)store)->ties);
}

static void store_free(struct memory_store *m)
{
    memory_log_deinit(&m->log);
    log_dir_close(m->lock);
    mem_free(m->reads);
    mem_free(m->dir);
    if (m->event_fd >= 0) {
        (void)close(m->event_fd);
    }
    if (m->poll_fd >= 0) {
        (void)close(m->poll_fd);
    }
    mem_free(m);
}

static void store_close(struct log_store *store)
{
    struct memory_store *m = store_of(store);
    log_store_close(m->ties);
    store_free(m);
}

static void store_drop(struct log_store *store)
{
    struct memory_store *m = store_of(store);
    log_store_drop(m->ties);
    store_free(m);
}

static const struct log_store_ops store_ops = {
    .start = store_start,
    .fd = store_fd,
    .next = store_next,
    .port = store_port,
    .hand_over = store_hand_over,
    .take = store_take,
    .work = store_work,
    .deadline = store_deadline,
    .close = store_close,
    .drop = store_drop,
};

/* ---- opening ---- */

struct reading {
    struct memory_store *store;
    wal_record_cb *each;
    void *context;
    uint64_t last_tie;
    bool is_handover;
    bool believed; /* each is told */
};

static void take_record(void *context, const struct wal_record *record, bool first)
{
    struct reading *r = context;
    if (r->is_handover) {
        struct block *meta = block_copy(record->meta.data, record->meta.size);
        struct block *body = record->body.size == 0 ? NULL : block_copy(record->body.data, record->body.size);
        CHECK(meta != NULL && (record->body.size == 0 || body != NULL));
        memory_log_append(&r->store->log, record->lsn, record->type, meta, body);
        block_unref(meta);
        block_unref(body);
    } else {
        r->last_tie = record->lsn;
    }
    if (r->believed) {
        r->each(r->context, record, first);
    }
}

static void note_segment(void *context, const char *name)
{
    uint64_t sequence;
    bool *any = context;
    *any = *any || wal_segment_name_parse(str_of(name), &sequence);
}

static int lock_directory(struct memory_store *m, struct errmsg *msg)
{
    bool any = false;
    int rc = log_dir_open(&m->lock, m->dir, LOG_DIR_WRITE, msg);
    if (rc == 0) {
        struct wal_source source = log_dir_source(m->lock);
        rc = source.list(source.context, note_segment, &any, msg);
    }
    if (rc == 0 && any) {
        rc = error_set(
            msg, ERR_STATE,
            "%s holds the log of WAL_MODE=file, with writes that may be pending: start with that mode, "
            "or name another directory",
            m->dir);
    }
    return rc;
}

static int open_ties(struct memory_store *m, struct reading *r, const struct log_hand *hand,
                     struct errmsg *msg)
{
    size_t size = strlen(m->dir) + sizeof("/ties");
    char *path = mem_alloc(size);
    (void)snprintf(path, size, "%s/ties", m->dir);
    struct log_writer_options options = { .dir = path, .segment_bytes = TIES_SEGMENT_BYTES, .hand = hand };
    int rc = log_writer_open(&m->ties, &options, take_record, r, NULL, msg);
    mem_free(path);
    m->next_tie = r->last_tie + 1;
    return rc;
}

static int open_descriptors(struct memory_store *m, struct errmsg *msg)
{
    m->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    m->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN };
    if (m->event_fd < 0 || m->poll_fd < 0 || epoll_ctl(m->poll_fd, EPOLL_CTL_ADD, m->event_fd, &event) != 0 ||
        epoll_ctl(m->poll_fd, EPOLL_CTL_ADD, log_store_fd(m->ties), &event) != 0) {
        char space[128];
        return error_set(msg, ERR_IO, "open log in memory: %s", strerror_r(errno, space, sizeof(space)));
    }
    return 0;
}

int log_memory_open(struct log_store **out, const char *dir, const struct log_hand *hand, wal_record_cb *each,
                    void *context, bool *queue_lost, struct errmsg *msg)
{
    struct memory_store *m = mem_alloc(sizeof(*m));
    *m = (struct memory_store){ .base.ops = &store_ops, .event_fd = -1, .poll_fd = -1 };
    m->dir = mem_strdup(dir);
    memory_log_init(&m->log);
    int rc = lock_directory(m, msg);
    bool handed_over = rc == 0 && handover_is_there(dir);
    struct reading r = {
        .store = m, .each = each, .context = context, .is_handover = true, .believed = true
    };
    if (handed_over) {
        rc = handover_read(dir, take_record, &r, msg);
    }
    if (rc == 0) {
        r.is_handover = false;
        r.believed = !handed_over; /* else it knows all that, and more */
        rc = open_ties(m, &r, hand, msg);
    }
    if (rc == 0) {
        rc = open_descriptors(m, msg);
    }
    if (rc != 0) {
        store_close(&m->base);
        return rc;
    }
    *queue_lost = !handed_over && r.last_tie > 0;
    *out = &m->base;
    return 0;
}
