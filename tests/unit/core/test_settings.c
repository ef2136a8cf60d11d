/* The settings table: defaults, sources, units, refusals that teach, and the page made from it. */
#include "base/buf.h"
#include "base/units.h"
#include "proxy/core/settings.h"
#include "tests/lib/suite.h"
#include <stdio.h>
#include <stdlib.h>

static int set(struct settings_draft *draft, const char *name, const char *value, enum settings_source source,
               struct errmsg *msg)
{
    return settings_set(draft, str_of(name), str_of(value), source, msg);
}

static void ready(struct settings_draft *draft)
{
    settings_draft_init(draft);
    CU_ASSERT_EQUAL_FATAL(set(draft, "PRIMARY_URL", "http://127.0.0.1:8001", SETTINGS_ENV, NULL), 0);
}

static void test_defaults(void)
{
    struct settings_draft draft;
    struct errmsg msg = { "" };
    ready(&draft);
    CU_ASSERT_EQUAL_FATAL(settings_finish(&draft, &msg), 0);
    CU_ASSERT_EQUAL(draft.values.consistency_window_ns, 30 * NS_PER_S);
    CU_ASSERT_DOUBLE_EQUAL(draft.values.read_replica_ratio, 0.8, 0);
    CU_ASSERT_EQUAL(draft.values.request_timeout_ns, 15 * NS_PER_S);
    CU_ASSERT_EQUAL(draft.values.check_interval_ns, 30 * NS_PER_S);
    CU_ASSERT_EQUAL(draft.values.failure_threshold, 3);
    CU_ASSERT_EQUAL(draft.values.recovery_threshold, 1);
    CU_ASSERT_EQUAL(draft.values.replay_max_attempts, 3);
    CU_ASSERT_EQUAL(draft.values.max_body_bytes, 41943040);
    CU_ASSERT_EQUAL(draft.values.wal_mode, WAL_MODE_FILE);
    CU_ASSERT_EQUAL(draft.values.when_none_up, WHEN_NONE_UP_QUEUE);
    CU_ASSERT_EQUAL(draft.values.log_level, LOG_INFO);
    CU_ASSERT_STRING_EQUAL(draft.values.listen, "127.0.0.1:8000");
    CU_ASSERT_STRING_EQUAL(draft.values.replica_url, "");
    CU_ASSERT_DOUBLE_EQUAL(draft.values.time_scale, 1, 0);
}

static void test_primary_required(void)
{
    struct settings_draft draft;
    struct errmsg msg = { "" };
    settings_draft_init(&draft);
    CU_ASSERT_EQUAL(settings_finish(&draft, &msg), ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "PRIMARY_URL: not set: expected http://"));
}

static void test_sources(void)
{
    struct settings_draft draft;
    ready(&draft);
    CU_ASSERT_EQUAL(set(&draft, "--check-interval" + 2, "10", SETTINGS_FLAG, NULL), 0);
    CU_ASSERT_EQUAL(set(&draft, "CHECK_INTERVAL", "20", SETTINGS_ENV, NULL), 0);
    CU_ASSERT_EQUAL(set(&draft, "check_interval", "40", SETTINGS_FILE, NULL), 0);
    CU_ASSERT_EQUAL(draft.values.check_interval_ns, 10 * NS_PER_S);
    CU_ASSERT_EQUAL(set(&draft, "request_timeout", "5m", SETTINGS_FILE, NULL), 0);
    CU_ASSERT_EQUAL(set(&draft, "REQUEST_TIMEOUT", "20s", SETTINGS_ENV, NULL), 0);
    CU_ASSERT_EQUAL(draft.values.request_timeout_ns, 20 * NS_PER_S);
    /* what loses must be right all the same */
    CU_ASSERT_EQUAL(set(&draft, "check_interval", "soon", SETTINGS_FILE, NULL), ERR_INVALID);
    CU_ASSERT_EQUAL(draft.values.check_interval_ns, 10 * NS_PER_S);
}

static void test_profile(void)
{
    struct settings_draft draft;
    ready(&draft);
    CU_ASSERT_EQUAL(set(&draft, "LOAD_PROFILE", "low", SETTINGS_ENV, NULL), 0);
    CU_ASSERT_EQUAL(set(&draft, "request_timeout", "12", SETTINGS_FILE, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(settings_finish(&draft, NULL), 0);
    CU_ASSERT_EQUAL(draft.values.check_interval_ns, 60 * NS_PER_S);
    CU_ASSERT_EQUAL(draft.values.consistency_window_ns, 30 * NS_PER_S);
    CU_ASSERT_DOUBLE_EQUAL(draft.values.read_replica_ratio, 0.5, 0);
    CU_ASSERT_EQUAL(draft.values.request_timeout_ns, 12 * NS_PER_S); /* the file ranks above the profile */
}

static void test_units(void)
{
    struct settings_draft draft;
    ready(&draft);
    CU_ASSERT_EQUAL(set(&draft, "CONSISTENCY_WINDOW", "250ms", SETTINGS_ENV, NULL), 0);
    CU_ASSERT_EQUAL(draft.values.consistency_window_ns, 250 * NS_PER_MS);
    CU_ASSERT_EQUAL(set(&draft, "READ_REPLICA_RATIO", "70%", SETTINGS_ENV, NULL), 0);
    CU_ASSERT_DOUBLE_EQUAL(draft.values.read_replica_ratio, 0.7, 1e-12);
    CU_ASSERT_EQUAL(set(&draft, "WAL_MEMORY_BYTES", "256MiB", SETTINGS_ENV, NULL), 0);
    CU_ASSERT_EQUAL(draft.values.wal_memory_bytes, UINT64_C(256) << 20);
    CU_ASSERT_EQUAL(set(&draft, "WAL_MAX_BYTES", "5000000", SETTINGS_ENV, NULL), 0);
    CU_ASSERT_EQUAL(draft.values.wal_max_bytes, 5000000);
}

/* Each: the message names setting, value and what is expected, and nothing changes. */
static void test_refusals(void)
{
    static const struct {
        const char *name;
        const char *value;
        const char *part;
    } wrong[] = {
        { "CHECK_INTERVAL", "soon", "CHECK_INTERVAL: \"soon\" is not valid: expected a duration" },
        { "CHECK_INTERVAL", "0", "expected a duration from 100ms" },
        { "REQUEST_TIMEOUT", "-3", "REQUEST_TIMEOUT: \"-3\"" },
        { "READ_REPLICA_RATIO", "1.5", "expected a share from 0 to 1" },
        { "READ_REPLICA_RATIO", "nan", "expected a share from 0 to 1" },
        { "FAILURE_THRESHOLD", "0", "expected a number from 1 to 100" },
        { "FAILURE_THRESHOLD", "3x", "expected a number" },
        { "WAL_MODE", "memroy", "did you mean memory?" },
        { "WAL_MODE", "", "expected file or memory" },
        { "LOG_LEVEL", "loud", "one of debug, info, warn, error" },
        { "LOAD_PROFILE", "hihg", "did you mean high?" },
        { "PRIMARY_URL", "127.0.0.1:8001", "http://host[:port]" },
        { "PRIMARY_URL", "http://a/b", "without a path" },
        { "PRIMARY_URL", "http://a:70000", "http://host[:port]" },
        { "PRIMARY_URL", "http://:80", "http://host[:port]" },
        { "PRIMARY_URL", "http://user:secret@host", "(not shown)" },
        { "PRIMARY_URL", "", "http://host[:port]" },
        { "LISTEN", "8000", "host:port" },
        { "LISTEN", "127.0.0.1:", "host:port" },
        { "PORT", "65536", "a port from 0 to 65535" },
        { "TIME_SCALE", "0.5", "a factor from 1" },
        { "MAX_BODY_BYTES", "10 parsecs", "MAX_BODY_BYTES: \"10 parsecs\"" },
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        static struct settings_draft draft;
        static struct settings_draft before;
        struct errmsg msg = { "" };
        ready(&draft);
        before = draft;
        CU_ASSERT_EQUAL(set(&draft, wrong[i].name, wrong[i].value, SETTINGS_FLAG, &msg), ERR_INVALID);
        CU_ASSERT_EQUAL(memcmp(&before, &draft, sizeof(draft)), 0);
        if (strstr(msg.text, wrong[i].part) == NULL) {
            (void)fprintf(stderr, "%s=%s said: %s\n", wrong[i].name, wrong[i].value, msg.text);
            CU_FAIL("the message does not teach");
        }
        CU_ASSERT_PTR_NULL(strchr(msg.text, '\n'));
    }
}

static void test_hostile_values(void)
{
    struct settings_draft draft;
    struct errmsg msg = { "" };
    static char longest[SETTINGS_SECRET_MAX + 8];
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    ready(&draft);
    for (size_t i = 0; i < settings_table_size; i++) {
        CU_ASSERT_NOT_EQUAL(set(&draft, settings_table[i].name, longest, SETTINGS_FLAG, &msg), 0);
        CU_ASSERT(strlen(msg.text) < 400);
    }
    CU_ASSERT_NOT_EQUAL(set(&draft, "LOG_LEVEL", "in\nfo", SETTINGS_FLAG, &msg), 0);
    CU_ASSERT_PTR_NULL(strchr(msg.text, '\n'));
    CU_ASSERT_EQUAL(settings_set(&draft, STR("WAL_DIR"), STR("a\0b"), SETTINGS_FLAG, &msg), ERR_INVALID);
    CU_ASSERT_EQUAL(
        settings_set(&draft, str_make(longest, sizeof(longest) - 1), STR("1"), SETTINGS_FLAG, &msg),
        ERR_NOT_FOUND);
}

static void test_unknown_name(void)
{
    struct settings_draft draft;
    struct errmsg msg = { "" };
    ready(&draft);
    CU_ASSERT_EQUAL(set(&draft, "check-intervall", "3", SETTINGS_FLAG, &msg), ERR_NOT_FOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "did you mean CHECK_INTERVAL?"));
    CU_ASSERT_EQUAL(set(&draft, "zzz", "3", SETTINGS_FLAG, &msg), ERR_NOT_FOUND);
    CU_ASSERT_PTR_NULL(strstr(msg.text, "did you mean"));
}

static void test_urls(void)
{
    struct settings_draft draft;
    struct errmsg msg = { "" };
    ready(&draft);
    CU_ASSERT_EQUAL(set(&draft, "REPLICA_URL", "https://chroma-replica.onrender.com/", SETTINGS_ENV, &msg),
                    0);
    CU_ASSERT_STRING_EQUAL(draft.values.replica_url, "https://chroma-replica.onrender.com");
    CU_ASSERT_EQUAL(set(&draft, "REPLICA_URL", "http://[::1]:8002", SETTINGS_ENV, &msg), 0);
    CU_ASSERT_EQUAL(settings_finish(&draft, &msg), 0);
    CU_ASSERT_EQUAL(set(&draft, "REPLICA_URL", "http://127.0.0.1:8001/", SETTINGS_ENV, &msg), 0);
    CU_ASSERT_EQUAL(settings_finish(&draft, &msg), ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "is the primary itself"));
}

static void test_listen(void)
{
    struct settings_draft draft;
    struct errmsg msg = { "" };
    ready(&draft);
    CU_ASSERT_EQUAL(set(&draft, "PORT", "9000", SETTINGS_ENV, &msg), 0);
    CU_ASSERT_EQUAL(settings_finish(&draft, &msg), 0);
    CU_ASSERT_STRING_EQUAL(draft.values.listen, "127.0.0.1:9000");
    ready(&draft);
    CU_ASSERT_EQUAL(set(&draft, "PORT", "9000", SETTINGS_ENV, &msg), 0);
    CU_ASSERT_EQUAL(set(&draft, "LISTEN", "[::1]:0", SETTINGS_FLAG, &msg), 0);
    CU_ASSERT_EQUAL(settings_finish(&draft, &msg), 0);
    CU_ASSERT_STRING_EQUAL(draft.values.listen, "[::1]:0");
    CU_ASSERT_STRING_EQUAL(draft.values.host, "::1");
    CU_ASSERT_EQUAL(draft.values.port, 0);
    ready(&draft);
    CU_ASSERT_EQUAL(set(&draft, "HOST", "0.0.0.0", SETTINGS_ENV, &msg), 0);
    CU_ASSERT_EQUAL(set(&draft, "LISTEN", "127.0.0.1:1", SETTINGS_ENV, &msg), 0);
    CU_ASSERT_EQUAL(settings_finish(&draft, &msg), ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "contradicts HOST"));
    ready(&draft);
    CU_ASSERT_EQUAL(set(&draft, "HOST", "no such host", SETTINGS_ENV, &msg), 0);
    CU_ASSERT_EQUAL(settings_finish(&draft, &msg), ERR_INVALID);
}

static void test_fit_together(void)
{
    struct settings_draft draft;
    struct errmsg msg = { "" };
    ready(&draft);
    CU_ASSERT_EQUAL(set(&draft, "WAL_MAX_BYTES", "64MiB", SETTINGS_ENV, &msg), 0);
    CU_ASSERT_EQUAL(settings_finish(&draft, &msg), ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "WAL_SEGMENT_BYTES"));
    ready(&draft);
    CU_ASSERT_EQUAL(set(&draft, "WAL_MEMORY_BYTES", "1MiB", SETTINGS_ENV, &msg), 0);
    CU_ASSERT_EQUAL(settings_finish(&draft, &msg), ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "MAX_BODY_BYTES"));
    ready(&draft);
    CU_ASSERT_EQUAL(set(&draft, "ACK_POLICY", "durable", SETTINGS_ENV, &msg), 0);
    CU_ASSERT_EQUAL(settings_finish(&draft, &msg), 0);
    CU_ASSERT_EQUAL(set(&draft, "WAL_MODE", "memory", SETTINGS_ENV, &msg), 0);
    CU_ASSERT_EQUAL(settings_finish(&draft, &msg), ERR_INVALID);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "ACK_POLICY"));
}

/* What --print-config shows may be given back, whatever the type. */
static void test_format_round_trip(void)
{
    static struct settings_draft draft;
    ready(&draft);
    CU_ASSERT_EQUAL(set(&draft, "CONSISTENCY_WINDOW", "90250ms", SETTINGS_ENV, NULL), 0);
    CU_ASSERT_EQUAL(set(&draft, "WAL_MEMORY_BYTES", "77777777", SETTINGS_ENV, NULL), 0);
    CU_ASSERT_EQUAL(set(&draft, "READ_REPLICA_RATIO", "0.123456789", SETTINGS_ENV, NULL), 0);
    CU_ASSERT_EQUAL(set(&draft, "LOAD_PROFILE", "medium", SETTINGS_ENV, NULL), 0);
    CU_ASSERT_EQUAL(set(&draft, "LOG_LEVEL", "error", SETTINGS_ENV, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(settings_finish(&draft, NULL), 0);
    static struct settings_draft again;
    settings_draft_init(&again);
    for (size_t i = 0; i < settings_table_size; i++) {
        char text[SETTINGS_TEXT_MAX];
        struct errmsg msg = { "" };
        if (settings_table[i].type == SETTINGS_SECRET) {
            continue; /* never shown */
        }
        settings_format(&draft.values, &settings_table[i], text, sizeof(text));
        if (set(&again, settings_table[i].name, text, SETTINGS_FLAG, &msg) != 0) {
            (void)fprintf(stderr, "%s\n", msg.text);
            CU_FAIL("formatted value refused");
        }
    }
    CU_ASSERT_EQUAL_FATAL(settings_finish(&again, NULL), 0);
    CU_ASSERT_EQUAL(memcmp(&draft.values, &again.values, sizeof(draft.values)), 0);
}

static void test_print_names_sources(void)
{
    struct settings_draft draft;
    struct buf out;
    ready(&draft);
    CU_ASSERT_EQUAL(set(&draft, "LOAD_PROFILE", "high", SETTINGS_FLAG, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(settings_finish(&draft, NULL), 0);
    buf_init(&out, 65536);
    settings_print(&draft, &out);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "CHECK_INTERVAL=15s  # profile\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "PRIMARY_URL=http://127.0.0.1:8001  # environment\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "LOAD_PROFILE=high  # flag\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "WAL_MODE=file  # default\n"));
    buf_deinit(&out);
}

static void test_page_up_to_date(void)
{
    struct buf out;
    static char page[65536];
    buf_init(&out, sizeof(page));
    settings_markdown(&out);
    FILE *file = fopen(TEST_SOURCE_DIR "/docs/settings.md", "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    size_t size = fread(page, 1, sizeof(page) - 1, file);
    (void)fclose(file);
    page[size] = '\0';
    CU_ASSERT_STRING_EQUAL(page, buf_text(&out)); /* mend: walproxy --settings-markdown > docs/settings.md */
    buf_deinit(&out);
}

static const struct suite_test tests[] = {
    { "the defaults are the documented ones", test_defaults },
    { "without PRIMARY_URL nothing starts", test_primary_required },
    { "a flag beats the environment beats the file", test_sources },
    { "a load profile is the guide's column", test_profile },
    { "plain numbers are seconds, units are taken", test_units },
    { "a wrong value is named with what is expected", test_refusals },
    { "hostile values are refused in one line", test_hostile_values },
    { "an unknown name suggests the nearest", test_unknown_name },
    { "URLs are checked and kept without a slash", test_urls },
    { "HOST and PORT are the halves of LISTEN", test_listen },
    { "sizes that do not fit together are refused", test_fit_together },
    { "what is printed can be given back", test_format_round_trip },
    { "print-config names each source", test_print_names_sources },
    { "docs/settings.md is up to date", test_page_up_to_date },
};

TEST_MAIN("core_settings", tests)
