/* The log thread on real files: what is reported durable survives a kill, a directory that is not sound
 * is refused with a reason, a full disk stops the log once and for all. */
#include "base/memory.h"
#include "proxy/io/log_writer.h"
#include "tests/integration/log/stage.h"
#include "tests/lib/suite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEGMENT   (256u << 10)
#define BODY_SIZE 5000u

/* ---- equipment ---- */

static size_t dir_count(const char *suffix)
{
    size_t count = 0;
    DIR *stream = opendir(dir_path);
    for (struct dirent *e = readdir(stream); e != NULL; e = readdir(stream)) {
        count += str_ends(str_of(e->d_name), str_of(suffix)) ? 1 : 0;
    }
    (void)closedir(stream);
    return count;
}

struct found {
    uint64_t first;
    uint64_t last;
    uint64_t wrong;
    size_t size;
};

static void tell_record(void *context, const struct wal_record *record, bool first)
{
    struct found *f = context;
    bool right = record->type == 3 && str_equal(record->meta, STR("meta")) &&
                 body_right(record->body, record->lsn, f->size) && first == (f->first == 0) &&
                 (f->last == 0 || record->lsn == f->last + 1);
    f->wrong += right ? 0 : 1;
    f->first = f->first == 0 ? record->lsn : f->first;
    f->last = record->lsn;
}

static struct log_store *open_log(struct found *found, size_t size)
{
    struct log_store *log = NULL;
    struct errmsg msg = { 0 };
    struct log_writer_options options = { .dir = dir_path, .segment_bytes = SEGMENT };
    *found = (struct found){ .size = size };
    int rc = log_writer_open(&log, &options, tell_record, found, NULL, &msg);
    if (rc != 0) {
        (void)fprintf(stderr, "%s\n", msg.text);
    }
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    CU_ASSERT_EQUAL_FATAL(log_store_start(log, &msg), 0);
    return log;
}

static int open_refused(struct errmsg *msg)
{
    struct log_store *log = NULL;
    struct found found = { .size = BODY_SIZE };
    struct log_writer_options options = { .dir = dir_path, .segment_bytes = SEGMENT };
    int rc = log_writer_open(&log, &options, tell_record, &found, NULL, msg);
    log_store_close(rc == 0 ? log : NULL);
    return rc;
}

/* ---- tests ---- */

static void test_reopen(void)
{
    struct found found;
    dir_make();
    size_t live = block_bytes_live();
    struct log_store *log = open_log(&found, BODY_SIZE);
    for (uint64_t lsn = 1; lsn <= 500; lsn++) {
        append(log, lsn, BODY_SIZE, true);
    }
    CU_ASSERT(wait_durable(log, 500) > 500u * BODY_SIZE);
    CU_ASSERT_EQUAL(block_bytes_live(), live); /* the log gave every reference back */
    for (uint64_t lsn = 501; lsn <= 520; lsn++) {
        append(log, lsn, BODY_SIZE, false);
    }
    log_store_close(log); /* finishes what is queued */
    CU_ASSERT(dir_count(".wal") > 8);
    log = open_log(&found, BODY_SIZE);
    CU_ASSERT_EQUAL(found.first, 1);
    CU_ASSERT_EQUAL(found.last, 520);
    CU_ASSERT_EQUAL(found.wrong, 0);
    log_store_close(log);
    CU_ASSERT_EQUAL(block_bytes_live(), live);
    dir_remove();
}

static void test_lazy_goes_out_when_idle(void)
{
    struct found found;
    dir_make();
    struct log_store *log = open_log(&found, 10);
    append(log, 1, 10, false);
    CU_ASSERT(wait_durable(log, 1) > 0);
    log_store_close(log);
    dir_remove();
}

static void test_large_record(void)
{
    struct found found;
    dir_make();
    size_t size = (3u << 20) + 17; /* chunks, and larger than a segment */
    struct log_store *log = open_log(&found, size);
    append(log, 1, size, true);
    append(log, 2, size, true);
    CU_ASSERT(wait_durable(log, 2) > 2 * size);
    struct log_port port = log_store_port(log);
    port.read(port.context, 2);
    struct core_event event;
    do {
        CU_ASSERT_FATAL(next_event(log, &event));
    } while (event.kind != CORE_EV_LOG_READ);
    CU_ASSERT_FALSE(event.u.log_read.failed);
    CU_ASSERT(body_right(block_str(event.u.log_read.body), 2, size));
    log_store_close(log);
    log = open_log(&found, size);
    CU_ASSERT_EQUAL(found.last, 2);
    CU_ASSERT_EQUAL(found.wrong, 0);
    log_store_close(log);
    dir_remove();
}

static void expect_read(struct log_store *log, uint64_t lsn, bool there)
{
    struct log_port port = log_store_port(log);
    port.read(port.context, lsn);
    struct core_event event;
    do {
        CU_ASSERT_FATAL(next_event(log, &event));
    } while (event.kind != CORE_EV_LOG_READ);
    CU_ASSERT_EQUAL(event.u.log_read.lsn, lsn);
    CU_ASSERT_EQUAL(event.u.log_read.failed, !there);
    CU_ASSERT_EQUAL(body_right(block_str(event.u.log_read.body), lsn, BODY_SIZE), there);
}

static void test_trim_and_read(void)
{
    struct found found;
    dir_make();
    struct log_store *log = open_log(&found, BODY_SIZE);
    for (uint64_t lsn = 1; lsn <= 300; lsn++) {
        append(log, lsn, BODY_SIZE, true);
    }
    uint64_t before = wait_durable(log, 300);
    size_t segments = dir_count(".wal");
    expect_read(log, 1, true);
    expect_read(log, 300, true);
    struct log_port port = log_store_port(log);
    port.trim(port.context, 250);
    struct core_event event = { 0 };
    uint64_t after = before;
    while (after > before / 2 && next_event(log, &event)) {
        after = event.kind == CORE_EV_LOG_DURABLE ? event.u.log_durable.log_bytes : after;
    }
    CU_ASSERT(after <= before / 2);
    expect_read(log, 1, false);
    expect_read(log, 250, true);
    expect_read(log, 301, false);
    CU_ASSERT(dir_count(".wal") < segments);
    for (uint64_t lsn = 301; lsn <= 500; lsn++) { /* into recycled files */
        append(log, lsn, BODY_SIZE, true);
    }
    CU_ASSERT(wait_durable(log, 500) > 0);
    log_store_close(log);
    log = open_log(&found, BODY_SIZE);
    CU_ASSERT(found.first > 1 && found.first <= 250);
    CU_ASSERT_EQUAL(found.last, 500);
    CU_ASSERT_EQUAL(found.wrong, 0);
    log_store_close(log);
    dir_remove();
}

/* Appends without end, telling each durable LSN through a pipe, until it is killed. */
static void child_appends(int fd, uint64_t next)
{
    struct found found = { .size = BODY_SIZE };
    struct log_store *log = NULL;
    struct log_writer_options options = { .dir = dir_path, .segment_bytes = SEGMENT };
    if (log_writer_open(&log, &options, tell_record, &found, NULL, NULL) != 0 ||
        log_store_start(log, NULL) != 0) {
        _exit(1);
    }
    for (uint64_t durable = next - 1;;) {
        while (next <= durable + 32) {
            append(log, next++, BODY_SIZE, true);
        }
        struct core_event event;
        if (!next_event(log, &event) || event.kind != CORE_EV_LOG_DURABLE) {
            _exit(1);
        }
        durable = event.u.log_durable.lsn;
        if (write(fd, &durable, sizeof(durable)) != (ssize_t)sizeof(durable)) {
            _exit(1);
        }
    }
}

static void test_kill(void)
{
    dir_make();
    struct found found = { .size = BODY_SIZE };
    uint64_t next = 1;
    for (unsigned round = 0; round < 5; round++) {
        int fds[2];
        CU_ASSERT_EQUAL_FATAL(pipe2(fds, O_CLOEXEC), 0);
        pid_t child = fork();
        CU_ASSERT_FATAL(child >= 0);
        if (child == 0) {
            child_appends(fds[1], next);
        }
        (void)close(fds[1]);
        uint64_t durable = 0;
        uint64_t told = 0;
        while (durable < next + 40 + 37 * round &&
               read(fds[0], &told, sizeof(told)) == (ssize_t)sizeof(told)) {
            durable = told;
        }
        CU_ASSERT_EQUAL(kill(child, SIGKILL), 0);
        while (read(fds[0], &told, sizeof(told)) == (ssize_t)sizeof(told)) {
            durable = told;
        }
        CU_ASSERT_EQUAL(waitpid(child, NULL, 0), child);
        (void)close(fds[0]);
        struct log_store *log = open_log(&found, BODY_SIZE);
        CU_ASSERT(durable >= next + 40);
        CU_ASSERT(found.last >= durable);
        CU_ASSERT_EQUAL(found.first, 1);
        CU_ASSERT_EQUAL(found.wrong, 0);
        next = found.last + 1;
        log_store_close(log);
    }
    dir_remove();
}

static void note_record(void *context, const struct wal_record *record, bool first)
{
    uint64_t *last = context;
    (void)first;
    *last = record->lsn;
}

#define NO_ROOM UINT64_MAX

/* A guard: from NO_ROOM on nothing can be written past the end of a file. */
static int no_room(void *context, const struct wal_op *op, uint64_t file_bytes)
{
    bool grows = op->kind == WAL_OP_WRITE && op->offset + op->size > file_bytes;
    return grows && *(const uint64_t *)context == NO_ROOM ? ENOSPC : 0;
}

/* Without a thread nothing is written until work is called, and a drop leaves what a kill leaves. */
static void test_by_hand(void)
{
    struct log_store *log = NULL;
    struct errmsg msg = { 0 };
    struct core_event event;
    uint64_t last = 0;
    struct log_hand hand = { no_room, &last };
    struct log_writer_options options = { .dir = dir_path, .segment_bytes = SEGMENT, .hand = &hand };
    dir_make();
    CU_ASSERT_EQUAL_FATAL(log_writer_open(&log, &options, note_record, &last, NULL, &msg), 0);
    CU_ASSERT_EQUAL_FATAL(log_store_start(log, &msg), 0);
    while (log_store_next(log, &event)) {
    }
    append(log, 1, BODY_SIZE, true);
    append(log, 2, BODY_SIZE, false);
    CU_ASSERT_FALSE(log_store_next(log, &event));
    CU_ASSERT_EQUAL(log_store_deadline(log), 0);
    CU_ASSERT_TRUE(log_store_work(log));
    CU_ASSERT_TRUE_FATAL(log_store_next(log, &event));
    CU_ASSERT_EQUAL(event.kind, CORE_EV_LOG_DURABLE);
    CU_ASSERT_EQUAL(event.u.log_durable.lsn, 2); /* it rode along */
    append(log, 3, BODY_SIZE, false);
    CU_ASSERT_TRUE(log_store_work(log)); /* taken, and left for an idle moment */
    CU_ASSERT_FALSE(log_store_next(log, &event));
    CU_ASSERT_NOT_EQUAL(log_store_deadline(log), UINT64_MAX);
    append(log, 4, BODY_SIZE, true);
    log_store_take(log);
    append(log, 5, BODY_SIZE, true);
    CU_ASSERT_FALSE(log_store_next(log, &event));
    log_store_drop(log); /* before the work: 3 to 5 are gone */
    CU_ASSERT_EQUAL_FATAL(log_writer_open(&log, &options, note_record, &last, NULL, &msg), 0);
    CU_ASSERT_EQUAL(last, 2);
    CU_ASSERT_EQUAL_FATAL(log_store_start(log, &msg), 0);
    append(log, 3, BODY_SIZE, false);
    log_store_close(log); /* an orderly end writes everything */
    CU_ASSERT_EQUAL_FATAL(log_writer_open(&log, &options, note_record, &last, NULL, &msg), 0);
    CU_ASSERT_EQUAL(last, 3);
    CU_ASSERT_EQUAL_FATAL(log_store_start(log, &msg), 0);
    while (log_store_next(log, &event)) {
    }
    last = NO_ROOM;
    append(log, 4, BODY_SIZE, true);
    CU_ASSERT_TRUE(log_store_work(log));
    CU_ASSERT_TRUE_FATAL(log_store_next(log, &event));
    CU_ASSERT_EQUAL(event.kind, CORE_EV_LOG_FAILED);
    CU_ASSERT_PTR_NOT_NULL(strstr(event.u.log_failed.detail, "No space left"));
    log_store_close(log);
    dir_remove();
}

static void test_locked(void)
{
    struct found found;
    struct errmsg msg = { 0 };
    char pid[64];
    dir_make();
    struct log_store *log = open_log(&found, BODY_SIZE);
    CU_ASSERT_EQUAL(open_refused(&msg), ERR_BUSY);
    (void)snprintf(pid, sizeof(pid), "in use by process %ld", (long)getpid());
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, pid));
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, dir_path));
    log_store_close(log);
    CU_ASSERT_EQUAL(open_refused(&msg), 0);
    dir_remove();
}

/* As another user where the test runs as root: root may write anywhere. */
static void test_not_writable(void)
{
    dir_make();
    CU_ASSERT_EQUAL(chmod(dir_path, 0555), 0);
    (void)fflush(NULL);
    pid_t child = fork();
    CU_ASSERT_FATAL(child >= 0);
    if (child == 0) {
        struct errmsg msg = { 0 };
        if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0) {
            _exit(9);
        }
        int rc = open_refused(&msg);
        bool told = strstr(msg.text, "not writable") != NULL && strstr(msg.text, dir_path) != NULL;
        _exit(rc == ERR_IO && told ? 0 : 1);
    }
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT(WIFEXITED(status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
    dir_remove();
}

static void test_no_directory(void)
{
    struct errmsg msg = { 0 };
    (void)snprintf(dir_path, sizeof(dir_path), "/tmp/waldrill-no-such-parent/log");
    CU_ASSERT_EQUAL(open_refused(&msg), ERR_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "/tmp/waldrill-no-such-parent/log"));
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "No such file"));
    (void)snprintf(dir_path, sizeof(dir_path), "/dev/null");
    CU_ASSERT_EQUAL(open_refused(&msg), ERR_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "Not a directory"));
}

static void poke(const char *name, off_t at)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", dir_path, name);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    char byte = 0;
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(pread(fd, &byte, 1, at), 1);
    byte = (char)(byte ^ 0x40);
    CU_ASSERT_EQUAL(pwrite(fd, &byte, 1, at), 1);
    (void)close(fd);
}

static void test_damaged(void)
{
    struct found found;
    struct errmsg msg = { 0 };
    dir_make();
    struct log_store *log = open_log(&found, BODY_SIZE);
    for (uint64_t lsn = 1; lsn <= 200; lsn++) {
        append(log, lsn, BODY_SIZE, true);
    }
    CU_ASSERT(wait_durable(log, 200) > 0);
    log_store_close(log);
    size_t files = dir_count("");
    poke("0000000000000001.wal", 20000);
    CU_ASSERT_EQUAL(open_refused(&msg), ERR_DAMAGED);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "0000000000000001"));
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "record 4"));
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, dir_path));
    CU_ASSERT_EQUAL(dir_count(""), files); /* refused: nothing changed */
    poke("0000000000000001.wal", 20000);
    poke("0000000000000002.wal", 9);
    CU_ASSERT_EQUAL(open_refused(&msg), ERR_DAMAGED);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "segment 0000000000000002.wal: header's crc"));
    poke("0000000000000002.wal", 9);
    log = open_log(&found, BODY_SIZE); /* healed again */
    CU_ASSERT_EQUAL(found.last, 200);
    log_store_close(log);
    dir_remove();
}

static void test_full(void)
{
    struct found found;
    struct core_event event;
    dir_make();
    struct log_store *log = open_log(&found, BODY_SIZE);
    append(log, 1, BODY_SIZE, true);
    CU_ASSERT(wait_durable(log, 1) > 0);
    struct rlimit old;
    (void)signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &old), 0);
    struct rlimit tight = { .rlim_cur = 60000, .rlim_max = old.rlim_max };
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &tight), 0);
    unsigned failures = 0;
    uint64_t durable = 1;
    for (uint64_t lsn = 2; lsn <= 40 && failures == 0; lsn++) {
        append(log, lsn, BODY_SIZE, true);
        while (durable < lsn && failures == 0 && next_event(log, &event)) {
            if (event.kind == CORE_EV_LOG_DURABLE) {
                durable = event.u.log_durable.lsn;
            } else if (event.kind == CORE_EV_LOG_FAILED) {
                failures++;
                CU_ASSERT_PTR_NOT_NULL(strstr(event.u.log_failed.detail, "File too large"));
            }
        }
    }
    CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &old), 0);
    CU_ASSERT_EQUAL(failures, 1);
    CU_ASSERT(durable > 1 && durable < 40);
    append(log, durable + 2, BODY_SIZE, true); /* room again, but fail-stop is for good */
    expect_read(log, durable, true);
    CU_ASSERT_FALSE(log_store_next(log, &event));
    log_store_close(log);
    log = open_log(&found, BODY_SIZE);
    CU_ASSERT(found.last >= durable);
    CU_ASSERT_EQUAL(found.wrong, 0);
    log_store_close(log);
    dir_remove();
}

static const struct suite_test tests[] = {
    { "what was appended is there after reopening", test_reopen },
    { "a record nobody waits for goes out when idle", test_lazy_goes_out_when_idle },
    { "a record larger than a segment survives", test_large_record },
    { "trimming drops segments, reading serves what is held", test_trim_and_read },
    { "without a thread nothing is written until it is asked for", test_by_hand },
    { "kill -9 loses nothing that was reported durable", test_kill },
    { "a second log on the directory is refused with the holder's pid", test_locked },
    { "a directory that is not writable is refused", test_not_writable },
    { "a missing or impossible directory is refused", test_no_directory },
    { "damage is refused with segment and offset, nothing changed", test_damaged },
    { "a full disk fails once and for good, keeping what was durable", test_full },
};
TEST_MAIN("log/writer", tests)
