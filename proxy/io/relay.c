#include "proxy/io/relay.h"

#include "base/check.h"
#include "base/memory.h"
#include <stdint.h>

struct relay *relay_new(void)
{
    struct relay *r = mem_try_alloc(sizeof(*r));
    if (r != NULL) {
        r->references = 1;
        buf_init(&r->bytes, SIZE_MAX / 4);
    }
    return r;
}

struct relay *relay_ref(struct relay *r)
{
    r->references++;
    return r;
}

void relay_unref(struct relay *r)
{
    if (r == NULL) {
        return;
    }
    CHECK(r->references > 0);
    if (--r->references == 0) {
        buf_deinit(&r->bytes);
        mem_free(r);
    }
}

size_t relay_held(const struct relay *r)
{
    return r->bytes.size - r->taken;
}

static void wake_reader(struct relay *r)
{
    if (r->reader_waits && r->wake_reader != NULL) {
        r->reader_waits = false;
        r->wake_reader(r->reader);
    }
}

static void wake_writer(struct relay *r)
{
    if (r->writer_waits && r->wake_writer != NULL) {
        r->writer_waits = false;
        r->wake_writer(r->writer);
    }
}

enum relay_write relay_write(struct relay *r, const void *data, size_t size, size_t limit, bool waiting)
{
    CHECK(!r->ended);
    if (r->reader_gone) {
        return RELAY_TAKEN;
    }
    if (relay_held(r) + size > limit) {
        /* A piece larger than the whole credit must still pass when there is nothing before it. */
        if (!waiting) {
            return RELAY_FULL;
        }
        if (relay_held(r) > 0) {
            r->writer_waits = true;
            return RELAY_WAIT;
        }
    }
    buf_append(&r->bytes, data, size);
    if (r->bytes.failed) {
        return RELAY_FULL;
    }
    wake_reader(r);
    return RELAY_TAKEN;
}

void relay_end(struct relay *r, bool broken)
{
    CHECK(!r->ended);
    r->ended = true;
    r->broken = broken;
    r->wake_writer = NULL;
    wake_reader(r);
}

size_t relay_read(struct relay *r, void *out, size_t size)
{
    size_t held = relay_held(r);
    if (held == 0) {
        r->reader_waits = !r->ended;
        return 0;
    }
    if (size > held) {
        size = held;
    }
    memcpy(out, r->bytes.data + r->taken, size);
    r->taken += size;
    if (r->taken == r->bytes.size) {
        buf_clear(&r->bytes);
        r->taken = 0;
    } else if (r->taken >= r->bytes.size / 2 && r->taken >= RELAY_CREDIT_BYTES / 2) {
        buf_remove_front(&r->bytes, r->taken);
        r->taken = 0;
    }
    /* Half empty before the writer goes on, so that it does not go on for every few bytes. */
    if (relay_held(r) <= RELAY_CREDIT_BYTES / 2) {
        wake_writer(r);
    }
    return size;
}

void relay_leave(struct relay *r)
{
    r->reader_gone = true;
    r->wake_reader = NULL;
    buf_clear(&r->bytes);
    r->taken = 0;
    wake_writer(r);
}
