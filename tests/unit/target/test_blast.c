/* What a target would be made to suffer is said beforehand; what it cannot do is refused. */
#include "harness/target/blast.h"
#include "harness/target/holdings.h"
#include "tests/lib/suite.h"

#include "base/memory.h"
#include <string.h>

#define TARGET                                                              \
    "target: stage\nhosts: [ a, b, c ]\n"                                   \
    "balancer: { url: \"http://a:1\", settings: { check_interval: 2s } }\n" \
    "primary: { url: \"http://b:1\", gateway: \"http://b:2\" }\n"           \
    "replica: { url: \"http://c:1\", stop: halt it, start: begin it }\n"
#define SCENARIO                                                                                            \
    "scenario: s\nphases: [ { name: one, for: 10s }, { name: two, until: lb.answering == true, max: 20s } " \
    "]\n"                                                                                                   \
    "load: { w: { rate: 10/s, mix: { add: 50%, get: 50% }, collections: 3 } }\n"

static struct target_file *target;
static struct scenario *scenario;
static struct errmsg msg;

static void given(const char *target_text, const char *scenario_text)
{
    struct yaml_problems problems = { 0 };
    target = target_file_parse("targets/t.yaml", str_of(target_text), &problems);
    scenario = scenario_parse("s.yaml", str_of(scenario_text), &problems);
    for (size_t i = 0; i < problems.count; i++) {
        (void)printf("%u: %s\n", problems.items[i].line, problems.items[i].text);
    }
    yaml_problems_deinit(&problems);
    CU_ASSERT_PTR_NOT_NULL_FATAL(target);
    CU_ASSERT_PTR_NOT_NULL_FATAL(scenario);
}

static void over(void)
{
    target_file_free(target);
    scenario_free(scenario);
}

static void test_told(void)
{
    struct buf out;
    given(TARGET, SCENARIO
          "faults:\n"
          "  - { name: off, target: primary, at: one, for: 5s, do: refuse }\n"
          "  - { name: gone, target: replica, at: one, do: kill, restart: { after: 5s } }\n"
          "steps:\n"
          "  - { name: look, at: one, request: { url: \"${lb}/status\" } }\n"
          "  - { name: guide, at: two, run: curl $LB/status }\n");
    CU_ASSERT_EQUAL(blast_refusal(target, scenario, &msg), 0);
    buf_init(&out, 1 << 16);
    blast_tell(target, scenario, &out);
    static const char *const words[] = {
        "s on target stage",
        "balancer  http://a:1\n",
        "primary   http://b:1, gateway http://b:2",
        "about 150 writes into 3 collections",
        "150 reads, for at most 30s",
        "off, primary, for everybody: {\"name\":\"off\",\"do\":\"refuse\"}",
        "gone, replica, for everybody: halt it",
        "and afterwards: begin it",
        "request   GET ${lb}/status",
        "command   curl $LB/status",
        "waldrill heal targets/t.yaml, or 10s without a sign of life",
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        CU_ASSERT_PTR_NOT_NULL(strstr(buf_text(&out), words[i]));
    }
    buf_deinit(&out);
    over();
}

static void test_refused(void)
{
    static const struct {
        const char *more, *words;
    } cases[] = {
        { "faults: [ { name: f, target: primary, at: one, do: kill } ]\n", "no command for that" },
        { "faults: [ { name: f, target: lb, at: one, do: kill } ]\n", "stops the balancer" },
        { "faults: [ { name: f, target: replica, at: one, do: respond, status: 503 } ]\n",
          "needs a gateway" },
        { "faults: [ { name: f, target: replica, at: one, do: kill, restart: { after: 1s, data: empty } } "
          "]\n",
          "takes data away" },
        { "faults: [ { name: f, target: lb, at: one, do: pause, restart: { after: 1s } } ]\n", "pause" },
        { "topology: { lb: { check_interval: 3s } }\n", "wants check_interval: 3s, the target runs with 2s" },
        { "topology: { lb: { wal_mode: memory } }\n", "say under settings of the balancer" },
        { "topology: { replica: none }\n", "for no replica, the target has one" },
        { "topology: { primary: { kind: mock-chroma, holds: 10 } }\n", "holds" },
        { "steps: [ { name: r, at: one, request: { method: POST, url: \"${lb}/api/v2/reset\" } } ]\n",
          "writes what is not the rehearsal's own (reset)" },
        { "steps: [ { name: r, at: one, request: { method: POST, url: "
          "\"${primary}/api/v2/tenants/t/databases/d/collections\" } } ]\n",
          "past the balancer" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1024];
        (void)snprintf(text, sizeof(text), "%s%s", SCENARIO, cases[i].more);
        given(TARGET, text);
        CU_ASSERT_EQUAL(blast_refusal(target, scenario, &msg), ERR_UNSUPPORTED);
        if (strstr(msg.text, cases[i].words) == NULL) {
            (void)printf("case %zu: %s\n", i, msg.text);
        }
        CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, cases[i].words));
        over();
    }
}

static struct holdings make(size_t count, const char *const *names, const char *digest)
{
    struct holdings h = { .list = mem_alloc_array(count + 1, sizeof(*h.list)), .count = count };
    for (size_t i = 0; i < count; i++) {
        h.list[i].name = mem_strdup(names[i]);
        h.list[i].records = i + 1;
        (void)snprintf(h.list[i].digest, sizeof(h.list[i].digest), "%s", digest);
    }
    return h;
}

static void test_differences(void)
{
    char line[256];
    struct holdings before = make(3, (const char *[]){ "t/d/a", "t/d/b", "t/d/c" }, "1");
    struct holdings same = make(3, (const char *[]){ "t/d/a", "t/d/b", "t/d/c" }, "1");
    struct holdings other = make(3, (const char *[]){ "t/d/a", "t/d/b", "t/d/c" }, "2");
    struct holdings moved = make(3, (const char *[]){ "t/d/a", "t/d/c", "t/d/e" }, "1");
    CU_ASSERT_FALSE(holdings_differ(&before, &same, line, sizeof(line)));
    CU_ASSERT_TRUE(holdings_differ(&before, &other, line, sizeof(line)));
    CU_ASSERT_PTR_NOT_NULL(strstr(line, "t/d/b has the same number of records, and other content"));
    CU_ASSERT_TRUE(holdings_differ(&before, &moved, line, sizeof(line)));
    CU_ASSERT_STRING_EQUAL(line, "t/d/b is gone; t/d/c has 2 records, had 3; t/d/e is new");
    holdings_free(&before);
    holdings_free(&same);
    holdings_free(&other);
    holdings_free(&moved);
}

static const struct suite_test tests[] = {
    { "hosts, writes, faults, commands and steps are told", test_told },
    { "what the target cannot do is refused, and named", test_refused },
    { "a collection that differs is named", test_differences },
};
TEST_MAIN("target_blast", tests)
