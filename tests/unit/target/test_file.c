/* Target files: what a good one says, and the words for each bad one.  Hosts and names are guarded here. */
#include "base/buf.h"
#include "harness/target/file.h"
#include "harness/target/guard.h"
#include "harness/target/target.h"
#include "tests/lib/manual.h"
#include "tests/lib/suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOOD                                                                                  \
    "target: stage\n"                                                                         \
    "hosts: [ lb.example, one.example, two.example ]\n"                                       \
    "balancer: { url: \"http://lb.example:8000\", admin_token: \"env:TEST_TARGET_TOKEN\" }\n" \
    "primary: { url: \"http://one.example:8001\", gateway: \"http://ONE.example:9001\" }\n"   \
    "replica: { url: \"http://two.example:8001\", stop: \"stop two\", start: \"start two\" }\n"

static struct target_file *parse(const char *text, struct yaml_problems *problems)
{
    *problems = (struct yaml_problems){ 0 };
    return target_file_parse("targets/t.yaml", str_of(text), problems);
}

static void test_good(void)
{
    struct yaml_problems problems;
    (void)setenv("TEST_TARGET_TOKEN", "s3cret", 1);
    struct target_file *file =
        parse(GOOD "lease: 5s\nprefix: drill\nstop_if: [ wal.pending_writes > 10 ]\n", &problems);
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_STRING_EQUAL(file->name, "stage");
    CU_ASSERT_STRING_EQUAL(file->places[TARGET_LB].url, "http://lb.example:8000");
    CU_ASSERT_STRING_EQUAL(file->places[TARGET_PRIMARY].gateway, "http://ONE.example:9001");
    CU_ASSERT_STRING_EQUAL(file->places[TARGET_REPLICA].stop, "stop two");
    CU_ASSERT_PTR_NULL(file->places[TARGET_REPLICA].gateway);
    CU_ASSERT_STRING_EQUAL(file->prefix, "drill");
    CU_ASSERT_EQUAL(file->lease_ns, 5000000000u);
    CU_ASSERT_EQUAL(file->stop_count, 1);
    CU_ASSERT_STRING_EQUAL(target_file_token(file, TARGET_LB, "/admin/pending"), "s3cret");
    CU_ASSERT_STRING_EQUAL(target_file_token(file, TARGET_LB, "/status"), "s3cret");
    CU_ASSERT_PTR_NULL(target_file_token(file, TARGET_LB, "/api/v2/heartbeat"));
    CU_ASSERT_PTR_NULL(target_file_token(file, TARGET_PRIMARY, "/status"));
    target_file_free(file);
}

/* Each is refused, at its line and column, with words that hold these. */
static void test_bad(void)
{
    static const struct {
        const char *text;
        unsigned line, column;
        const char *words;
        const char *hint;
    } cases[] = {
        { "", 1, 1, "the file is empty", NULL },
        { "target: stage\n", 1, 1, "needs \"hosts\"", NULL },
        { GOOD "leese: 5s\n", 6, 1, "unknown key \"leese\"", "did you mean \"lease\"?" },
        { GOOD "lease: 5\n", 6, 8, "needs a unit", NULL },
        { GOOD "lease: 1h\n", 6, 8, "lease is 1s to 5m", NULL },
        { GOOD "stop_if: [ wal.pending > 3 ]\n", 6, 12, "wal.pending", NULL },
        { "target: eu-prod1\nhosts: [ a ]\nbalancer: { url: \"http://a\" }\nprimary: { url: \"http://a\" }\n",
          1, 9, "looks like production (\"prod\")", NULL },
        { "target: t\nhosts: [ a, db.live.example ]\nbalancer: { url: \"http://a\" }\nprimary: { url: "
          "\"http://a\" }\n",
          2, 13, "looks like production (\"live\")", NULL },
        { "target: t\nhosts: [ a ]\nbalancer: { url: \"http://a\" }\nprimary: { url: \"http://b:1\" }\n", 4,
          17, "the host b is not in hosts", "put it there" },
        { "target: t\nhosts: [ a ]\nbalancer: { url: \"http://a/x\" }\nprimary: { url: \"http://a\" }\n", 3,
          18, "a URL is http:// or https://", NULL },
        { "target: t\nhosts: [ a ]\nbalancer: { url: \"http://a\" }\nprimary: { url: \"http://a\", stop: x "
          "}\n",
          4, 10, "stop and start go together", NULL },
        { "target: t\nhosts: [ a ]\nbalancer: { url: \"http://a\" }\n"
          "primary: { url: \"http://a\", stop: ssh prod-1 x, start: y }\n",
          4, 35, "this command looks like production", NULL },
        { "target: t\nhosts: [ a ]\nbalancer: { url: \"http://a\", gateway: \"http://a:9\" }\nprimary: { "
          "url: \"http://a\" }\n",
          3, 39, "only an instance has a gateway", NULL },
        { "target: t\nhosts: [ a ]\nbalancer: { url: \"http://a\", admin_token: hunter2 }\nprimary: { url: "
          "\"http://a\" }\n",
          3, 43, "a token never stands in the file", "env:NAME or file:PATH" },
        { "target: t\nhosts: [ a ]\nbalancer: { url: \"http://a\", admin_token: \"env:TEST_NO_TOKEN\" }\n"
          "primary: { url: \"http://a\" }\n",
          3, 43, "there is no TEST_NO_TOKEN in the environment", NULL },
        { "target: t\nhosts: [ a ]\nbalancer: { url: \"http://a\" }\nprimary: { url: \"http://a\" }\n"
          "chroma_token: \"file:/nowhere/token\"\n",
          5, 15, "the token's file /nowhere/token cannot be read", NULL },
        { "target: t\nhosts: [ a ]\nbalancer: { url: \"http://a\", settings: { check_intervall: 2s } }\n"
          "primary: { url: \"http://a\" }\n",
          3, 42, "is no setting of walproxy", "check_interval" },
    };
    (void)setenv("TEST_TARGET_TOKEN", "s3cret", 1);
    (void)unsetenv("TEST_NO_TOKEN");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct yaml_problems problems;
        struct target_file *file = parse(cases[i].text, &problems);
        bool found = false;
        CU_ASSERT_PTR_NULL(file);
        for (size_t k = 0; k < problems.count; k++) {
            const struct yaml_problem *p = &problems.items[k];
            found = found ||
                    (p->line == cases[i].line && p->column == cases[i].column &&
                     strstr(p->text, cases[i].words) != NULL &&
                     (cases[i].hint == NULL || (p->hint != NULL && strstr(p->hint, cases[i].hint) != NULL)));
        }
        if (!found) {
            (void)printf("case %zu: nothing says \"%s\"\n", i, cases[i].words);
            for (size_t k = 0; k < problems.count; k++) {
                (void)printf("  %u:%u: %s (%s)\n", problems.items[k].line, problems.items[k].column,
                             problems.items[k].text, problems.items[k].hint);
            }
        }
        CU_ASSERT_TRUE(found);
        yaml_problems_deinit(&problems);
        target_file_free(file);
    }
}

static void test_token_from_file(void)
{
    struct yaml_problems problems;
    char path[] = "/tmp/waldrill-token-XXXXXX";
    char text[512];
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs("  abc123\n", file);
    (void)fclose(file);
    (void)snprintf(
        text, sizeof(text),
        "target: t\nhosts: [ a ]\nbalancer: { url: \"http://a\" }\nprimary: { url: \"http://a\" }\n"
        "chroma_token: \"file:%s\"\n",
        path);
    struct target_file *good = parse(text, &problems);
    CU_ASSERT_PTR_NOT_NULL_FATAL(good);
    CU_ASSERT_STRING_EQUAL(target_file_token(good, TARGET_PRIMARY, "/api/v2/version"), "abc123");
    target_file_free(good);
    file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    (void)fputs("two words", file);
    (void)fclose(file);
    CU_ASSERT_PTR_NULL(parse(text, &problems));
    CU_ASSERT_PTR_NOT_NULL(strstr(problems.items[0].text, "holds is no token"));
    CU_ASSERT_PTR_NULL(strstr(problems.items[0].text, "two words")); /* nobody repeats what it holds */
    yaml_problems_deinit(&problems);
    (void)remove(path);
}

static void test_hosts(void)
{
    static const struct {
        const char *url, *host; /* NULL = refused */
    } cases[] = {
        { "http://Chroma-1.Staging:8001", "chroma-1.staging" },
        { "https://a", "a" },
        { "http://127.0.0.1:1", "127.0.0.1" },
        { "http://[::1]:8000", "[::1]" },
        { "http://a:0", NULL },
        { "http://a:65536", NULL },
        { "http://a:", NULL },
        { "http://", NULL },
        { "http://a/", NULL },
        { "http://good.example@evil.example", NULL },
        { "http://a b", NULL },
        { "ftp://a", NULL },
        { "a:80", NULL },
        { "http://[::1", NULL },
        { "http://[evil]:1", NULL },
        { "http://a?x", NULL },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char host[GUARD_HOST] = "";
        struct errmsg msg;
        int rv = target_guard_host(cases[i].url, host, sizeof(host), &msg);
        CU_ASSERT_EQUAL(rv == 0, cases[i].host != NULL);
        CU_ASSERT_STRING_EQUAL(host, cases[i].host == NULL ? "" : cases[i].host);
    }
}

static void test_production(void)
{
    static const char *const bad[] = { "prod",        "eu-prod-1",     "PROD1",     "db.production.example",
                                       "ssh live-db", "chroma.prd.io", "my_live_db" };
    static const char *const good[] = { "staging", "product",       "delivery", "preprod",
                                        "alive",   "olive.example", "" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CU_ASSERT_TRUE(target_guard_production(bad[i]).size > 0);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CU_ASSERT_EQUAL(target_guard_production(good[i]).size, 0);
    }
}

static void test_example(void)
{
    char path[] = TEST_SOURCE_DIR "/targets/example.yaml";
    struct yaml_problems problems = { 0 };
    struct errmsg msg;
    size_t size;
    (void)setenv("STAGING_ADMIN_TOKEN", "x", 1);
    char *text = scenario_read_file(path, &size, &msg);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    struct target_file *file = target_file_parse(path, str_make(text, size), &problems);
    CU_ASSERT_PTR_NOT_NULL(file);
    CU_ASSERT_EQUAL(problems.count, 0);
    target_file_free(file);
    yaml_problems_deinit(&problems);
    free(text);
}

static void test_manual(void)
{
    struct buf tables;
    buf_init(&tables, 1 << 20);
    target_reference(&tables);
    manual_assert_current("staging.md", buf_str(&tables));
    buf_deinit(&tables);
}

static const struct suite_test tests[] = {
    { "a target file is read, tokens from the environment", test_good },
    { "what is wrong with one is said at its place, with the right word", test_bad },
    { "a token comes from a file, and is never shown", test_token_from_file },
    { "a URL is taken apart by strict rules", test_hosts },
    { "names with a word of production are known", test_production },
    { "the example is right", test_example },
    { "docs/staging.md has every key", test_manual },
};
TEST_MAIN("target_file", tests)
