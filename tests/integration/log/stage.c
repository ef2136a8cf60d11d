#include "tests/integration/log/stage.h"

#include "tests/lib/suite.h"
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define WAIT_MS 20000

char dir_path[128];

void dir_make(void)
{
    (void)snprintf(dir_path, sizeof(dir_path), "/tmp/waldrill-log-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir_path));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st;
    (void)type;
    (void)walk;
    return remove(path);
}

void dir_remove(void)
{
    CU_ASSERT_EQUAL(nftw(dir_path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static char body_byte(uint64_t lsn, size_t at)
{
    return (char)('a' + (lsn * 7 + at) % 26);
}

struct block *body_make(uint64_t lsn, size_t size)
{
    struct block *b = block_new(size);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    for (size_t i = 0; i < size; i++) {
        b->data[i] = body_byte(lsn, i);
    }
    return b;
}

bool body_right(struct str b, uint64_t lsn, size_t size)
{
    if (b.size != size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (b.data[i] != body_byte(lsn, i)) {
            return false;
        }
    }
    return true;
}

void append_typed(struct log_store *log, uint64_t lsn, uint8_t type, size_t size, bool sync)
{
    struct log_port port = log_store_port(log);
    struct block *meta = block_copy("meta", 4);
    struct block *body = body_make(lsn, size);
    port.append(port.context, lsn, type, meta, body, sync);
    block_unref(meta);
    block_unref(body);
}

void append(struct log_store *log, uint64_t lsn, size_t size, bool sync)
{
    append_typed(log, lsn, 3, size, sync);
}

bool next_event(struct log_store *log, struct core_event *event)
{
    while (!log_store_next(log, event)) {
        struct pollfd p = { .fd = log_store_fd(log), .events = POLLIN };
        if (poll(&p, 1, WAIT_MS) <= 0) {
            return false;
        }
    }
    return true;
}

uint64_t wait_durable(struct log_store *log, uint64_t lsn)
{
    struct core_event event;
    while (next_event(log, &event)) {
        if (event.kind == CORE_EV_LOG_DURABLE && event.u.log_durable.lsn >= lsn) {
            return event.u.log_durable.log_bytes;
        }
        if (event.kind == CORE_EV_LOG_FAILED) {
            return 0;
        }
    }
    return 0;
}
