/* Keys of a scenario that reach the engine as the file says: headers of a request, faults of the balancer's
 * disk, and what an engine cannot do. */
#include "base/units.h"
#include "tests/lib/suite.h"
#include "tests/unit/runner/played.h"

#define GREEN "expect:\n  - never wal.failed_replays > 0\n"
#define DISK  "faults: [ { name: sick, target: lb, during: outage, do: disk-slow, by: 200ms } ]\n"

static const struct fake_request *request_to(const struct played *p, const char *path)
{
    for (size_t i = 0; i < p->fake.request_count; i++) {
        if (strcmp(p->fake.requests[i].path, path) == 0) {
            return &p->fake.requests[i];
        }
    }
    return NULL;
}

static void headers_are_sent(void)
{
    struct played *p = played_new(
        PLAYED_HEAD
        "steps:\n"
        "  - { name: make, at: 1s, request: { method: POST, url: \"${lb}/api/v2/collections\", json: { name: "
        "x } }, capture: { coll: 'json(\"$.id\")' } }\n"
        "  - { name: ask, at: 2s, request: { method: POST, url: \"${lb}/ask\", headers: { X-Coll: "
        "\"is ${coll}\", content-type: text/plain }, body: hello } }\n");
    CU_ASSERT_EQUAL(played_run(p), VERDICT_PASS);
    const struct fake_request *made = request_to(p, "/api/v2/collections");
    const struct fake_request *asked = request_to(p, "/ask");
    CU_ASSERT_PTR_NOT_NULL_FATAL(made);
    CU_ASSERT_PTR_NOT_NULL_FATAL(asked);
    CU_ASSERT_PTR_NOT_NULL(strstr(made->headers, "Content-Type: application/json\r\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(asked->headers, "X-Coll: is 00000000-0000-4000-8000-"));
    CU_ASSERT_PTR_NOT_NULL(strstr(asked->headers, "content-type: text/plain\r\n"));
    CU_ASSERT_PTR_NULL(strstr(asked->headers, "application/json"));
    CU_ASSERT_PTR_NOT_NULL(strstr(asked->headers, "X-Request-Id: wd-"));
    played_free(p);
}

/* What an answer said must not become a second header. */
static void captured_line_breaks_are_refused(void)
{
    struct played *p = played_new(
        PLAYED_HEAD
        "steps:\n"
        "  - { name: look, at: 1s, request: { url: \"${lb}/lines\" }, capture: { v: body } }\n"
        "  - { name: ask, at: 2s, request: { url: \"${lb}/ask\", headers: { X-V: \"${v}\" } } }\n");
    CU_ASSERT_EQUAL(played_run(p), VERDICT_FAIL);
    CU_ASSERT_PTR_NULL(request_to(p, "/ask"));
    CU_ASSERT_PTR_NOT_NULL(strstr(failed_of_kind(p, ASSERT_STEP)->saw, "X-V"));
    played_free(p);
}

static void disk_faults_begin_end_and_count(void)
{
    struct played *p = played_new(PLAYED_HEAD DISK GREEN);
    CU_ASSERT_EQUAL(played_run(p), VERDICT_PASS);
    CU_ASSERT_EQUAL(p->fake.disk_begun, 1);
    CU_ASSERT_EQUAL(p->fake.disk_ended, 1);
    CU_ASSERT_EQUAL(p->fake.disk_kind, LB_DISK_SLOW);
    CU_ASSERT_EQUAL(p->fake.disk_by_ns, 200 * NS_PER_MS);
    CU_ASSERT_EQUAL(p->results.faults[0].hits, 3);
    CU_ASSERT_STRING_EQUAL(p->results.faults[0].what, "disk-slow");
    CU_ASSERT_EQUAL(p->fake.starts, 0);
    played_free(p);
}

static void disk_fault_that_touched_nothing_is_invalid(void)
{
    struct played *p = played_new(PLAYED_HEAD DISK GREEN);
    p->fake.fault_hits = 0;
    CU_ASSERT_EQUAL(played_run(p), VERDICT_INVALID);
    played_free(p);
}

static void disk_needs_an_engine_that_has_one(void)
{
    struct played *p = played_new(PLAYED_HEAD DISK GREEN);
    struct engine_ops without = *p->fake.base.ops;
    without.lb_disk = NULL;
    p->fake.base.ops = &without;
    CU_ASSERT_EQUAL(played_run(p), VERDICT_INVALID);
    CU_ASSERT_FALSE(p->fake.opened);
    CU_ASSERT_PTR_NOT_NULL(strstr(p->results.verdict_words, "no say over the disk"));
    played_free(p);
}

static void what_an_engine_cannot_do_is_invalid(void)
{
    struct played *p = played_new(PLAYED_HEAD GREEN);
    p->fake.cannot = "there is no real Chroma here";
    CU_ASSERT_EQUAL(played_run(p), VERDICT_INVALID);
    CU_ASSERT_FALSE(p->fake.opened);
    CU_ASSERT_PTR_NOT_NULL(strstr(p->results.verdict_words, "there is no real Chroma here"));
    CU_ASSERT_PTR_NOT_NULL(failed_of_kind(p, ASSERT_VALIDITY));
    played_free(p);
    p = played_new(PLAYED_HEAD GREEN);
    p->fake.open_unsupported = true;
    CU_ASSERT_EQUAL(played_run(p), VERDICT_INVALID);
    played_free(p);
}

static const struct suite_test tests[] = {
    { "headers of a request arrive, captures filled in, and replace the usual ones", headers_are_sent },
    { "a captured line break does not become a header", captured_line_breaks_are_refused },
    { "a fault of the disk begins, ends and counts what it touched", disk_faults_begin_end_and_count },
    { "a fault of the disk that touched nothing makes the run invalid",
      disk_fault_that_touched_nothing_is_invalid },
    { "an engine without a say over the disk makes the run invalid", disk_needs_an_engine_that_has_one },
    { "what an engine cannot do makes the run invalid before it starts",
      what_an_engine_cannot_do_is_invalid },
};

TEST_MAIN("runner keys", tests)
