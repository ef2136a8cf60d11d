/* Expressions as they are written: what is accepted, and where and how everything else is refused. */
#include "base/prng.h"
#include "harness/scenario/expression.h"
#include "tests/lib/suite.h"
#include <stdio.h>
#include <string.h>

static const char *const phases[] = { "warmup", "outage", "lb-crash" };
static const char *const loads[] = { "writer", "bulk-writer" };

static struct expression_scope scope_of(void)
{
    static const char *const faults[] = { "off", "crash" };
    return (struct expression_scope){ .phases = phases,
                                      .phase_count = 3,
                                      .loads = loads,
                                      .load_count = 2,
                                      .faults = faults,
                                      .fault_count = 2 };
}

static bool accepts(const char *text, struct expression_scope scope)
{
    struct expression_error error;
    struct expression *e = expression_parse(str_of(text), &scope, &error);
    if (e == NULL) {
        (void)fprintf(stderr, "refused: %s\n  at %zu: %s\n", text, error.column, error.message.text);
    }
    bool good = e != NULL;
    expression_free(e);
    return good;
}

static void accepted_forms(void)
{
    static const char *const texts[] = {
        "wal.pending_writes == 0",
        "always wal.memory_bytes <= 64MiB",
        "never wal.failed_replays > 0",
        "never wal.is_replaying during warmup",
        "not wal.is_replaying and lb.instances.primary.healthy",
        "eventually wal.pending_writes > 0 within 5s after outage.start",
        "eventually wal.pending_writes == 0 for 10s within 3m after outage.end + 5s",
        "eventually wal.pending_writes == 0 within 5s during outage",
        "eventually wal.pending_writes == 0 after lb-crash - 1s",
        "rate(load.writer.accepted) >= 99.9% during outage",
        "rate(load.bulk-writer.accepted) >= 20/s",
        "p99(load.writer.latency) < 50ms",
        "2 * p50(load.writer.latency) < p99(load.writer.latency) + 1ms",
        "count(load.writer.offered) >= 50/min * 5m",
        "count(load.writer.errors) / count(load.writer.offered) < 0.01",
        "rate(load.writer.accepted) >= rate(load.writer.offered) * 0.99",
        "max(wal.pending_writes) <= 300 during outage",
        "rate(wal.total_replayed) <= 50/s",
        "always wal.is_replaying == true implies wal.oldest_pending < 30s during outage",
        "(wal.pending_writes > 0 or lb.rss > 1MiB) and not (wal.bytes > 1GiB)",
        "wal.oldest_pending < 1m30s",
        "wal.pending_writes > -1",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CU_ASSERT_TRUE(accepts(texts[i], scope_of()));
    }
}

static void accepted_in_steps(void)
{
    static const char *const texts[] = {
        "status == 200",
        "status in [200, 201, 202]",
        "outcome in [refused, timeout, 503]",
        "outcome == answered",
        "latency < 500ms",
        "json(\"$.a.b[0]\") == \"x\"",
        "json('$[0].reason') contains '422'",
        "json(\"$.x\") == null",
        "json(\"$.n\") > 5 and json(\"$.ok\") == true",
        "header(\"X-Wal-Status\") contains \"queued\"",
        "body contains \"HEALTHY\"",
    };
    struct expression_scope scope = scope_of();
    scope.in_step = true;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        CU_ASSERT_TRUE(accepts(texts[i], scope));
    }
    scope.value = true;
    CU_ASSERT_TRUE(accepts("json(\"$.id\")", scope));
    CU_ASSERT_TRUE(accepts("status", scope));
}

struct refusal {
    const char *text;
    size_t column;
    const char *message; /* part of it */
    const char *hint;    /* part of it, "" = none */
};

static void check_refusals(const struct refusal *list, size_t count, struct expression_scope scope)
{
    for (size_t i = 0; i < count; i++) {
        struct expression_error error;
        struct expression *e = expression_parse(str_of(list[i].text), &scope, &error);
        bool right =
            e == NULL && error.column == list[i].column &&
            strstr(error.message.text, list[i].message) != NULL &&
            (list[i].hint[0] == '\0' ? error.hint[0] == '\0' : strstr(error.hint, list[i].hint) != NULL);
        if (!right) {
            (void)fprintf(stderr, "\"%s\": got column %zu \"%s\" hint \"%s\"\n", list[i].text, error.column,
                          e == NULL ? error.message.text : "(accepted)", error.hint);
        }
        CU_ASSERT_TRUE(right);
        expression_free(e);
    }
}

static void refusals_of_names(void)
{
    static const struct refusal list[] = {
        { "wal.pending_write == 0", 0, "no metric \"wal.pending_write\"", "\"wal.pending_writes\" (count)" },
        { "never wal.is_repalying", 6, "no metric", "\"wal.is_replaying\" (truth)" },
        { "p99(load.writr.latency) < 5ms", 4, "no metric \"load.writr.latency\"", "load.writer.latency" },
        { "p99(load.writer.latncy) < 5ms", 4, "no metric", "load.writer.latency" },
        { "p9(load.writer.latency) < 5ms", 0, "no function \"p9\"", "\"p90\"" },
        { "wal.pending_writes == 0 during outagee", 31, "no phase \"outagee\"", "\"outage\"" },
        { "wal.pending_writes == 0 after outge.end", 30, "no phase \"outge\"", "\"outage\"" },
        { "before(crush).wal.bytes > 1B", 7, "no fault \"crush\"", "did you mean \"crash\"?" },
        { "before(crash).wal.byte > 1B", 14, "no metric \"wal.byte\"", "did you mean \"wal.bytes\" (size)?" },
        { "after(crash) == 1", 13, "expected a metric after the bracket: after(crash).wal.pending_writes",
          "" },
        { "after(crash).load.writer.ok == 1", 13, "after() takes a sampled metric", "" },
        { "alerts.replay_failure", 0, "no alert rule \"replay_failure\"",
          "did you mean \"alerts.replay_failures\" (truth)?" },
        { "wal.mode > 5", 11, "wal.mode is a text", "" },
        { "max(wal.mode) == 5", 4, "wal.mode is a text; max() takes a number", "" },
        { "status == 200", 0, "known only in a step", "" },
        { "wall < 5s", 0, "\"wall\" is known only in stop_if", "" },
    };
    check_refusals(list, sizeof(list) / sizeof(list[0]), scope_of());
}

static void refusals_of_units(void)
{
    static const struct refusal list[] = {
        { "wal.oldest_pending > 300", 21,
          "\"300\" needs a unit: wal.oldest_pending is a duration; write \"300s\"", "" },
        { "wal.pending_writes > 5s", 21, "wal.pending_writes is a count and \"5s\" is a duration", "" },
        { "lb.rss < 64", 9, "\"64\" needs a unit: lb.rss is a size; write it like \"64MiB\"", "" },
        { "rate(load.writer.accepted) >= 0.99", 30, "needs a unit", "" },
        { "wal.pending_writes == true", 22, "cannot be compared", "" },
        { "wal.is_replaying > false", 0, "has no order", "" },
        { "wal.pending_writes + 5s == 0", 0, "a count and a duration cannot be added", "" },
        { "wal.oldest_pending * wal.oldest_pending > 5s", 0, "cannot be multiplied", "" },
        { "wal.pending_writes", 0, "alone is no condition", "" },
        { "load.writer.errors == 0", 0, "needs a function: count() or rate()", "" },
        { "load.writer.latency < 5ms", 0, "needs a function: p50()", "" },
        { "count(load.writer.latency) > 5", 0, "is a distribution", "" },
        { "p99(load.writer.errors) > 5", 0, "is counted", "" },
        { "max(wal.is_replaying) == 1", 4, "true or false", "" },
        { "wal.pending_writes > 5sec", 21, "\"5sec\" is not a number with a unit", "" },
        { "eventually wal.pending_writes == 0 within 3", 42, "\"3\" needs a unit after \"within\"", "" },
        { "eventually wal.pending_writes == 0 within now", 42, "expected a duration after \"within\"", "" },
    };
    check_refusals(list, sizeof(list) / sizeof(list[0]), scope_of());
}

static void refusals_of_shape(void)
{
    static const struct refusal list[] = {
        { "", 0, "empty", "" },
        { "wal.pending_writes ==", 21, "ends where a metric or a number should stand", "" },
        { "wal.pending_writes = 0", 19, "\"=\" is written \"==\" here", "" },
        { "wal.is_replaying && wal.is_replaying", 17, "\"&&\" is written \"and\" here", "" },
        { "(wal.pending_writes == 0", 24, "expected \")\"", "" },
        { "wal.pending_writes == 0 witin 5s", 24, "does not continue", "\"within\"" },
        { "wal.pending_writes == 0 during outage after outage", 0, "keep one", "" },
        { "always wal.pending_writes == 0 for 5s", 0, "\"for\" belongs to \"eventually\" or \"never\"", "" },
        { "wal.pending_writes == 0 during outage.end", 24, "takes a phase", "" },
        { "wal.pending_writes == 0 within 5s within 6s", 34, "a second time", "" },
        { "wal.pending_writes == \"x", 22, "never ends", "" },
        { "wal.pending_writes == 0 ; 1", 24, "means nothing", "" },
    };
    check_refusals(list, sizeof(list) / sizeof(list[0]), scope_of());
}

static void refusals_in_steps(void)
{
    static const struct refusal list[] = {
        { "statuss == 200", 0, "a step sees its own answer", "\"status\"" },
        { "wal.pending_writes == 0", 0, "a step sees its own answer", "" },
        { "outcome in [refusd]", 12, "a step sees its own answer", "\"refused\"" },
        { "outcome in [\"refusd\"]", 12, "is no outcome", "\"refused\"" },
        { "outcome == 99", 11, "99 is no HTTP status", "" },
        { "json(\"a.b\") == 1", 5, "is no path into JSON", "" },
        { "json(\"$.a[x]\") == 1", 5, "is no path into JSON", "" },
        { "json(\"$.a\") == 5s", 15, "a JSON value compares with a plain number", "" },
        { "json($.a) == 1", 5, "means nothing", "" },
        { "status contains 2", 0, "looks for a text in a text", "" },
        { "status == 200 within 5s", 0, "a step has one answer", "" },
        { "latency < 500", 10, "\"500\" needs a unit: latency is a duration", "" },
    };
    struct expression_scope scope = scope_of();
    scope.in_step = true;
    check_refusals(list, sizeof(list) / sizeof(list[0]), scope);
}

static void refusals_without_window(void)
{
    static const struct refusal list[] = {
        { "eventually wal.pending_writes == 0", 0, "write only the condition", "" },
        { "wal.pending_writes == 0 within 5s", 0, "write only the condition", "" },
    };
    struct expression_scope scope = scope_of();
    scope.no_window = true;
    check_refusals(list, 2, scope);
    scope.wall = true;
    CU_ASSERT_TRUE(accepts("wall > 10s", scope));
}

/* Cuts, doubles, swaps and overwrites a few pieces of a text. */
static size_t mutate(struct prng *prng, char *text, size_t size, size_t room)
{
    for (uint64_t edits = prng_below(prng, 4); edits > 0 && size > 4 && size + 8 < room; edits--) {
        size_t at = prng_below(prng, size - 3);
        uint64_t how = prng_below(prng, 3);
        if (how == 0) {
            text[at] = (char)prng_below(prng, 256);
        } else if (how == 1) {
            memmove(text + at, text + at + 3, size - at - 3);
            size -= 3;
        } else {
            memmove(text + at + 3, text + at, size - at);
            size += 3;
        }
    }
    return size;
}

/* Anything may stand in a file. */
static void random_texts(void)
{
    static const char *const seeds[] = {
        "eventually wal.pending_writes == 0 for 10s within 3m after outage.end + 5s",
        "(not wal.is_replaying or lb.rss > 1MiB) implies p99(load.writer.latency) * 2 < 50ms / 3",
        "rate(load.writer.accepted) >= 99.9% during outage",
        "status in [200, 201] and json(\"$.a[0]\") contains 'x' or header(\"X\") == \"y\"",
        "outcome in [refused, timeout, 503]",
    };
    struct prng prng;
    prng_seed(&prng, 20);
    struct expression_scope scope = scope_of();
    size_t parsed = 0;
    size_t refused = 0;
    for (unsigned round = 0; round < 30000; round++) {
        char text[300];
        const char *seed = seeds[prng_below(&prng, sizeof(seeds) / sizeof(seeds[0]))];
        size_t size = strlen(seed);
        memcpy(text, seed, size);
        size = mutate(&prng, text, size, sizeof(text));
        scope.in_step = prng_chance(&prng, 1, 2);
        struct expression_error error;
        struct expression *e = expression_parse(str_make(text, size), &scope, &error);
        parsed += e != NULL;
        refused += e == NULL;
        if (e == NULL) {
            CU_ASSERT_TRUE(error.message.text[0] != '\0');
            CU_ASSERT_TRUE(error.column <= size);
            CU_ASSERT_TRUE(error.width >= 1);
        }
        expression_free(e);
    }
    CU_ASSERT_TRUE(parsed > 1000);
    CU_ASSERT_TRUE(refused > 1000);
}

static void deep_nesting(void)
{
    char text[4096];
    memset(text, '(', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct expression_scope scope = scope_of();
    struct expression_error error;
    CU_ASSERT_PTR_NULL(expression_parse(str_of(text), &scope, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message.text, "nested deeper"));
    char huge[6000];
    memset(huge, '1', sizeof(huge));
    CU_ASSERT_PTR_NULL(expression_parse(str_make(huge, sizeof(huge)), &scope, &error));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.message.text, "at most 4096 bytes"));
}

static const struct suite_test tests[] = {
    { "expressions of all forms are accepted", accepted_forms },
    { "a step's conditions are accepted", accepted_in_steps },
    { "a wrong name is refused at its column with the nearest", refusals_of_names },
    { "a wrong or missing unit is refused at its column", refusals_of_units },
    { "a wrong shape is refused at its column", refusals_of_shape },
    { "a step's wrong condition is refused at its column", refusals_in_steps },
    { "until and stop_if take no window", refusals_without_window },
    { "random texts are parsed or refused, never worse", random_texts },
    { "depth and length are bounded", deep_nesting },
};
TEST_MAIN("expression parse", tests)
