/* Owner of what a run came to.  Every text in struct results and its lists is allocated and freed here;
 * the runner fills, the reports read. */
#include "harness/results.h"

#include "base/check.h"
#include "base/memory.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void results_init(struct results *r)
{
    *r = (struct results){ .formats = REPORT_ALL };
}

static void results_free_assertions(struct results *r)
{
    for (size_t i = 0; i < r->assertion_count; i++) {
        mem_free(r->assertions[i].name);
        mem_free(r->assertions[i].expected);
        mem_free(r->assertions[i].saw);
        mem_free(r->assertions[i].proves);
    }
    mem_free(r->assertions);
}

static void results_free_timeline(struct results *r)
{
    for (size_t i = 0; i < r->phase_count; i++) {
        mem_free(r->phases[i].name);
    }
    mem_free(r->phases);
    for (size_t i = 0; i < r->fault_count; i++) {
        mem_free(r->faults[i].name);
        mem_free(r->faults[i].target);
        mem_free(r->faults[i].what);
    }
    mem_free(r->faults);
    for (size_t i = 0; i < r->event_count; i++) {
        mem_free(r->events[i].text);
    }
    mem_free(r->events);
    for (size_t i = 0; i < r->alert_count; i++) {
        mem_free(r->alerts[i].name);
        mem_free(r->alerts[i].figure);
        mem_free(r->alerts[i].severity);
        mem_free(r->alerts[i].spans);
    }
    mem_free(r->alerts);
    for (size_t i = 0; i < r->missing_count; i++) {
        mem_free(r->missing[i]);
    }
    mem_free(r->missing);
}

static void results_free_steps(struct results *r)
{
    for (size_t i = 0; i < r->step_count; i++) {
        mem_free(r->steps[i].name);
        mem_free(r->steps[i].command);
        mem_free(r->steps[i].outcome);
        mem_free(r->steps[i].output);
    }
    mem_free(r->steps);
}

void results_deinit(struct results *r)
{
    results_free_assertions(r);
    results_free_timeline(r);
    results_free_steps(r);
    mem_free(r->scenario);
    mem_free(r->title);
    mem_free(r->path);
    mem_free(r->runbook);
    mem_free(r->engine);
    mem_free(r->verdict_words);
    mem_free(r->reproduce);
    *r = (struct results){ 0 };
}

/* The lists carry no capacity: they are rebuilt when their count is a power of two (or zero). */
static void *results_grow(void *list, size_t count, size_t size)
{
    bool full = (count & (count - 1)) == 0;
    if (!full) {
        return list;
    }
    size_t capacity = count == 0 ? 1 : count * 2;
    CHECK(capacity < SIZE_MAX / 2 / size);
    return mem_realloc(list, capacity * size);
}

struct assertion_result *results_add_assertion(struct results *r, enum assertion_kind kind, const char *name,
                                               unsigned line)
{
    r->assertions = results_grow(r->assertions, r->assertion_count, sizeof(*r->assertions));
    struct assertion_result *a = &r->assertions[r->assertion_count++];
    *a = (struct assertion_result){
        .kind = kind,
        .name = mem_strdup(name),
        .line = line,
        .at_ns = HISTORY_NEVER,
    };
    return a;
}

void results_prove(struct assertion_result *a, const char *ids)
{
    if (ids == NULL) {
        return;
    }
    size_t held = a->proves == NULL ? 0 : strlen(a->proves);
    size_t added = strlen(ids);
    a->proves = mem_realloc(a->proves, held + added + 2);
    if (held > 0) {
        a->proves[held++] = ' ';
    }
    memcpy(a->proves + held, ids, added + 1);
}

__attribute__((format(printf, 1, 0))) static char *results_text(const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, again);
    va_end(again);
    CHECK(size >= 0);
    char *text = mem_alloc((size_t)size + 1);
    (void)vsnprintf(text, (size_t)size + 1, format, args); /* measured above */
    return text;
}

void results_add_event(struct results *r, int64_t at_ns, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    r->events = results_grow(r->events, r->event_count, sizeof(*r->events));
    r->events[r->event_count++] = (struct event_line){ at_ns, results_text(format, args) };
    va_end(args);
}

void results_add_missing(struct results *r, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    r->missing = results_grow(r->missing, r->missing_count, sizeof(*r->missing));
    r->missing[r->missing_count++] = results_text(format, args);
    va_end(args);
}

struct alert_result *results_add_alert(struct results *r, const char *name, const char *figure,
                                       const char *severity, double above)
{
    r->alerts = results_grow(r->alerts, r->alert_count, sizeof(*r->alerts));
    struct alert_result *alert = &r->alerts[r->alert_count++];
    *alert = (struct alert_result){
        .name = mem_strdup(name),
        .figure = mem_strdup(figure),
        .severity = mem_strdup(severity),
        .above = above,
    };
    return alert;
}

void results_alert_seen(struct alert_result *alert, int64_t at_ns, bool firing)
{
    struct alert_span *last = alert->span_count == 0 ? NULL : &alert->spans[alert->span_count - 1];
    bool fired = last != NULL && last->end_ns == HISTORY_NEVER;
    if (firing && !fired) {
        alert->spans = results_grow(alert->spans, alert->span_count, sizeof(*alert->spans));
        alert->spans[alert->span_count++] = (struct alert_span){ at_ns, HISTORY_NEVER };
    } else if (!firing && fired) {
        last->end_ns = at_ns;
    }
}

const char *verdict_name(enum verdict v)
{
    switch (v) {
        case VERDICT_PASS:
            return "PASS";
        case VERDICT_FAIL:
            return "FAIL";
        case VERDICT_INVALID:
            return "INVALID";
        case VERDICT_ERROR:
            return "ERROR";
        case VERDICT_CLEANUP_FAILED:
            return "CLEANUP_FAILED";
    }
    return "UNKNOWN";
}

int verdict_exit_code(enum verdict v)
{
    switch (v) {
        case VERDICT_PASS:
            return 0;
        case VERDICT_FAIL:
            return 1;
        case VERDICT_INVALID:
            return 3;
        case VERDICT_ERROR:
            return 4;
        case VERDICT_CLEANUP_FAILED:
            return 5;
    }
    return 4;
}
