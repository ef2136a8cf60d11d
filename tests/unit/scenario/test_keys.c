/* Who takes part, headers of requests, faults of the balancer's disk: what right files become, and what is
 * said about wrong ones. */
#include "base/units.h"
#include "harness/scenario/keys.h"
#include "mockchroma/core/fault.h"
#include "tests/unit/scenario/parsed.h"

static void kinds_of_instances(void)
{
    struct scenario *s =
        parse(HEAD "topology: { primary: { kind: chroma }, replica: { kind: mock-chroma } }\n");
    CU_ASSERT_TRUE(s->real_chroma[0]);
    CU_ASSERT_FALSE(s->real_chroma[1]);
    scenario_free(s);
    check_complaint(HEAD "topology: { primary: { kind: chrome } }\n", "did you mean \"chroma\"?");
    check_complaint(HEAD "topology: { primary: { kind: chroma, latency: none } }\n",
                    "\"latency\" belongs to kind: mock-chroma");
}

static void kinds_of_balancers(void)
{
    struct scenario *s =
        parse(HEAD
              "topology: { lb: { kind: command, command: \"other --port $PORT\", env: { PORT: 8000, "
              "MODE: a b }, ready: /health, url: \"http://127.0.0.1:8000\" } }\n");
    CU_ASSERT_EQUAL(s->lb_kind, LB_KIND_COMMAND);
    CU_ASSERT_STRING_EQUAL(s->lb_command, "other --port $PORT");
    CU_ASSERT_EQUAL_FATAL(s->lb_env_count, 2);
    CU_ASSERT_STRING_EQUAL(s->lb_env[1].name, "MODE");
    CU_ASSERT_STRING_EQUAL(s->lb_env[1].value, "a b");
    CU_ASSERT_STRING_EQUAL(s->lb_ready, "/health");
    CU_ASSERT_STRING_EQUAL(s->lb_url, "http://127.0.0.1:8000");
    CU_ASSERT_EQUAL(s->lb_setting_count, 0);
    scenario_free(s);
    s = parse(HEAD "topology: { lb: { kind: url, url: \"https://lb.test\" } }\n");
    CU_ASSERT_EQUAL(s->lb_kind, LB_KIND_URL);
    scenario_free(s);
    s = parse(HEAD "topology: { lb: { kind: walproxy, check_interval: 5s } }\n");
    CU_ASSERT_EQUAL(s->lb_kind, LB_KIND_WALPROXY);
    CU_ASSERT_EQUAL(s->lb_setting_count, 1);
    scenario_free(s);
}

static void wrong_balancers(void)
{
    static const struct {
        const char *lb, *words;
    } wrong[] = {
        { "kind: command", "kind: command needs \"command\"" },
        { "kind: url", "kind: url needs \"url\"" },
        { "kind: comand, command: x", "did you mean \"command\"?" },
        { "kind: command, command: x, check_interval: 5s",
          "is a setting of walproxy; what stands here is not" },
        { "kind: url, url: x", "url begins with http://" },
        { "kind: url, url: \"http://x\", env: { A: b }", "\"env\" belongs to kind: command" },
        { "command: x", "\"command\" belongs to kind: command" },
        { "kind: command, command: x, ready: health", "ready is a path of the balancer" },
        { "kind: command, command: x, env: { 1A: b }", "cannot be the name of an environment variable" },
        { "kind: command, command: x, env: [ A ]", "env takes names and values" },
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[400];
        (void)snprintf(text, sizeof(text), HEAD "topology: { lb: { %s } }\n", wrong[i].lb);
        check_complaint(text, wrong[i].words);
    }
}

static void headers(void)
{
    struct scenario *s =
        parse(HEAD
              "steps:\n  - { name: a, at: 1s, request: { url: \"${lb}/a\", headers: { X-A: one, "
              "Authorization: \"Bearer ${lb}\" } } }\n");
    CU_ASSERT_EQUAL_FATAL(s->steps[0].header_count, 2);
    CU_ASSERT_STRING_EQUAL(s->steps[0].headers[0].name, "X-A");
    CU_ASSERT_STRING_EQUAL(s->steps[0].headers[1].value, "Bearer ${lb}");
    scenario_free(s);
    static const struct {
        const char *headers, *words;
    } wrong[] = {
        { "{ X-Request-Id: x }", "is set by the engine" },
        { "{ content-length: 5 }", "is set by the engine" },
        { "{ \"X A\": x }", "cannot be the name of a header" },
        { "{ X-A: \"${nobody}\" }", "neither an address" },
        { "{ X-A: \"one\\ntwo\" }", "the value of a header is one line" },
        { "{ X-A: [ x ] }", "takes one value" },
        { "x", "headers takes at most" },
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char text[400];
        (void)snprintf(text, sizeof(text),
                       HEAD "steps:\n  - { name: a, at: 1s, request: { url: \"${lb}/a\", headers: %s } }\n",
                       wrong[i].headers);
        check_complaint(text, wrong[i].words);
    }
}

static void disks(void)
{
    struct scenario *s =
        parse(HEAD
              "faults:\n"
              "  - { name: a, target: lb, during: outage, do: disk-full }\n"
              "  - { name: b, target: lb, at: outage, for: 5s, do: disk-slow, by: 200ms, expect_hits: 3 }\n"
              "  - { name: c, target: lb, at: 5s, do: disk-fail }\n");
    CU_ASSERT_EQUAL(s->faults[0].disk, LB_DISK_FULL);
    CU_ASSERT_TRUE(s->faults[0].has_end);
    CU_ASSERT_EQUAL(s->faults[1].disk, LB_DISK_SLOW);
    CU_ASSERT_EQUAL(s->faults[1].disk_by_ns, 200 * NS_PER_MS);
    CU_ASSERT_EQUAL(s->faults[1].expect_hits, 3);
    CU_ASSERT_EQUAL(s->faults[2].disk, LB_DISK_FAIL);
    CU_ASSERT_EQUAL(s->faults[2].expect_hits, 1);
    CU_ASSERT_PTR_NULL(s->faults[2].document);
    scenario_free(s);
    check_complaint(HEAD "faults: [ { name: a, target: lb, do: disk-slow } ]\n", "needs \"by\"");
    check_complaint(HEAD "faults: [ { name: a, target: lb, do: disk-full, by: 1s } ]\n",
                    "\"by\" says nothing about disk-full");
    check_complaint(HEAD "faults: [ { name: a, target: primary, do: disk-full } ]\n", "target: lb");
    check_complaint(HEAD "faults: [ { name: a, target: lb, do: disk-ful } ]\n",
                    "did you mean \"disk-full\"?");
}

/* What the mock's own tables say of its keys; a key that the language does not pass on could not be used. */
static void every_key_of_the_mock_is_known(void)
{
    struct buf tables;
    size_t found = 0;
    buf_init(&tables, (size_t)1 << 20);
    fault_manual(&tables);
    const char *at = strstr(buf_text(&tables), "| key | value | kinds |");
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    const char *end = strstr(at, "\n\n");
    while ((at = strstr(at, "\n| `")) != NULL && (end == NULL || at < end)) {
        at += 4;
        struct str key = str_make(at, strcspn(at, "`"));
        if (keys_find("fault", key) == NULL) {
            (void)fprintf(stderr, "not passed on: %.*s\n", STR_ARGS(key));
        }
        CU_ASSERT_PTR_NOT_NULL(keys_find("fault", key));
        found++;
    }
    CU_ASSERT_TRUE(found > 20);
    buf_deinit(&tables);
}

static const struct suite_test tests[] = {
    { "every key of the mock's faults is passed on", every_key_of_the_mock_is_known },
    { "an instance is a mock or a real Chroma", kinds_of_instances },
    { "a balancer is walproxy, a command or a URL", kinds_of_balancers },
    { "a balancer's keys fit its kind", wrong_balancers },
    { "headers of a request", headers },
    { "faults of the balancer's disk", disks },
};
TEST_MAIN("scenario keys", tests)
