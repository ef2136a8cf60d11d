/* The log in memory.  Completions wait in the store until the loop asks, like those of the log thread:
 * the port only takes note, so a core sees the same order of events in both modes. */
#include "proxy/io/log_memory.h"

#include "base/check.h"
#include "base/memory.h"
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct memory_store {
    struct log_store base;
    int event_fd;
    uint32_t *sizes;    /* meta and body of record first_lsn + i, for i in [head, count) */
    uint64_t first_lsn; /* of sizes[head] */
    size_t head;
    size_t count;
    size_t capacity;
    uint64_t held_bytes;
    bool durable; /* news to be told */
    uint64_t durable_lsn;
    uint64_t *reads;
    size_t read_head;
    size_t read_count;
    size_t read_capacity;
    bool signalled;
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

static void port_append(void *context, uint64_t lsn, uint8_t type, struct block *meta, struct block *body,
                        bool sync)
{
    (void)type; /* nobody reads them back: a memory log has no restart */
    (void)sync;
    struct memory_store *m = context;
    if (m->head == m->count) {
        m->first_lsn = lsn;
        m->head = m->count = 0;
    }
    CHECK(lsn == m->first_lsn + (m->count - m->head));
    if (m->count == m->capacity && m->head > m->count / 2) {
        memmove(m->sizes, m->sizes + m->head, (m->count - m->head) * sizeof(m->sizes[0]));
        m->count -= m->head;
        m->head = 0;
    }
    if (m->count == m->capacity) {
        m->capacity = m->capacity == 0 ? 64 : m->capacity * 2;
        m->sizes = mem_realloc(m->sizes, m->capacity * sizeof(m->sizes[0]));
    }
    uint32_t size = (uint32_t)(block_str(meta).size + block_str(body).size); /* at most 1 GiB and 1 MiB */
    m->sizes[m->count++] = size;
    m->held_bytes += size;
    m->durable = true;
    m->durable_lsn = lsn;
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
    bool any = false;
    while (m->head < m->count && m->first_lsn < lsn) {
        m->held_bytes -= m->sizes[m->head++];
        m->first_lsn++;
        any = true;
    }
    if (any) { /* log_bytes has changed */
        m->durable = true;
        signal_loop(m);
    }
}

static struct log_port store_port(struct log_store *store)
{
    return (struct log_port){ .context = store, .append = port_append, .read = port_read, .trim = port_trim };
}

static bool store_next(struct log_store *store, struct core_event *event)
{
    struct memory_store *m = store_of(store);
    *event = (struct core_event){ 0 };
    if (m->durable) {
        m->durable = false;
        event->kind = CORE_EV_LOG_DURABLE;
        event->u.log_durable.lsn = m->durable_lsn;
        event->u.log_durable.log_bytes = m->held_bytes;
        return true;
    }
    if (m->read_head < m->read_count) {
        event->kind = CORE_EV_LOG_READ;
        event->u.log_read.lsn = m->reads[m->read_head++];
        event->u.log_read.failed = true;
        event->u.log_read.detail = "a log in memory keeps nothing to be read back";
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

static int store_start(struct log_store *store, struct errmsg *msg)
{
    (void)store;
    (void)msg;
    return 0;
}

static int store_fd(const struct log_store *store)
{
    return ((const struct memory_store *)store)->event_fd;
}

static void store_close(struct log_store *store)
{
    struct memory_store *m = store_of(store);
    mem_free(m->sizes);
    mem_free(m->reads);
    if (m->event_fd >= 0) {
        (void)close(m->event_fd);
    }
    mem_free(m);
}

static const struct log_store_ops store_ops = {
    .start = store_start,
    .fd = store_fd,
    .next = store_next,
    .port = store_port,
    .close = store_close,
};

int log_memory_open(struct log_store **out, struct errmsg *msg)
{
    struct memory_store *m = mem_alloc(sizeof(*m));
    m->base.ops = &store_ops;
    m->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (m->event_fd < 0) {
        char space[128];
        int rc = error_set(msg, ERR_IO, "open log in memory: eventfd: %s",
                           strerror_r(errno, space, sizeof(space)));
        store_close(&m->base);
        return rc;
    }
    *out = &m->base;
    return 0;
}
