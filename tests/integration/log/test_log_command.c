/* `walproxy wal`: what it prints and how it exits, on a sound, a torn, a damaged and a missing log. */
#include "proxy/io/log_command.h"
#include "proxy/io/log_writer.h"
#include "tests/lib/suite.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir_path[128];
static char output[16384];

static void no_record(void *context, const struct wal_record *record, bool first)
{
    (void)context;
    (void)record;
    (void)first;
}

/* A log of five records, closed. */
static void log_make(void)
{
    (void)snprintf(dir_path, sizeof(dir_path), "/tmp/waldrill-logcmd-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir_path));
    struct log_store *log = NULL;
    struct log_writer_options options = { .dir = dir_path, .segment_bytes = 1u << 20 };
    CU_ASSERT_EQUAL_FATAL(log_writer_open(&log, &options, no_record, NULL, NULL, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(log_store_start(log, NULL), 0);
    struct log_port port = log_store_port(log);
    for (uint64_t lsn = 1; lsn <= 5; lsn++) {
        struct block *meta = block_copy("m\x1b", 2);
        struct block *body = block_copy("secret payload", 14);
        port.append(port.context, lsn, 1, meta, body, true);
        block_unref(meta);
        block_unref(body);
    }
    log_store_close(log);
}

static void log_remove(void)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/0000000000000001.wal", dir_path);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/lock", dir_path);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/spare-0000000000000002", dir_path);
    (void)unlink(path);
    (void)rmdir(dir_path);
}

static void poke(off_t at)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/0000000000000001.wal", dir_path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(pwrite(fd, "#", 1, at), 1);
    (void)close(fd);
}

/* Runs the command with stdout and stderr in `output`. */
static int command(int argc, const char *const *words)
{
    char copies[8][160];
    char *argv[9] = { NULL };
    for (int i = 0; i < argc; i++) {
        (void)snprintf(copies[i], sizeof(copies[i]), "%s", words[i]);
        argv[i] = copies[i];
    }
    FILE *file = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fflush(NULL);
    int out = dup(1);
    int err = dup(2);
    CU_ASSERT(dup2(fileno(file), 1) == 1 && dup2(fileno(file), 2) == 2);
    int status = log_command(argc, argv);
    (void)fflush(NULL);
    CU_ASSERT(dup2(out, 1) == 1 && dup2(err, 2) == 2);
    (void)close(out);
    (void)close(err);
    rewind(file);
    size_t size = fread(output, 1, sizeof(output) - 1, file);
    output[size] = '\0';
    (void)fclose(file);
    return status;
}

#define RUN(...) \
    command((int)(sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *)), (const char *[]){ __VA_ARGS__ })

static void test_sound(void)
{
    log_make();
    CU_ASSERT_EQUAL(RUN("wal", "verify", dir_path), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "5 records in 1 segments, next lsn 6"));
    CU_ASSERT_EQUAL(RUN("wal", "ls", dir_path), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "0000000000000001.wal"));
    CU_ASSERT_EQUAL(RUN("wal", "show", dir_path), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "lsn=5 type=1"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "body=14"));
    CU_ASSERT_PTR_NULL(strstr(output, "secret"));
    CU_ASSERT_EQUAL(RUN("wal", "show", "--payload", "--from", "2", "--to", "2", dir_path), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "secret payload"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "m\\x1b"));
    CU_ASSERT_PTR_NULL(strstr(output, "lsn=1 "));
    CU_ASSERT_PTR_NULL(strstr(output, "lsn=3 "));
    log_remove();
}

/* Looking changes nothing: the log opens as before, and a second look says the same. */
static void test_damaged(void)
{
    log_make();
    poke(512 + 60);
    for (unsigned i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(RUN("wal", "verify", dir_path), 1);
        CU_ASSERT_PTR_NOT_NULL(strstr(output, dir_path));
        CU_ASSERT_PTR_NOT_NULL(
            strstr(output, "segment 0000000000000001.wal: record 1 is missing or broken at 512"));
    }
    log_remove();
}

static void test_usage(void)
{
    CU_ASSERT_EQUAL(RUN("wal"), 2);
    CU_ASSERT_EQUAL(RUN("wal", "delete", "/tmp"), 2);
    CU_ASSERT_EQUAL(RUN("wal", "ls"), 2);
    CU_ASSERT_EQUAL(RUN("wal", "ls", "/tmp", "/tmp"), 2);
    CU_ASSERT_EQUAL(RUN("wal", "ls", "--payload", "/tmp"), 2);
    CU_ASSERT_EQUAL(RUN("wal", "show", "--from", "x", "/tmp"), 2);
    CU_ASSERT_EQUAL(RUN("wal", "show", "/tmp", "--from"), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "usage: walproxy wal ls DIR"));
    CU_ASSERT_EQUAL(RUN("wal", "ls", "/tmp/waldrill-no-such"), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "/tmp/waldrill-no-such: No such file"));
    char empty[] = "/tmp/waldrill-empty-XXXXXX";
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(empty));
    CU_ASSERT_EQUAL(RUN("wal", "verify", empty), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "no log in this directory"));
    CU_ASSERT_EQUAL(rmdir(empty), 0); /* nothing was made in it */
}

static const struct suite_test tests[] = {
    { "a sound log is listed, shown without payloads, verified", test_sound },
    { "a damaged log is told with its place and left alone", test_damaged },
    { "wrong usage and missing logs are told apart", test_usage },
};
TEST_MAIN("log/command", tests)
