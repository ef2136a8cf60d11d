/* The two threads that look: at the balancer's /alerts, /status and /metrics, and at the mocks' control
 * ports.  What they see goes into the past; the newest documents are kept whole for the page. */
#include "harness/console/internal.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include "harness/real/control.h"
#include "proxy/core/alerts.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOOK_TIMEOUT_MS 2000L
#define LOOK_BACK       10 /* samples: writes come in when more wait than then */

static const char *const mock_names[2] = { "primary", "replica" };

/* Until the next look is due; false: it is all over. */
static bool watch_wait(struct console *c)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t nanoseconds = (uint64_t)until.tv_nsec + c->period_ns;
    until.tv_sec += (time_t)(nanoseconds / NS_PER_S);
    until.tv_nsec = (long)(nanoseconds % NS_PER_S);
    (void)pthread_mutex_lock(&c->lock);
    while (!c->stopping && pthread_cond_timedwait(&c->wake, &c->lock, &until) != ETIMEDOUT) {
    }
    bool goes_on = !c->stopping;
    (void)pthread_mutex_unlock(&c->lock);
    return goes_on;
}

static int watch_get(const char *base_url, const char *path, struct buf *answer, struct errmsg *msg)
{
    const struct control_request request = {
        .base_url = base_url, .method = "GET", .path = path, .timeout_ms = LOOK_TIMEOUT_MS
    };
    return control_send(&request, answer, NULL, msg);
}

/* --- the balancer --------------------------------------------------------------------------------------- */

static void watch_rules(struct console *c, const json_t *rules, int64_t now_ns)
{
    size_t i;
    json_t *rule;
    json_array_foreach(rules, i, rule)
    {
        const char *name = json_string_value(json_object_get(rule, "name"));
        const char *state = json_string_value(json_object_get(rule, "state"));
        if (name != NULL && state != NULL && strcmp(state, "firing") == 0) {
            past_look(&c->alerts, name, now_ns);
        }
    }
}

static void watch_keep_alerts(struct console *c, const struct buf *answer, int64_t now_ns)
{
    json_t *root = json_loadb(answer->data, answer->size, 0, NULL);
    past_look_begin(&c->alerts);
    watch_rules(c, json_object_get(root, "alerts"), now_ns);
    watch_rules(c, json_object_get(root, "escalation"), now_ns);
    past_look_end(&c->alerts, now_ns);
    json_decref(root);
}

/* How many writes waited a while ago; -1: nobody knows.  The caller holds the lock, the newest sample is in.
 */
static double watch_pending_before(const struct past *past)
{
    if (past->taken <= past_first(past) + LOOK_BACK) {
        return -1;
    }
    const struct status_sample *before = past_at(past, past->taken - 1 - LOOK_BACK);
    return before->answered ? before->pending_writes : -1;
}

/* Where the guide's reader is. */
static void watch_step(struct console *c, struct status_doc *doc, bool answered, struct str status)
{
    struct steps_facts facts = { .answered = false };
    if (answered && status_doc_read(doc, status)) {
        steps_look(doc, watch_pending_before(&c->past), &facts);
    }
    steps_find(&facts, &c->step);
}

/* What the look at the balancer reads with, and what it has to remember. */
struct watch_eyes {
    struct status_reader *reader;
    struct status_doc doc;
    struct buf alerts, status, metrics;
    struct served_look served; /* the newest that is known */
    int64_t served_ns;         /* when that was */
};

/* How clients were served since the last time that could be told. */
static void watch_served(struct console *c, struct watch_eyes *eyes, int64_t now_ns, bool answered,
                         struct served_figures *figures)
{
    struct served_look now = { .known = false };
    if (answered && watch_get(c->setup.urls[TARGET_LB], "/metrics", &eyes->metrics, NULL) == 0) {
        (void)served_read(buf_str(&eyes->metrics), &now);
    }
    served_between(&eyes->served, &now, (double)(now_ns - eyes->served_ns) / (double)NS_PER_S, figures);
    if (now.known) {
        eyes->served = now;
        eyes->served_ns = now_ns;
    }
}

/* One look: the alerts first, so that what /status says is at most newer. */
static void watch_balancer(struct console *c, struct watch_eyes *eyes)
{
    struct buf *alerts = &eyes->alerts;
    struct buf *status = &eyes->status;
    struct errmsg msg = { "" };
    const char *url = c->setup.urls[TARGET_LB];
    struct status_sample sample = { .oldest_pending_s = -1 };
    struct run_status_more more = { .progress_age_s = -1 };
    struct served_figures figures;
    bool told = watch_get(url, "/alerts", alerts, &msg) == 0;
    bool answered = told && watch_get(url, "/status", status, &msg) == 0;
    if (answered && !status_reader_read(eyes->reader, buf_str(status), &sample, &more)) {
        (void)error_set(&msg, ERR_SYNTAX, "/status is not a document of walproxy");
        answered = false;
    }
    mem_free(more.figures);
    sample.answered = answered;
    sample.at_ns = console_now_ns(c);
    watch_served(c, eyes, sample.at_ns, answered, &figures);
    (void)pthread_mutex_lock(&c->lock);
    past_add(&c->past, &sample, &figures);
    watch_step(c, &eyes->doc, answered, buf_str(status));
    if (told) {
        watch_keep_alerts(c, alerts, sample.at_ns);
    }
    if (answered) {
        buf_clear(&c->status);
        buf_append_str(&c->status, buf_str(status));
    } else {
        c->silent_why = msg;
    }
    (void)pthread_mutex_unlock(&c->lock);
}

static void *watch_balancer_always(void *context)
{
    struct console *c = context;
    struct watch_eyes eyes = { .reader = status_reader_new() };
    buf_init(&eyes.alerts, CONSOLE_DOCUMENT);
    buf_init(&eyes.status, CONSOLE_DOCUMENT);
    buf_init(&eyes.metrics, CONSOLE_DOCUMENT);
    do {
        watch_balancer(c, &eyes);
    } while (watch_wait(c));
    buf_deinit(&eyes.alerts);
    buf_deinit(&eyes.status);
    buf_deinit(&eyes.metrics);
    status_doc_deinit(&eyes.doc);
    status_reader_free(eyes.reader);
    return NULL;
}

/* --- the mocks ------------------------------------------------------------------------------------------ */

static void watch_faults(struct console *c, unsigned instance, const json_t *root, int64_t now_ns)
{
    size_t i;
    json_t *fault;
    char name[160];
    if (json_is_true(json_object_get(root, "dead"))) {
        (void)snprintf(name, sizeof(name), "%s: dead", mock_names[instance]);
        past_look(&c->faults, name, now_ns);
    }
    json_array_foreach(json_object_get(root, "faults"), i, fault)
    {
        const char *called = json_string_value(json_object_get(fault, "name"));
        const char *kind = json_string_value(json_object_get(fault, "do"));
        if (json_is_true(json_object_get(fault, "active"))) {
            (void)snprintf(name, sizeof(name), "%s: %s #%lld", mock_names[instance],
                           called == NULL || called[0] == '\0' ? kind : called,
                           (long long)json_integer_value(json_object_get(fault, "id")));
            past_look(&c->faults, name, now_ns);
        }
    }
}

static void watch_mocks(struct console *c, struct buf answers[2])
{
    bool answered[2];
    json_t *roots[2];
    for (unsigned i = 0; i < 2; i++) {
        answered[i] = watch_get(c->setup.controls[i], "/status", &answers[i], NULL) == 0;
        roots[i] = answered[i] ? json_loadb(answers[i].data, answers[i].size, 0, NULL) : NULL;
    }
    int64_t now_ns = console_now_ns(c);
    (void)pthread_mutex_lock(&c->lock);
    past_look_begin(&c->faults);
    for (unsigned i = 0; i < 2; i++) {
        buf_clear(&c->mocks[i]);
        if (roots[i] != NULL) {
            buf_append_str(&c->mocks[i], buf_str(&answers[i]));
            watch_faults(c, i, roots[i], now_ns);
        }
    }
    past_look_end(&c->faults, now_ns);
    (void)pthread_mutex_unlock(&c->lock);
    json_decref(roots[0]);
    json_decref(roots[1]);
}

static void watch_forget(struct console *c, const struct console_fault *over)
{
    (void)pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->held_count; i++) {
        if (c->held[i].instance == over->instance && c->held[i].id == over->id) {
            c->held[i] = c->held[--c->held_count];
            break;
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
}

/* The faults that the console has made live as long as it does, and no longer than their lease.  One that is
 * over is forgotten. */
static void watch_renew(struct console *c, struct buf *answer)
{
    struct console_fault held[CONSOLE_HELD];
    (void)pthread_mutex_lock(&c->lock);
    size_t count = c->held_count;
    memcpy(held, c->held, sizeof(held));
    (void)pthread_mutex_unlock(&c->lock);
    for (size_t i = 0; i < count; i++) {
        char path[64];
        long status = 0;
        (void)snprintf(path, sizeof(path), "/faults/%llu/renew", (unsigned long long)held[i].id);
        const struct control_request request = { .base_url = c->setup.controls[held[i].instance],
                                                 .method = "POST",
                                                 .path = path,
                                                 .timeout_ms = LOOK_TIMEOUT_MS };
        if (control_send(&request, answer, &status, NULL) != 0 && status >= 400) {
            watch_forget(c, &held[i]);
        }
    }
}

static void *watch_mocks_always(void *context)
{
    struct console *c = context;
    struct buf answers[2];
    buf_init(&answers[0], CONSOLE_DOCUMENT);
    buf_init(&answers[1], CONSOLE_DOCUMENT);
    do {
        watch_renew(c, &answers[0]);
        watch_mocks(c, answers);
    } while (watch_wait(c));
    buf_deinit(&answers[0]);
    buf_deinit(&answers[1]);
    return NULL;
}

/* --- beginning and ending ------------------------------------------------------------------------------- */

int watch_begin(struct console *c, struct errmsg *msg)
{
    void *(*const run[2])(void *) = { watch_balancer_always, watch_mocks_always };
    for (unsigned i = 0; i < 2; i++) {
        int why = pthread_create(&c->threads[i], NULL, run[i], c);
        if (why != 0) {
            watch_end(c);
            return error_set(msg, ERR_IO, "the page cannot be kept: %s", strerror(why));
        }
        c->thread_count++;
    }
    return 0;
}

void watch_end(struct console *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->stopping = true;
    (void)pthread_cond_broadcast(&c->wake);
    (void)pthread_cond_broadcast(&c->wished);
    (void)pthread_mutex_unlock(&c->lock);
    while (c->thread_count > 0) {
        (void)pthread_join(c->threads[--c->thread_count], NULL);
    }
}
