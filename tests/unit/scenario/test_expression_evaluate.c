/* Expressions over synthetic runs: a sample a second, pending writes that rise and fall, marks that were
 * reached or not.  The rule under test everywhere: what was not seen is never green. */
#include "base/units.h"
#include "harness/scenario/expression.h"
#include "tests/lib/suite.h"
#include <stdio.h>
#include <string.h>

#define SECOND INT64_C(1000000000)

/* 60 samples, one a second: outage from 10 s to 30 s, recovery from 30 s; pending rises by one a second in
 * the outage and falls by two a second after it. */
struct fake {
    size_t count;
    int64_t silent_from, silent_to; /* /status not answered in [from, to) */
    bool recovery_over;
    double offered, accepted; /* of load.writer in any window */
};

static const char *const phases[] = { "warmup", "outage", "recovery" };
static const char *const loads[] = { "writer" };

static int64_t fake_time(void *context, size_t sample)
{
    (void)context;
    return (int64_t)sample * SECOND;
}

static double pending_at(int64_t second)
{
    if (second < 10) {
        return 0;
    }
    if (second <= 30) {
        return (double)(second - 10);
    }
    int64_t left = 20 - 2 * (second - 30);
    return left > 0 ? (double)left : 0;
}

static bool fake_value(void *context, const char *metric, size_t sample, double *out)
{
    const struct fake *fake = context;
    int64_t second = (int64_t)sample;
    if (second >= fake->silent_from && second < fake->silent_to) {
        return false;
    }
    if (strcmp(metric, "wal.pending_writes") == 0) {
        *out = pending_at(second);
        return true;
    }
    if (strcmp(metric, "wal.is_replaying") == 0) {
        *out = second > 30 && pending_at(second) > 0;
        return true;
    }
    if (strcmp(metric, "wal.total_replayed") == 0) {
        *out = second > 30 ? 20 - pending_at(second) : 0;
        return true;
    }
    if (strcmp(metric, "wal.oldest_pending") == 0) {
        *out = pending_at(second) * 1e9;
        return true;
    }
    return false;
}

static bool fake_aggregate(void *context, const char *function, const char *metric, int64_t from, int64_t to,
                           double *out)
{
    const struct fake *fake = context;
    double seconds = (double)(to - from) / 1e9;
    if (strcmp(metric, "load.writer.latency") == 0 && strcmp(function, "p99") == 0) {
        *out = 40e6;
        return true;
    }
    double counted = strcmp(metric, "load.writer.offered") == 0 ? fake->offered : fake->accepted;
    if (strcmp(function, "count") == 0) {
        *out = counted;
        return true;
    }
    if (strcmp(function, "rate") == 0) {
        *out = counted / seconds;
        return seconds > 0;
    }
    *out = fake->offered > 0 ? counted / fake->offered : 0;
    return strcmp(function, "share") == 0 && fake->offered > 0;
}

static bool fake_phase(void *context, uint32_t phase, bool end, int64_t *out)
{
    static const int64_t starts[] = { 0, 10, 30, 60 };
    const struct fake *fake = context;
    if (phase == 2 && end && !fake->recovery_over) {
        return false;
    }
    *out = starts[phase + (end ? 1 : 0)] * SECOND;
    return *out <= (int64_t)fake->count * SECOND;
}

/* What holds the log up, in words: nothing, but for ten seconds of the recovery. */
static bool fake_text(void *context, const char *metric, size_t sample, struct str *out)
{
    const struct fake *fake = context;
    int64_t second = (int64_t)sample;
    *out = str_of(second >= 35 && second < 45 ? "primary timeout" : "");
    return strcmp(metric, "wal.blocked_reason") == 0 &&
           (second < fake->silent_from || second >= fake->silent_to);
}

/* The first fault began at 20.5 s, the second never. */
static bool fake_fault(void *context, uint32_t fault, int64_t *out)
{
    (void)context;
    *out = 20 * SECOND + SECOND / 2;
    return fault == 0;
}

static struct expression_world world_of(struct fake *fake)
{
    return (struct expression_world){ .context = fake,
                                      .sample_count = fake->count,
                                      .sample_time = fake_time,
                                      .value = fake_value,
                                      .text = fake_text,
                                      .fault_time = fake_fault,
                                      .aggregate = fake_aggregate,
                                      .phase_time = fake_phase,
                                      .end_ns = (int64_t)fake->count * SECOND };
}

static struct fake healthy(void)
{
    return (struct fake){ .count = 60,
                          .silent_from = -1,
                          .silent_to = -1,
                          .recovery_over = true,
                          .offered = 1000,
                          .accepted = 1000 };
}

static struct expression_result judge(struct fake *fake, const char *text)
{
    static const char *const faults[] = { "crash", "never" };
    struct expression_scope scope = { .phases = phases,
                                      .phase_count = 3,
                                      .loads = loads,
                                      .load_count = 1,
                                      .faults = faults,
                                      .fault_count = 2 };
    struct expression_error error;
    struct expression_result result = { .verdict = EXPRESSION_UNKNOWN };
    struct expression *e = expression_parse(str_of(text), &scope, &error);
    if (e == NULL) {
        (void)fprintf(stderr, "%s: %s\n", text, error.message.text);
        CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    }
    struct expression_world world = world_of(fake);
    expression_evaluate(e, &world, &result);
    expression_free(e);
    return result;
}

struct expected {
    const char *text;
    enum expression_verdict verdict;
    int64_t second; /* -1: no instant */
};

static void check_all(struct fake *fake, const struct expected *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct expression_result r = judge(fake, list[i].text);
        bool right = r.verdict == list[i].verdict &&
                     r.at_ns == (list[i].second < 0 ? INT64_MIN : list[i].second * SECOND) &&
                     r.expected[0] != '\0' && r.saw[0] != '\0';
        if (!right) {
            (void)fprintf(stderr, "%s: verdict %d at %lld, expected \"%s\", saw \"%s\"\n", list[i].text,
                          (int)r.verdict, (long long)r.at_ns, r.expected, r.saw);
        }
        CU_ASSERT_TRUE(right);
    }
}

static void always_never_eventually(void)
{
    struct fake fake = healthy();
    static const struct expected list[] = {
        { "eventually wal.pending_writes > 0", EXPRESSION_TRUE, 11 },
        { "eventually wal.pending_writes > 100", EXPRESSION_FALSE, -1 },
        { "never wal.pending_writes > 100", EXPRESSION_TRUE, -1 },
        { "never wal.pending_writes > 5", EXPRESSION_FALSE, 16 },
        { "always wal.pending_writes <= 20", EXPRESSION_TRUE, -1 },
        { "always wal.pending_writes <= 19", EXPRESSION_FALSE, 30 },
        { "wal.pending_writes <= 19", EXPRESSION_FALSE, 30 },
        { "never wal.is_replaying during warmup", EXPRESSION_TRUE, -1 },
        { "always wal.is_replaying implies wal.pending_writes > 0", EXPRESSION_TRUE, -1 },
        { "always wal.pending_writes > 0 implies wal.is_replaying", EXPRESSION_FALSE, 11 },
        { "always wal.oldest_pending < 1m", EXPRESSION_TRUE, -1 },
    };
    check_all(&fake, list, sizeof(list) / sizeof(list[0]));
}

static void windows(void)
{
    struct fake fake = healthy();
    static const struct expected list[] = {
        { "eventually wal.pending_writes > 0 within 1s after outage.start", EXPRESSION_TRUE, 11 },
        { "eventually wal.pending_writes > 1 within 1s after outage.start", EXPRESSION_FALSE, -1 },
        { "eventually wal.pending_writes == 0 within 10s after outage.end", EXPRESSION_TRUE, 40 },
        { "eventually wal.pending_writes == 0 within 9s after outage.end", EXPRESSION_FALSE, -1 },
        /* "during" leaves out the instant at which the phase ends. */
        { "always wal.pending_writes < 20 during outage", EXPRESSION_TRUE, -1 },
        { "always wal.pending_writes < 19 during outage", EXPRESSION_FALSE, 29 },
        { "always wal.pending_writes == 0 after outage.end + 10s", EXPRESSION_TRUE, -1 },
        { "always wal.pending_writes == 0 after outage.end + 9s", EXPRESSION_FALSE, 39 },
        { "eventually wal.pending_writes == 5 within 5s during outage", EXPRESSION_TRUE, 15 },
        { "eventually wal.pending_writes == 6 within 5s during outage", EXPRESSION_FALSE, -1 },
    };
    check_all(&fake, list, sizeof(list) / sizeof(list[0]));
}

static void stretches(void)
{
    struct fake fake = healthy();
    static const struct expected list[] = {
        { "eventually wal.pending_writes > 0 for 20s", EXPRESSION_TRUE, 11 },
        { "eventually wal.pending_writes > 0 for 29s", EXPRESSION_FALSE, -1 },
        { "eventually wal.pending_writes > 0 for 20s within 5s after outage", EXPRESSION_TRUE, 11 },
        { "never wal.is_replaying for 9s", EXPRESSION_TRUE, -1 },
        { "never wal.is_replaying for 8s", EXPRESSION_FALSE, 31 },
    };
    check_all(&fake, list, sizeof(list) / sizeof(list[0]));
    /* Silence breaks a stretch. */
    fake.silent_from = 20;
    fake.silent_to = 21;
    CU_ASSERT_EQUAL(judge(&fake, "eventually wal.pending_writes > 0 for 20s").verdict, EXPRESSION_FALSE);
}

static void the_unseen_is_never_green(void)
{
    struct fake fake = healthy();
    fake.silent_from = 10;
    fake.silent_to = 30;
    static const struct expected silent[] = {
        { "always wal.pending_writes >= 0 during outage", EXPRESSION_UNKNOWN, -1 },
        { "never wal.pending_writes > 1000 during outage", EXPRESSION_UNKNOWN, -1 },
        { "eventually wal.pending_writes > 0 within 5s after outage.start", EXPRESSION_UNKNOWN, -1 },
        { "max(wal.pending_writes) < 1000 during outage", EXPRESSION_UNKNOWN, -1 },
        /* Seen before and after, so it can be told. */
        { "never wal.pending_writes > 1000", EXPRESSION_TRUE, -1 },
        { "never wal.dead_letters > 0", EXPRESSION_UNKNOWN, -1 },
    };
    check_all(&fake, silent, sizeof(silent) / sizeof(silent[0]));

    struct fake cut = healthy();
    cut.count = 20; /* the run ended in the middle of the outage */
    static const struct expected early[] = {
        { "eventually wal.pending_writes == 0 within 3m after outage.end", EXPRESSION_UNKNOWN, -1 },
        { "eventually wal.pending_writes > 100 within 30s after outage", EXPRESSION_UNKNOWN, -1 },
        { "always wal.pending_writes < 100 within 30s after outage", EXPRESSION_UNKNOWN, -1 },
        { "always wal.pending_writes < 5 within 30s after outage", EXPRESSION_FALSE, 15 },
        { "eventually wal.pending_writes > 3 within 30s after outage", EXPRESSION_TRUE, 14 },
        { "rate(load.writer.accepted) >= 99% within 30s after outage", EXPRESSION_UNKNOWN, -1 },
    };
    check_all(&cut, early, sizeof(early) / sizeof(early[0]));

    struct fake empty = healthy();
    empty.count = 0;
    CU_ASSERT_EQUAL(judge(&empty, "never wal.pending_writes > 0").verdict, EXPRESSION_UNKNOWN);
    struct fake idle = healthy();
    idle.offered = 0;
    CU_ASSERT_EQUAL(judge(&idle, "rate(load.writer.accepted) >= 99%").verdict, EXPRESSION_UNKNOWN);
}

/* false and unknown is false; true or unknown is true; the rest stays unknown. */
static void unknown_in_connectives(void)
{
    struct fake fake = healthy();
    static const struct expected list[] = {
        { "never wal.pending_writes < 0 and wal.dead_letters > 0", EXPRESSION_TRUE, -1 },
        { "always wal.pending_writes >= 0 or wal.dead_letters > 0", EXPRESSION_TRUE, -1 },
        { "always wal.pending_writes >= 0 and wal.dead_letters == 0", EXPRESSION_UNKNOWN, -1 },
        { "always wal.dead_letters > 0 implies wal.pending_writes >= 0", EXPRESSION_TRUE, -1 },
        { "always not wal.dead_letters > 0", EXPRESSION_UNKNOWN, -1 },
    };
    check_all(&fake, list, sizeof(list) / sizeof(list[0]));
}

static void functions(void)
{
    struct fake fake = healthy();
    fake.accepted = 995;
    static const struct expected list[] = {
        { "rate(load.writer.accepted) >= 99%", EXPRESSION_TRUE, -1 },
        { "rate(load.writer.accepted) >= 99.9%", EXPRESSION_FALSE, -1 },
        { "rate(load.writer.accepted) >= 49/s during outage", EXPRESSION_TRUE, -1 },
        { "rate(load.writer.accepted) >= 50/s during outage", EXPRESSION_FALSE, -1 },
        { "count(load.writer.offered) - count(load.writer.accepted) == 5", EXPRESSION_TRUE, -1 },
        { "count(load.writer.offered) >= 3000/min * 20s", EXPRESSION_TRUE, -1 },
        { "count(load.writer.offered) > 3000/min * 20s", EXPRESSION_FALSE, -1 },
        { "p99(load.writer.latency) < 50ms", EXPRESSION_TRUE, -1 },
        { "p99(load.writer.latency) < 20ms * 2", EXPRESSION_FALSE, -1 },
        { "max(wal.pending_writes) == 20", EXPRESSION_TRUE, -1 },
        { "min(wal.pending_writes) == 1 within 9s after outage + 1s", EXPRESSION_TRUE, -1 },
        { "mean(wal.pending_writes) == 9.5 during outage", EXPRESSION_TRUE, -1 },
        { "p50(wal.pending_writes) == 9 during outage", EXPRESSION_TRUE, -1 },
        { "rate(wal.total_replayed) == 2/s within 10s after outage.end", EXPRESSION_TRUE, -1 },
    };
    check_all(&fake, list, sizeof(list) / sizeof(list[0]));
}

static void words_of_a_failure(void)
{
    struct fake fake = healthy();
    struct expression_result r = judge(&fake, "always wal.pending_writes <= 19");
    CU_ASSERT_STRING_EQUAL(r.saw, "wal.pending_writes = 20 at 30s");
    CU_ASSERT_STRING_EQUAL(r.expected, "always wal.pending_writes <= 19, from 0s to 1m");
    r = judge(&fake, "eventually wal.pending_writes > 100 within 5s after outage.start");
    CU_ASSERT_STRING_EQUAL(r.saw, "wal.pending_writes moved between 0 and 5 in 6 samples");
    CU_ASSERT_STRING_EQUAL(r.expected, "eventually wal.pending_writes > 100, from 10s to 15s");
    fake.count = 20;
    r = judge(&fake, "eventually wal.pending_writes == 0 within 3m after outage.end");
    CU_ASSERT_STRING_EQUAL(r.saw, "the run never reached the end of phase outage");
}

static void now_looks_at_the_last_sample(void)
{
    struct fake fake = healthy();
    struct expression_scope scope = {
        .phases = phases, .phase_count = 3, .loads = loads, .load_count = 1, .no_window = true
    };
    struct expression_error error;
    struct expression *e = expression_parse(STR("wal.pending_writes == 0"), &scope, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    for (size_t count = 0; count <= 60; count++) {
        fake.count = count;
        struct expression_world world = world_of(&fake);
        CU_ASSERT_EQUAL(expression_now(e, &world), count > 0 && pending_at((int64_t)count - 1) == 0);
    }
    expression_free(e);
}

static bool step_holds(const char *text, const struct expression_world *world,
                       enum expression_verdict verdict)
{
    struct expression_scope scope = { .in_step = true };
    struct expression_error error;
    struct expression *e = expression_parse(str_of(text), &scope, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    struct expression_result r;
    expression_evaluate(e, world, &r);
    if (r.verdict != verdict) {
        (void)fprintf(stderr, "%s: %d, saw \"%s\"\n", text, (int)r.verdict, r.saw);
    }
    expression_free(e);
    return r.verdict == verdict;
}

static void steps(void)
{
    struct expression_world world = {
        .step_status = 200,
        .step_outcome = "answered",
        .step_latency_ns = 3e6,
        .step_body = STR("{\"name\":\"c\",\"n\":5,\"list\":[{\"id\":\"x\"},null],\"ok\":true}"),
        .step_headers = STR("Content-Type: application/json\r\nx-wal-status:  queued \r\n"),
    };
    CU_ASSERT_TRUE(step_holds("status in [200, 201]", &world, EXPRESSION_TRUE));
    CU_ASSERT_TRUE(step_holds("status == 404", &world, EXPRESSION_FALSE));
    CU_ASSERT_TRUE(step_holds("outcome in [refused, timeout, 503]", &world, EXPRESSION_FALSE));
    CU_ASSERT_TRUE(step_holds("outcome == 200", &world, EXPRESSION_TRUE));
    CU_ASSERT_TRUE(step_holds("latency < 5ms", &world, EXPRESSION_TRUE));
    CU_ASSERT_TRUE(step_holds("json(\"$.name\") == \"c\"", &world, EXPRESSION_TRUE));
    CU_ASSERT_TRUE(step_holds("json(\"$.n\") >= 5", &world, EXPRESSION_TRUE));
    CU_ASSERT_TRUE(step_holds("json(\"$.n\") == \"5\"", &world, EXPRESSION_FALSE));
    CU_ASSERT_TRUE(step_holds("json(\"$.list[0].id\") contains \"x\"", &world, EXPRESSION_TRUE));
    CU_ASSERT_TRUE(step_holds("json(\"$.list[1]\") == null", &world, EXPRESSION_TRUE));
    CU_ASSERT_TRUE(step_holds("json(\"$.ok\") == true", &world, EXPRESSION_TRUE));
    CU_ASSERT_TRUE(step_holds("json(\"$.nothing\") != 5", &world, EXPRESSION_UNKNOWN));
    CU_ASSERT_TRUE(step_holds("json(\"$.list[7].id\") == \"x\"", &world, EXPRESSION_UNKNOWN));
    CU_ASSERT_TRUE(step_holds("header(\"X-Wal-Status\") == \"queued\"", &world, EXPRESSION_TRUE));
    CU_ASSERT_TRUE(step_holds("header(\"X-Other\") == \"queued\"", &world, EXPRESSION_UNKNOWN));
    CU_ASSERT_TRUE(step_holds("body contains \"name\"", &world, EXPRESSION_TRUE));
    world = (struct expression_world){ .step_outcome = "refused", .step_latency_ns = 1e6 };
    CU_ASSERT_TRUE(step_holds("outcome in [refused, timeout, 503]", &world, EXPRESSION_TRUE));
    CU_ASSERT_TRUE(step_holds("status == 200", &world, EXPRESSION_UNKNOWN));
    CU_ASSERT_TRUE(step_holds("json(\"$.x\") == 1", &world, EXPRESSION_UNKNOWN));
    world = (struct expression_world){ .step_outcome = "answered", .step_status = 503 };
    CU_ASSERT_TRUE(step_holds("outcome in [refused, timeout, 503]", &world, EXPRESSION_TRUE));
}

static void captures(void)
{
    struct expression_world world = { .step_status = 201,
                                      .step_outcome = "answered",
                                      .step_body = STR("{\"id\":\"abc\",\"n\":7}") };
    struct expression_scope scope = { .in_step = true, .value = true };
    struct expression_error error;
    char out[8];
    struct expression *id = expression_parse(STR("json(\"$.id\")"), &scope, &error);
    struct expression *missing = expression_parse(STR("json(\"$.idd\")"), &scope, &error);
    struct expression *number = expression_parse(STR("json(\"$.n\")"), &scope, &error);
    CU_ASSERT_TRUE(expression_capture(id, &world, out, sizeof(out)));
    CU_ASSERT_STRING_EQUAL(out, "abc");
    CU_ASSERT_FALSE(expression_capture(id, &world, out, 3)); /* does not fit */
    CU_ASSERT_FALSE(expression_capture(missing, &world, out, sizeof(out)));
    CU_ASSERT_TRUE(expression_capture(number, &world, out, sizeof(out)));
    CU_ASSERT_STRING_EQUAL(out, "7");
    expression_free(id);
    expression_free(missing);
    expression_free(number);
}

static void texts(void)
{
    struct fake fake = healthy();
    static const struct expected list[] = {
        { "eventually wal.blocked_reason == \"primary timeout\" within 10s after outage.end", EXPRESSION_TRUE,
          35 },
        { "never wal.blocked_reason contains \"timeout\" during outage", EXPRESSION_TRUE, -1 },
        { "always wal.blocked_reason == \"\"", EXPRESSION_FALSE, 35 },
        { "always wal.blocked_reason in [\"\", \"primary timeout\"]", EXPRESSION_TRUE, -1 },
        { "wal.blocked_reason == wal.mode", EXPRESSION_UNKNOWN, -1 },
    };
    check_all(&fake, list, sizeof(list) / sizeof(list[0]));
}

/* Pending writes are 10 at 20 s and 11 at 21 s. */
static void around_a_fault(void)
{
    struct fake fake = healthy();
    static const struct expected list[] = {
        { "before(crash).wal.pending_writes == 10", EXPRESSION_TRUE, -1 },
        { "after(crash).wal.pending_writes == 11", EXPRESSION_TRUE, -1 },
        { "after(crash).wal.pending_writes == before(crash).wal.pending_writes", EXPRESSION_FALSE, -1 },
        { "before(\"crash\").wal.blocked_reason == \"\"", EXPRESSION_TRUE, -1 },
        { "after(never).wal.pending_writes == 0", EXPRESSION_UNKNOWN, -1 },
    };
    check_all(&fake, list, sizeof(list) / sizeof(list[0]));
    /* Without an answer from 19 s to 25 s, the nearest that there are. */
    fake.silent_from = 19;
    fake.silent_to = 25;
    static const struct expected silent[] = {
        { "before(crash).wal.pending_writes == 8", EXPRESSION_TRUE, -1 },
        { "after(crash).wal.pending_writes == 15", EXPRESSION_TRUE, -1 },
    };
    check_all(&fake, silent, sizeof(silent) / sizeof(silent[0]));
}

static const struct suite_test tests[] = {
    { "metrics that are texts", texts },
    { "before and after a fault", around_a_fault },
    { "always, never, eventually", always_never_eventually },
    { "windows begin and end where the manual says", windows },
    { "stretches: for", stretches },
    { "what was not seen is never green", the_unseen_is_never_green },
    { "unknown in and, or, not, implies", unknown_in_connectives },
    { "functions, and rate as rate or share", functions },
    { "a failure says what was expected and seen", words_of_a_failure },
    { "a condition about now", now_looks_at_the_last_sample },
    { "a step's answer", steps },
    { "captures of a step", captures },
};
TEST_MAIN("expression evaluate", tests)
