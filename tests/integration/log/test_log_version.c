/* Logs outlive programs: tests/data/log-v1 was written by another program after docs/log-format.md,
 * version 1. */
#include "proxy/io/log_writer.h"
#include "base/buf.h"
#include "base/crc32c.h"
#include "proxy/core/core.h"
#include "tests/lib/suite.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = { "0000000000000001.wal", "0000000000000002.wal",
                                     "spare-0000000000000003" };
#define NAMES (sizeof(names) / sizeof(names[0]))

static char dir_path[64];

static void copy_file(const char *name)
{
    static char bytes[1u << 20];
    char path[256];
    (void)snprintf(path, sizeof(path), TEST_SOURCE_DIR "/tests/data/log-v1/%s", name);
    FILE *from = fopen(path, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(from);
    size_t size = fread(bytes, 1, sizeof(bytes), from);
    (void)fclose(from);
    (void)snprintf(path, sizeof(path), "%s/%s", dir_path, name);
    FILE *to = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(to);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, size, to), size);
    CU_ASSERT_EQUAL(fclose(to), 0);
}

static void log_copy(void)
{
    (void)snprintf(dir_path, sizeof(dir_path), "/tmp/waldrill-log-v1-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir_path));
    for (size_t i = 0; i < NAMES; i++) {
        copy_file(names[i]);
    }
}

static void log_remove(void)
{
    char path[256];
    for (size_t i = 0; i < NAMES; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir_path, names[i]);
        (void)unlink(path);
    }
    (void)snprintf(path, sizeof(path), "%s/lock", dir_path);
    (void)unlink(path);
    CU_ASSERT_EQUAL(rmdir(dir_path), 0);
}

struct found {
    struct core *core;
    uint64_t records;
    size_t largest;
};

static void feed(struct core *core, struct core_event *event)
{
    struct core_action actions[16];
    bool more = true;
    event->wall_ms = 1700000060123; /* a minute after the writes */
    event->now_ns = UINT64_C(1000000000);
    while (more) {
        size_t count = core_step(core, event, actions, 16, &more);
        for (size_t i = 0; i < count; i++) {
            core_action_release(&actions[i]);
        }
        event->kind = CORE_EV_TICK;
    }
}

static void tell_core(void *context, const struct wal_record *record, bool first)
{
    struct found *f = context;
    struct core_event event = { .kind = CORE_EV_RECORD };
    event.u.record.lsn = record->lsn;
    event.u.record.type = record->type;
    event.u.record.meta = record->meta;
    event.u.record.body = record->body;
    event.u.record.first = first;
    feed(f->core, &event);
    f->records++;
    f->largest = record->body.size > f->largest ? record->body.size : f->largest;
}

static int open_log(struct found *f, struct wal_recovery *recovery, struct log_store **log,
                    struct errmsg *msg)
{
    struct settings_draft draft;
    settings_draft_init(&draft);
    (void)settings_set(&draft, STR("PRIMARY_URL"), STR("http://127.0.0.1:1"), SETTINGS_ENV, NULL);
    (void)settings_set(&draft, STR("REPLICA_URL"), STR("http://127.0.0.1:2"), SETTINGS_ENV, NULL);
    CU_ASSERT_EQUAL_FATAL(settings_finish(&draft, NULL), 0);
    *f = (struct found){ .core = core_new(&draft.values, 1) };
    struct log_writer_options options = { .dir = dir_path, .segment_bytes = 1u << 20 };
    return log_writer_open(log, &options, tell_core, f, recovery, msg);
}

static void test_opens(void)
{
    struct found f;
    struct wal_recovery recovery;
    struct log_store *log = NULL;
    struct core_facts facts;
    log_copy();
    CU_ASSERT_EQUAL_FATAL(open_log(&f, &recovery, &log, NULL), 0);
    CU_ASSERT_EQUAL(recovery.log_id, UINT64_C(0x1122334455667788));
    CU_ASSERT_EQUAL(recovery.next_lsn, 12);
    CU_ASSERT_TRUE(recovery.torn);
    CU_ASSERT_EQUAL(f.records, 11);
    CU_ASSERT(f.largest > 256 * 1024);
    struct core_event event = { .kind = CORE_EV_START };
    feed(f.core, &event);
    core_facts(f.core, 1000000000, &facts);
    CU_ASSERT_EQUAL(facts.pending_writes, 2); /* the one the primary missed, and the one nobody decided */
    CU_ASSERT_EQUAL(facts.dead_letters, 1);
    CU_ASSERT_EQUAL(facts.total_replayed, 41);
    core_free(f.core);
    log_store_close(log);
    log_remove();
}

/* A later format says so in the header's first bytes, which stay as they are: it is refused by name. */
static void test_later_version(void)
{
    struct found f;
    struct log_store *log = NULL;
    struct errmsg msg = { 0 };
    unsigned char header[512];
    char path[256];
    log_copy();
    (void)snprintf(path, sizeof(path), "%s/%s", dir_path, names[1]);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    CU_ASSERT_EQUAL_FATAL(read(fd, header, sizeof(header)), sizeof(header));
    header[12] = 7;
    uint32_t crc = crc32c(0, header + 12, sizeof(header) - 12);
    for (unsigned i = 0; i < 4; i++) {
        header[8 + i] = (unsigned char)(crc >> (8 * i));
    }
    CU_ASSERT_EQUAL(pwrite(fd, header, sizeof(header), 0), sizeof(header));
    (void)close(fd);
    CU_ASSERT_EQUAL(open_log(&f, NULL, &log, &msg), ERR_UNSUPPORTED);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, names[1]));
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "format version 7; this program reads version 1"));
    core_free(f.core);
    (void)snprintf(path, sizeof(path), "%s/%s", dir_path, names[2]);
    CU_ASSERT_EQUAL(access(path, F_OK), 0); /* nothing was changed */
    log_remove();
}

static const struct suite_test tests[] = {
    { "a log of version 1 opens, with all that it holds", test_opens },
    { "a later version is refused by name", test_later_version },
};
TEST_MAIN("log/version", tests)
