/* The engine leap as the runner sees it: real servers, sockets and files, and hours that take no time. */
#include "harness/engine.h"

#include "base/memory.h"
#include "base/units.h"
#include "harness/runner/runner.h"
#include "tests/lib/process.h"
#include "tests/lib/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COLLECTIONS "/api/v2/tenants/default_tenant/databases/default_database/collections"
#define JSON        "Content-Type: application/json\r\n"
#define RECORD      "{\"ids\":[\"%s\"],\"embeddings\":[[0.5,0.25]],\"documents\":[\"a text\"]}"

struct heard {
    unsigned times;
    enum op_outcome outcome;
    int status;
    int64_t took_ns;
    bool queued;
    char body[8192];
};

struct stage {
    struct engine *engine;
    struct history history;
    struct errmsg msg;
    char folder[256];
    char collection[64]; /* its id at the balancer */
};

static void hear(void *context, uint64_t tag, const struct engine_answer *answer)
{
    struct heard *heard = context;
    (void)tag;
    size_t size = answer->body.size < sizeof(heard->body) - 1 ? answer->body.size : sizeof(heard->body) - 1;
    heard->times++;
    heard->outcome = answer->outcome;
    heard->status = answer->status;
    heard->took_ns = answer->done_ns - answer->sent_ns;
    heard->queued = answer->headers.size > 0 &&
                    memmem(answer->headers.data, answer->headers.size, "queued", strlen("queued")) != NULL;
    if (size > 0) {
        memcpy(heard->body, answer->body.data, size);
    }
    heard->body[size] = '\0';
}

static void run_for(struct stage *s, uint64_t ns)
{
    CU_ASSERT_EQUAL(s->engine->ops->advance(s->engine, s->engine->ops->now(s->engine) + ns, &s->msg), 0);
}

static void ask(struct stage *s, enum engine_target target, const char *method, const char *path,
                const char *body, struct heard *heard)
{
    *heard = (struct heard){ .outcome = OP_PENDING };
    struct engine_request request = { .target = target,
                                      .method = method,
                                      .path = path,
                                      .headers = body == NULL ? NULL : JSON,
                                      .body = str_of(body == NULL ? "" : body),
                                      .timeout_ns = 20 * NS_PER_S };
    CU_ASSERT_EQUAL(s->engine->ops->request(s->engine, &request, 7, hear, heard, &s->msg), 0);
}

static void open_stage(struct stage *s)
{
    *s = (struct stage){ .engine = engine_leap_new() };
    history_init(&s->history);
    CU_ASSERT_TRUE_FATAL(temp_dir_make(s->folder, sizeof(s->folder)));
    struct engine_setting settings[] = { { "wal_mode", "file" }, { "check_interval", "30s" } };
    struct engine_setup setup = {
        .seed = 3, .lb_settings = settings, .lb_setting_count = 2, .has_replica = true, .work_dir = s->folder
    };
    CU_ASSERT_EQUAL_FATAL(s->engine->ops->open(s->engine, &setup, &s->history, &s->msg), 0);
}

static void close_stage(struct stage *s)
{
    s->engine->ops->close(s->engine);
    history_deinit(&s->history);
    temp_dir_remove(s->folder);
}

static void fault_on_primary(struct stage *s, const char *document, uint64_t *id)
{
    uint64_t touches;
    CU_ASSERT_EQUAL_FATAL(
        s->engine->ops->fault_add(s->engine, TARGET_PRIMARY, str_of(document), id, &touches, &s->msg), 0);
}

static void heal(struct stage *s)
{
    CU_ASSERT_EQUAL(s->engine->ops->fault_clear(s->engine, &s->msg), 0);
}

static void make_collection(struct stage *s)
{
    struct heard heard;
    ask(s, TARGET_LB, "POST", COLLECTIONS, "{\"name\":\"notes\"}", &heard);
    run_for(s, NS_PER_S);
    CU_ASSERT_EQUAL_FATAL(heard.status, 200);
    const char *id = strstr(heard.body, "\"id\":\"");
    CU_ASSERT_PTR_NOT_NULL_FATAL(id);
    (void)snprintf(s->collection, sizeof(s->collection), "%.36s", id + strlen("\"id\":\""));
}

static void add(struct stage *s, const char *record, struct heard *heard)
{
    char path[256];
    char body[256];
    (void)snprintf(path, sizeof(path), COLLECTIONS "/%s/add", s->collection);
    (void)snprintf(body, sizeof(body), RECORD, record);
    ask(s, TARGET_LB, "POST", path, body, heard);
    run_for(s, 10 * NS_PER_S);
}

/* What /status says of a number. */
static double status_number(struct stage *s, const char *key)
{
    struct heard heard;
    ask(s, TARGET_LB, "GET", "/status", NULL, &heard);
    run_for(s, NS_PER_S);
    CU_ASSERT_EQUAL(heard.status, 200);
    const char *at = strstr(heard.body, key);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    return strtod(at + strlen(key), NULL);
}

static unsigned records_with(const char *content, const char *record)
{
    unsigned count = 0;
    char quoted[64];
    (void)snprintf(quoted, sizeof(quoted), "\"%s\"", record);
    for (const char *at = strstr(content, quoted); at != NULL; at = strstr(at + 1, quoted)) {
        count++;
    }
    return count;
}

/* ---- tests ---- */

static uint64_t kernel_ns(void)
{
    struct timespec now = { 0, 0 };
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void test_an_hour(void)
{
    struct stage s;
    open_stage(&s);
    uint64_t kernel_before_ns = kernel_ns();
    uint64_t before_ns = s.engine->ops->now(s.engine);
    double requests_before = status_number(&s, "\"consistency_window\":");
    run_for(&s, 3600 * NS_PER_S);
    CU_ASSERT_TRUE(s.engine->ops->now(s.engine) - before_ns >= 3600 * NS_PER_S);
    CU_ASSERT_TRUE(kernel_ns() - kernel_before_ns < 3600 * NS_PER_S);
    CU_ASSERT_EQUAL(status_number(&s, "\"consistency_window\":"), requests_before); /* it still answers */
    CU_ASSERT_EQUAL(status_number(&s, "\"healthy_instances\":"), 2);
    close_stage(&s);
}

static void test_patience_is_of_the_clock(void)
{
    struct stage s;
    struct heard heard;
    uint64_t id;
    open_stage(&s);
    fault_on_primary(&s, "{\"do\":\"blackhole\"}", &id);
    ask(&s, TARGET_PRIMARY, "GET", "/api/v2/version", NULL, &heard);
    run_for(&s, 19 * NS_PER_S);
    CU_ASSERT_EQUAL(heard.times, 0);
    run_for(&s, 2 * NS_PER_S);
    CU_ASSERT_EQUAL(heard.times, 1);
    CU_ASSERT_EQUAL(heard.outcome, OP_TIMED_OUT);
    CU_ASSERT_TRUE(heard.took_ns >= 20 * (int64_t)NS_PER_S && heard.took_ns < 21 * (int64_t)NS_PER_S);
    close_stage(&s);
}

static void test_killed_with_pending_writes(void)
{
    struct stage s;
    struct heard heard;
    uint64_t id;
    open_stage(&s);
    make_collection(&s);
    fault_on_primary(&s, "{\"do\":\"refuse\"}", &id);
    add(&s, "one", &heard);
    CU_ASSERT_EQUAL(heard.status, 201);
    CU_ASSERT_TRUE(heard.queued);
    add(&s, "two", &heard);
    CU_ASSERT_TRUE(heard.queued);
    CU_ASSERT_EQUAL(s.engine->ops->lb_stop(s.engine, LB_STOP_KILL, &s.msg), 0);
    ask(&s, TARGET_LB, "GET", "/status", NULL, &heard);
    run_for(&s, NS_PER_S);
    CU_ASSERT_EQUAL(heard.outcome, OP_CONN_REFUSED);
    CU_ASSERT_EQUAL_FATAL(s.engine->ops->lb_start(s.engine, &s.msg), 0);
    CU_ASSERT_EQUAL(status_number(&s, "\"pending_writes\":"), 2);
    heal(&s);
    run_for(&s, 120 * NS_PER_S);
    CU_ASSERT_EQUAL(status_number(&s, "\"pending_writes\":"), 0);
    CU_ASSERT_EQUAL(s.engine->ops->finish(s.engine, &s.msg), 0);
    for (unsigned i = 0; i < 2; i++) {
        CU_ASSERT_PTR_NOT_NULL_FATAL(s.history.content[i]);
        CU_ASSERT_EQUAL(records_with(s.history.content[i], "one"), 1);
        CU_ASSERT_EQUAL(records_with(s.history.content[i], "two"), 1);
    }
    close_stage(&s);
}

static void test_terminated_and_started(void)
{
    struct stage s;
    struct heard heard;
    open_stage(&s);
    make_collection(&s);
    CU_ASSERT_EQUAL(s.engine->ops->lb_stop(s.engine, LB_STOP_TERM, &s.msg), 0);
    CU_ASSERT_EQUAL(s.engine->ops->lb_start(s.engine, &s.msg), 0); /* when it has ended */
    run_for(&s, 60 * NS_PER_S);
    add(&s, "one", &heard);
    CU_ASSERT_EQUAL(heard.status, 201);
    CU_ASSERT_FALSE(heard.queued);
    close_stage(&s);
}

static void test_paused(void)
{
    struct stage s;
    struct heard heard;
    open_stage(&s);
    CU_ASSERT_EQUAL(s.engine->ops->lb_stop(s.engine, LB_STOP_PAUSE, &s.msg), 0);
    ask(&s, TARGET_LB, "GET", "/status", NULL, &heard);
    run_for(&s, 15 * NS_PER_S);
    CU_ASSERT_EQUAL(heard.times, 0);
    CU_ASSERT_EQUAL(s.engine->ops->lb_stop(s.engine, LB_STOP_CONTINUE, &s.msg), 0);
    run_for(&s, NS_PER_S);
    CU_ASSERT_EQUAL(heard.status, 200);
    close_stage(&s);
}

static void test_not_ours(void)
{
    struct engine *e = engine_leap_new();
    struct errmsg msg = { "" };
    struct engine_setup setup = { .lb_kind = LB_KIND_COMMAND };
    CU_ASSERT_EQUAL(e->ops->supports(e, &setup, &msg), ERR_UNSUPPORTED);
    setup = (struct engine_setup){ .real_chroma = { true, false } };
    CU_ASSERT_EQUAL(e->ops->supports(e, &setup, &msg), ERR_UNSUPPORTED);
    setup = (struct engine_setup){ 0 };
    CU_ASSERT_EQUAL(e->ops->supports(e, &setup, &msg), 0);
    e->ops->close(e);
}

/* The guide's first incident, whole. */
static void test_outage(void)
{
    struct errmsg msg = { "" };
    struct yaml_problems problems = { 0 };
    size_t size;
    const char *path = TEST_SOURCE_DIR "/scenarios/guide/01-primary-down.yaml";
    char folder[256];
    char *text = scenario_read_file(path, &size, &msg);
    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    struct scenario *scenario = scenario_parse(path, str_make(text, size), &problems);
    CU_ASSERT_PTR_NOT_NULL_FATAL(scenario);
    CU_ASSERT_TRUE_FATAL(temp_dir_make(folder, sizeof(folder)));
    struct engine *engine = engine_leap_new();
    struct runner_options options = { .work_dir = folder };
    struct history history;
    struct results results;
    history_init(&history);
    results_init(&results);
    runner_run(scenario, engine, &options, &history, &results);
    CU_ASSERT_EQUAL(results.verdict, VERDICT_PASS);
    CU_ASSERT_TRUE(results.writes_queued > 200);
    CU_ASSERT_TRUE(results.simulated_ns > 7 * 60 * (int64_t)NS_PER_S);
    engine->ops->close(engine);
    results_deinit(&results);
    history_deinit(&history);
    scenario_free(scenario);
    yaml_problems_deinit(&problems);
    mem_free(text);
    temp_dir_remove(folder);
}

static const struct suite_test tests[] = {
    { "an hour passes without taking one", test_an_hour },
    { "a client's patience is of the clock that leaps", test_patience_is_of_the_clock },
    { "kill -9 keeps the writes that wait", test_killed_with_pending_writes },
    { "an orderly stop ends before the next start", test_terminated_and_started },
    { "a paused balancer answers when it goes on", test_paused },
    { "what is somebody else's program is refused", test_not_ours },
    { "the guide's first incident passes", test_outage },
};
TEST_MAIN("leap/engine", tests)
