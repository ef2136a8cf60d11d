/* `walproxy wal`: what it prints and how it exits, on a sound, a torn, a damaged and a missing log. */
#include "base/chroma_route.h"
#include "proxy/core/records.h"
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

static void append_record(struct log_port *port, uint64_t lsn, uint8_t type, struct block *meta,
                          const char *body, size_t size)
{
    struct block *bytes = size == 0 ? NULL : block_copy(body, size);
    port->append(port->context, lsn, type, meta, bytes, true);
    block_unref(meta);
    block_unref(bytes);
}

/* A write of a client with a body that is text, one whose body is not, and what became of them. */
static void log_make_real(void)
{
    struct record_write write = {
        .op = OP_UPSERT,
        .lane = 1,
        .wall_ms = 1700000000123,
        .method = STR("POST"),
        .target = STR("/api/v2/x?y=\"z\""),
        .content_type = STR("application/json"),
        .request_id = STR("r-1"),
        .tenant = STR("t"),
        .database = STR("d"),
    };
    struct record_lane lane = { .tenant = STR("t"), .database = STR("d"), .name = STR("caf\xc3\xa9") };
    struct record_decided decided = {
        .lsn = 2, .accepted = true, .acknowledged = true, .by = 1, .status = 200
    };
    struct record_applied applied = { .lsn = 2, .instance = 0 };
    struct record_dead dead = { .lsn = 3, .on = 1, .status = 400, .reason = STR("{\"error\":1}") };
    struct record_orders orders = { .primary = 1,
                                    .moved = true,
                                    .throttled = true,
                                    .rate = 2500,
                                    .forced = { FORCED_DOWN, FORCED_AUTO },
                                    .wall_ms = 1700000000123 };
    (void)snprintf(dir_path, sizeof(dir_path), "/tmp/waldrill-logcmd-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir_path));
    struct log_store *log = NULL;
    struct log_writer_options options = { .dir = dir_path, .segment_bytes = 1u << 20 };
    CU_ASSERT_EQUAL_FATAL(log_writer_open(&log, &options, no_record, NULL, NULL, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(log_store_start(log, NULL), 0);
    struct log_port port = log_store_port(log);
    append_record(&port, 1, RECORD_LANE, record_lane_encode(&lane), "", 0);
    append_record(&port, 2, RECORD_WRITE, record_write_encode(&write), "{\"ids\":[\"a\"]}", 13);
    append_record(&port, 3, RECORD_WRITE, record_write_encode(&write), "\xff\x00\x01z", 4);
    append_record(&port, 4, RECORD_DECIDED, record_decided_encode(&decided), "", 0);
    append_record(&port, 5, RECORD_APPLIED, record_applied_encode(&applied), "", 0);
    append_record(&port, 6, RECORD_DEAD, record_dead_encode(&dead), "", 0);
    append_record(&port, 7, 200, block_copy("new", 3), "\xfe", 1);
    append_record(&port, 8, RECORD_ORDERS, record_orders_encode(&orders), "", 0);
    log_store_close(log);
}

static void test_export(void)
{
    static const char expected[] =
        "{\"lsn\":1,\"type\":\"lane\",\"lane\":1,\"dead\":false,\"tenant\":\"t\",\"database\":\"d\","
        "\"name\":\"caf\xc3\xa9\",\"uuid\":\"00000000-0000-0000-0000-000000000000\"}\n"
        "{\"lsn\":2,\"type\":\"write\",\"time\":\"2023-11-14T22:13:20.123Z\",\"op\":\"upsert\","
        "\"method\":\"POST\",\"target\":\"/api/v2/x?y=\\\"z\\\"\",\"content_type\":\"application/json\","
        "\"request_id\":\"r-1\",\"tenant\":\"t\",\"database\":\"d\",\"name\":\"\",\"new_name\":\"\","
        "\"lane\":1,\"body\":\"{\\\"ids\\\":[\\\"a\\\"]}\"}\n";
    log_make_real();
    CU_ASSERT_EQUAL(RUN("wal", "export", "--to", "2", dir_path), 0);
    CU_ASSERT_STRING_EQUAL(output, expected);
    CU_ASSERT_EQUAL(RUN("wal", "export", "--from", "3", dir_path), 0);
    CU_ASSERT_PTR_NULL(strstr(output, "\"lsn\":2,"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"lane\":1,\"body_base64\":\"/wABeg==\"}\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output,
                                  "{\"lsn\":4,\"type\":\"decided\",\"write\":2,\"accepted\":true,"
                                  "\"acknowledged\":true,\"by\":\"replica\",\"status\":200}\n"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(output, "{\"lsn\":5,\"type\":\"applied\",\"write\":2,\"instance\":\"primary\"}\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "\"status\":400,\"reason\":\"{\\\"error\\\":1}\"}\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(output,
                                  "{\"lsn\":7,\"type\":\"unknown\",\"number\":200,\"meta\":\"new\","
                                  "\"body_base64\":\"/g==\"}\n"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(output,
               "{\"lsn\":8,\"type\":\"orders\",\"time\":\"2023-11-14T22:13:20.123Z\","
               "\"role_of_primary\":\"replica\",\"moved\":true,\"replay_paused\":false,"
               "\"replay_rate\":2.500,\"forced\":{\"primary\":\"down\",\"replica\":null}}\n"));
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
    CU_ASSERT_EQUAL(RUN("wal", "export", "--payload", "/tmp"), 2);
    CU_ASSERT_EQUAL(RUN("wal", "show", "--from", "x", "/tmp"), 2);
    CU_ASSERT_EQUAL(RUN("wal", "show", "/tmp", "--from"), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(output, "see walproxy wal --help"));
    CU_ASSERT_EQUAL(RUN("wal", "--help"), 0);
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
    { "export writes JSON lines with all that a write needs", test_export },
    { "a damaged log is told with its place and left alone", test_damaged },
    { "wrong usage and missing logs are told apart", test_usage },
};
TEST_MAIN("log/command", tests)
