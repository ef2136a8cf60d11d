/* The fake's table of answers; see the header. */
#include "tests/unit/runner/fake_engine.h"

#include "base/check.h"
#include "base/units.h"
#include <stdio.h>
#include <string.h>

#define FAKE_LATENCY (5 * NS_PER_MS)

static struct fake_engine *fake_of(struct engine *e)
{
    return (struct fake_engine *)(void *)e;
}

static int fake_open(struct engine *e, const struct engine_setup *setup, struct history *history,
                     struct errmsg *msg)
{
    (void)setup;
    fake_of(e)->history = history;
    fake_of(e)->opened = true;
    if (fake_of(e)->open_unsupported) {
        return error_set(msg, ERR_UNSUPPORTED, "there is no such thing here");
    }
    return fake_of(e)->open_fails ? error_set(msg, ERR_IO, "port in use") : 0;
}

static uint64_t fake_now(struct engine *e)
{
    return fake_of(e)->now_ns;
}

static void fake_status(struct fake_engine *fake, char *out, size_t size)
{
    double at_s = (double)fake->now_ns / (double)NS_PER_S;
    bool pending = fake->never_drains || (at_s >= fake->pending_from_s && at_s < fake->pending_to_s);
    (void)snprintf(
        out, size,
        "{\"healthy_instances\":2,\"total_instances\":2,\"write_ahead_log\":{\"pending_writes\":%d,"
        "\"is_replaying\":false,\"oldest_pending\":null,\"total_replayed\":0,\"failed_replays\":0,"
        "\"progress_age\":%s,\"quota_used\":0.25,\"mode\":\"file\",\"why_not_replaying\":%s},"
        "\"instances\":[{\"name\":\"primary\",\"healthy\":true,\"lag\":0,\"success_rate\":99.5},"
        "{\"name\":\"replica\",\"healthy\":true,\"lag\":0}],\"stats\":{\"rss_bytes\":1000}}",
        pending ? 7 : 0, pending ? "12.5" : "0", pending ? "\"primary down\"" : "null");
}

static void fake_alerts(const struct fake_engine *fake, char *out, size_t size)
{
    double at_s = (double)fake->now_ns / (double)NS_PER_S;
    bool firing = at_s >= fake->firing_from_s && at_s < fake->firing_to_s;
    (void)snprintf(out, size,
                   "{\"alerts\":[{\"name\":\"pending_writes_high\",\"state\":\"inactive\"},"
                   "{\"name\":\"replay_failures\",\"state\":\"%s\"}],\"firing\":%s,"
                   "\"escalation\":[{\"name\":\"escalate_memory\",\"state\":\"inactive\"}]}",
                   firing ? "firing" : "inactive", firing ? "true" : "false");
}

static bool fake_is_write(const struct fake_request *r)
{
    return strstr(r->path, "/add") != NULL || strstr(r->path, "/upsert") != NULL ||
           strstr(r->path, "/delete") != NULL;
}

static void fake_answer(struct fake_engine *fake, struct fake_request *r)
{
    char body[800] = "{}";
    struct engine_answer answer = { .outcome = OP_ANSWERED, .status = 200, .headers = STR("") };
    answer.sent_ns = (int64_t)r->at_ns;
    answer.done_ns = (int64_t)fake->now_ns;
    size_t length = strlen(r->path);
    if (strcmp(r->path, "/status") == 0) {
        answer.status = fake->status_silent ? 503 : 200;
        fake_status(fake, body, sizeof(body));
    } else if (strcmp(r->method, "POST") == 0 && length > 12 &&
               strcmp(r->path + length - 12, "/collections") == 0) {
        (void)snprintf(body, sizeof(body), "{\"id\":\"00000000-0000-4000-8000-%012zu\",\"name\":\"x\"}",
                       fake->request_count);
    } else if (fake_is_write(r)) {
        answer.status = fake->write_status == 0 ? 201 : fake->write_status;
    } else if (strcmp(r->path, "/alerts") == 0) {
        answer.status = fake->alerts_silent ? 404 : 200;
        fake_alerts(fake, body, sizeof(body));
    } else if (strcmp(r->path, "/lines") == 0) {
        (void)snprintf(body, sizeof(body), "one\r\nX-Evil: two");
    } else if (strstr(r->path, "/get") != NULL) {
        (void)snprintf(body, sizeof(body), "{\"ids\":[],\"metadatas\":[]}");
    }
    answer.body = str_of(body);
    r->open = false;
    fake->open_count--;
    r->cb(r->context, r->tag, &answer);
}

static int fake_advance(struct engine *e, uint64_t until_ns, struct errmsg *msg)
{
    (void)msg;
    struct fake_engine *fake = fake_of(e);
    until_ns += fake->overshoot_ns;
    for (;;) {
        struct fake_request *next = NULL;
        for (size_t i = 0; i < fake->request_count; i++) {
            struct fake_request *r = &fake->requests[i];
            if (r->open && r->answer_ns <= until_ns && (next == NULL || r->answer_ns < next->answer_ns)) {
                next = r;
            }
        }
        if (next == NULL) {
            break;
        }
        fake->now_ns = next->answer_ns > fake->now_ns ? next->answer_ns : fake->now_ns;
        fake_answer(fake, next);
    }
    fake->now_ns = until_ns > fake->now_ns ? until_ns : fake->now_ns;
    return 0;
}

/* A free place, so that long runs fit; finished requests make room when all are answered. */
static struct fake_request *fake_place(struct fake_engine *fake)
{
    if (fake->request_count == FAKE_REQUESTS) {
        CHECK(fake->open_count == 0);
        fake->request_count = 0;
    }
    return &fake->requests[fake->request_count++];
}

static int fake_request(struct engine *e, const struct engine_request *request, uint64_t tag,
                        engine_answer_cb *cb, void *context, struct errmsg *msg)
{
    struct fake_engine *fake = fake_of(e);
    bool status = strcmp(request->path, "/status") == 0;
    bool create = strstr(request->path, "/collections") != NULL && strstr(request->path, "/add") == NULL;
    if (fake->refuse_after_creates && !status && !create) {
        return error_set(msg, ERR_IO, "no more sockets");
    }
    fake->status_requests += status ? 1 : 0;
    fake->alert_requests += strcmp(request->path, "/alerts") == 0 ? 1 : 0;
    struct fake_request *r = fake_place(fake);
    *r = (struct fake_request){ .at_ns = fake->now_ns,
                                .answer_ns = fake->now_ns + FAKE_LATENCY,
                                .tag = tag,
                                .cb = cb,
                                .context = context,
                                .target = request->target,
                                .open = true };
    (void)snprintf(r->method, sizeof(r->method), "%s", request->method);
    (void)snprintf(r->path, sizeof(r->path), "%s", request->path);
    int shown = request->body.size > 255 ? 255 : (int)request->body.size;
    (void)snprintf(r->body, sizeof(r->body), "%.*s", shown, shown == 0 ? "" : request->body.data);
    (void)snprintf(r->headers, sizeof(r->headers), "%s", request->headers == NULL ? "" : request->headers);
    fake->open_count++;
    return 0;
}

static int fake_fault_add(struct engine *e, enum engine_target instance, struct str json, uint64_t *id,
                          uint64_t *touches, struct errmsg *msg)
{
    (void)instance;
    (void)json;
    (void)msg;
    struct fake_engine *fake = fake_of(e);
    fake->fault_added_ns = fake->now_ns;
    *id = ++fake->faults_added;
    *touches = 1;
    return 0;
}

static int fake_fault_remove(struct engine *e, enum engine_target instance, uint64_t id, uint64_t *hits,
                             struct errmsg *msg)
{
    (void)instance;
    (void)id;
    (void)msg;
    struct fake_engine *fake = fake_of(e);
    fake->fault_removed_ns = fake->now_ns;
    fake->faults_removed++;
    *hits = fake->fault_hits;
    return 0;
}

static int fake_fault_clear(struct engine *e, struct errmsg *msg)
{
    fake_of(e)->clears++;
    return fake_of(e)->fault_clear_fails ? error_set(msg, ERR_IO, "the control port is gone") : 0;
}

static int fake_kill(struct engine *e, enum engine_target instance, struct errmsg *msg)
{
    (void)instance;
    (void)msg;
    fake_of(e)->kills++;
    return 0;
}

static int fake_start(struct engine *e, enum engine_target instance, enum mock_restart what, uint64_t lost_ns,
                      struct errmsg *msg)
{
    (void)instance;
    (void)what;
    (void)lost_ns;
    (void)msg;
    fake_of(e)->starts++;
    return 0;
}

static int fake_lb_stop(struct engine *e, enum lb_stop how, struct errmsg *msg)
{
    (void)how;
    (void)msg;
    fake_of(e)->kills++;
    return 0;
}

static int fake_lb_start(struct engine *e, struct errmsg *msg)
{
    (void)msg;
    fake_of(e)->starts++;
    return 0;
}

static int fake_lb_disk(struct engine *e, enum lb_disk kind, uint64_t by_ns, bool on, uint64_t *hits,
                        struct errmsg *msg)
{
    (void)msg;
    struct fake_engine *fake = fake_of(e);
    fake->disk_begun += on ? 1 : 0;
    fake->disk_ended += on ? 0 : 1;
    fake->disk_kind = kind;
    fake->disk_by_ns = by_ns;
    /* Two were touched by somebody else before. */
    *hits = on ? 2 : 2 + fake->fault_hits;
    return 0;
}

static int fake_supports(struct engine *e, const struct engine_setup *setup, struct errmsg *msg)
{
    (void)setup;
    const char *cannot = fake_of(e)->cannot;
    return cannot == NULL ? 0 : error_set(msg, ERR_UNSUPPORTED, "%s", cannot);
}

static const char *fake_base_url(struct engine *e, enum engine_target target)
{
    (void)e;
    return target == TARGET_LB ? "http://lb" : "http://instance";
}

static const char *fake_environment(struct engine *e)
{
    (void)e;
    return NULL;
}

static int fake_finish(struct engine *e, struct errmsg *msg)
{
    (void)msg;
    fake_of(e)->finished = true;
    return 0;
}

static const char *fake_hash(struct engine *e)
{
    (void)e;
    return "0123456789abcdef";
}

static void fake_close(struct engine *e)
{
    (void)e;
}

static const struct engine_ops fake_ops = {
    .name = "fake",
    .open = fake_open,
    .now = fake_now,
    .advance = fake_advance,
    .request = fake_request,
    .fault_add = fake_fault_add,
    .fault_remove = fake_fault_remove,
    .fault_clear = fake_fault_clear,
    .instance_kill = fake_kill,
    .instance_start = fake_start,
    .lb_stop = fake_lb_stop,
    .lb_start = fake_lb_start,
    .lb_disk = fake_lb_disk,
    .supports = fake_supports,
    .base_url = fake_base_url,
    .environment = fake_environment,
    .finish = fake_finish,
    .journal_hash = fake_hash,
    .close = fake_close,
};

void fake_engine_init(struct fake_engine *fake)
{
    memset(fake, 0, sizeof(*fake));
    fake->base.ops = &fake_ops;
}
