/* Command line, environment and file, and the lines on stderr. */
#include "base/buf.h"
#include "base/units.h"
#include "proxy/io/config.h"
#include "proxy/io/io_clock.h"
#include "proxy/io/process_log.h"
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char url_env[] = "PRIMARY_URL=http://env:1";
static char empty_env[] = "REPLICA_URL=";
static char interval_env[] = "CHECK_INTERVAL=20";
static char wrong_env[] = "CHECK_INTERVAL=often";
static char lower_env[] = "check_interval=never";

static int load(struct settings_draft *draft, enum config_wish *wish, const char *const *arguments,
                char *const environment[], struct errmsg *msg)
{
    char copies[8][256];
    char *argv[8];
    int argc = 0;
    while (arguments[argc] != NULL) {
        (void)snprintf(copies[argc], sizeof(copies[argc]), "%s", arguments[argc]);
        argv[argc] = copies[argc];
        argc++;
    }
    msg->text[0] = '\0';
    return config_load(draft, wish, argc, argv, environment, msg);
}

#define ARGS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_secret_file(void)
{
    static struct settings_draft draft;
    enum config_wish wish;
    struct errmsg msg;
    char directory[128];
    char path[160];
    char flag[200];
    CU_ASSERT_TRUE_FATAL(temp_dir_make(directory, sizeof(directory)));
    (void)snprintf(path, sizeof(path), "%s/token", directory);
    (void)snprintf(flag, sizeof(flag), "--primary-auth=@%s", path);
    char *environment[] = { url_env, NULL };
    CU_ASSERT_NOT_EQUAL(load(&draft, &wish, ARGS(flag), environment, &msg), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "PRIMARY_AUTH: cannot read"));
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs("Bearer from-a-file\n", file);
    (void)fclose(file);
    CU_ASSERT_EQUAL(load(&draft, &wish, ARGS(flag), environment, &msg), 0);
    CU_ASSERT_STRING_EQUAL(draft.values.primary_auth, "Bearer from-a-file");
    file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs("letmein\n", file);
    (void)fclose(file);
    (void)snprintf(flag, sizeof(flag), "--admin-token=@%s", path);
    CU_ASSERT_EQUAL(load(&draft, &wish, ARGS(flag), environment, &msg), 0);
    CU_ASSERT_STRING_EQUAL(draft.values.admin_token, "letmein");
    CU_ASSERT_TRUE(truncate(path, 0) == 0);
    CU_ASSERT_NOT_EQUAL(load(&draft, &wish, ARGS(flag), environment, &msg), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "holds no credentials"));
    temp_dir_remove(directory);
}

static void test_sources(void)
{
    struct settings_draft draft;
    enum config_wish wish;
    struct errmsg msg;
    char directory[128];
    char path[160];
    CU_ASSERT_TRUE_FATAL(temp_dir_make(directory, sizeof(directory)));
    (void)snprintf(path, sizeof(path), "%s/walproxy.yaml", directory);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs("primary_url: http://file:1\ncheck_interval: 40s\nrequest_timeout: 7\nreplica_url:\n", file);
    (void)fclose(file);
    char *environment[] = { url_env, empty_env, interval_env, lower_env, NULL };
    CU_ASSERT_EQUAL(load(&draft, &wish, ARGS("--config", path, "--check-interval=10"), environment, &msg), 0);
    CU_ASSERT_EQUAL(wish, CONFIG_RUN);
    CU_ASSERT_STRING_EQUAL(draft.values.primary_url, "http://env:1");
    CU_ASSERT_EQUAL(draft.values.check_interval_ns, 10 * NS_PER_S);
    CU_ASSERT_EQUAL(draft.values.request_timeout_ns, 7 * NS_PER_S);
    CU_ASSERT_STRING_EQUAL(draft.values.replica_url, "");
    CU_ASSERT_EQUAL(load(&draft, &wish, ARGS("--print-config", "--load-profile", "high"), environment, &msg),
                    0);
    CU_ASSERT_EQUAL(wish, CONFIG_PRINT);
    char *nothing[] = { NULL };
    CU_ASSERT_EQUAL(load(&draft, &wish, ARGS("--prometheus-rules", "--load-profile", "high"), nothing, &msg),
                    0);
    CU_ASSERT_EQUAL(wish, CONFIG_RULES); /* and no primary has to be named for them */
    CU_ASSERT_EQUAL(draft.values.check_interval_ns, 15 * NS_PER_S);
    CU_ASSERT_EQUAL(load(&draft, &wish, ARGS("-h"), environment, &msg), 0);
    CU_ASSERT_EQUAL(wish, CONFIG_HELP);
    temp_dir_remove(directory);
}

static void wrong(const char *const *arguments, char *const environment[], const char *part)
{
    struct settings_draft draft;
    enum config_wish wish;
    struct errmsg msg;
    CU_ASSERT_NOT_EQUAL(load(&draft, &wish, arguments, environment, &msg), 0);
    if (strstr(msg.text, part) == NULL) {
        (void)fprintf(stderr, "expected \"%s\", was told: %s\n", part, msg.text);
        CU_FAIL("the message does not teach");
    }
}

static void wrong_file(const char *directory, const char *text, const char *part)
{
    char path[160];
    char *none[] = { url_env, NULL };
    (void)snprintf(path, sizeof(path), "%s/wrong.yaml", directory);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs(text, file);
    (void)fclose(file);
    wrong(ARGS("--config", path), none, part);
}

static void test_refusals(void)
{
    char directory[128];
    char *none[] = { NULL };
    char *url[] = { url_env, NULL };
    char *bad[] = { url_env, wrong_env, NULL };
    wrong(ARGS(NULL), none, "PRIMARY_URL: not set");
    wrong(ARGS(NULL), bad, "CHECK_INTERVAL: \"often\"");
    wrong(ARGS("--check-intervall", "3"), url, "did you mean CHECK_INTERVAL?");
    wrong(ARGS("--confg", "x"), url, "did you mean --config?");
    wrong(ARGS("--check-interval"), url, "--check-interval: a value is missing: expected a duration");
    wrong(ARGS("serve"), url, "\"serve\": expected a flag");
    wrong(ARGS("--config", "/nonexistent/x.yaml"), url, "cannot read \"/nonexistent/x.yaml\": No such file");
    CU_ASSERT_TRUE_FATAL(temp_dir_make(directory, sizeof(directory)));
    wrong(ARGS("--config", directory), url, "Is a directory");
    wrong_file(directory, "a: 1\ncheck_intervall: 3\n", "wrong.yaml:1:1: a: no such setting");
    wrong_file(directory, "\ncheck_interval: soon\n", "wrong.yaml:2:17: CHECK_INTERVAL: \"soon\"");
    wrong_file(directory, "check_interval: [1, 2]\n",
               "wrong.yaml:1:17: check_interval: expected one plain value");
    wrong_file(directory, "- a\n", "wrong.yaml:1:1: expected settings");
    wrong_file(directory, "a: 'b\n", "wrong.yaml:");
    temp_dir_remove(directory);
}

static void test_help_names_all(void)
{
    struct buf out;
    buf_init(&out, 1u << 20);
    config_help(&out);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "--read-replica-ratio"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), "--time-scale"));
    buf_deinit(&out);
}

static void test_clock(void)
{
    struct io_clock clock;
    io_clock_init(&clock, 10);
    uint64_t before = io_clock_core_ns(&clock);
    uint64_t real = io_clock_real_ns();
    CU_ASSERT(before >= NS_PER_S);
    /* ten seconds of the core's time are one of ours */
    uint64_t due = io_clock_to_real(&clock, before + 10 * NS_PER_S);
    CU_ASSERT(due >= real + NS_PER_S - 50 * NS_PER_MS && due <= real + NS_PER_S + 50 * NS_PER_MS);
    CU_ASSERT_EQUAL(io_clock_to_real(&clock, IO_CLOCK_NEVER), IO_CLOCK_NEVER);
    CU_ASSERT(io_clock_core_ns(&clock) >= before);
    io_clock_init(&clock, 1);
    CU_ASSERT_EQUAL(io_clock_to_real(&clock, NS_PER_S + 5), clock.origin_ns + 5);
}

/* A reader of stderr that does not keep up costs lines, never time. */
static void test_log_never_blocks(void)
{
    struct process_log log;
    int fds[2];
    static char text[70000];
    CU_ASSERT_EQUAL_FATAL(pipe(fds), 0);
    process_log_init(&log, fds[1], LOG_INFO, LOG_FORMAT_LOGFMT);
    process_log_note(&log, LOG_DEBUG, "unseen", NULL, STR(""));
    process_log_note(&log, LOG_INFO, "seen", "why", STR("a reason"));
    process_log_flush(&log);
    ssize_t n = read(fds[0], text, sizeof(text) - 1);
    CU_ASSERT_FATAL(n > 0);
    text[n] = '\0';
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "event=seen why=\"a reason\"\n"));
    CU_ASSERT_PTR_NULL(strstr(text, "unseen"));
    for (int i = 0; i < 100000; i++) {
        process_log_line(&log, LOG_INFO, STR("a line that nobody reads\n"));
        if (i % 100 == 0) {
            process_log_flush(&log);
        }
    }
    CU_ASSERT(log.dropped > 0);
    CU_ASSERT_EQUAL(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    bool told = false;
    for (int i = 0; i < 1000 && !told; i++) {
        while ((n = read(fds[0], text, sizeof(text) - 1)) > 0) {
            text[n] = '\0';
            told = told || strstr(text, "event=lines_dropped") != NULL;
        }
        process_log_flush(&log);
    }
    CU_ASSERT_TRUE(told);
    (void)close(fds[0]);
    process_log_deinit(&log);
    (void)close(fds[1]);
}

static const struct suite_test tests[] = {
    { "flags beat the environment beats the file", test_sources },
    { "a secret may stand in a file", test_secret_file },
    { "every mistake is named in one line", test_refusals },
    { "help names every setting", test_help_names_all },
    { "the core's time runs TIME_SCALE times faster", test_clock },
    { "log lines never wait for their reader", test_log_never_blocks },
};

TEST_MAIN("proxy_io_config", tests)
