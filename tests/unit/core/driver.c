#include "tests/unit/core/driver.h"

#include "base/memory.h"
#include <stdio.h>
#include <stdlib.h>

#define STEP_ROOM   64
#define TRACE_MAX   ((size_t)64 << 20)
#define HEADERS_MAX 32

static void step(struct driver *d, struct core_event *event)
{
    struct core_action actions[STEP_ROOM];
    bool more = true;
    event->now_ns = d->now_ns;
    event->wall_ms = d->wall_ms + (int64_t)(d->now_ns / NS_PER_MS);
    while (more) {
        size_t count = core_step(d->core, event, actions, d->room, &more);
        CU_ASSERT_FATAL(count <= d->room);
        for (size_t i = 0; i < count; i++) {
            driver_carry_out(d, &actions[i]);
            core_action_release(&actions[i]);
        }
        event->kind = CORE_EV_TICK;
    }
}

/* ---- what the world does by itself ---- */

static void end_call(struct driver *d, struct driver_call *call, enum call_outcome outcome, bool bytes_left,
                     const struct http_head *head, struct block *body)
{
    static const char *const details[] = { "", "Connection refused", "Connection reset by peer",
                                           "Cancelled" };
    CU_ASSERT_FALSE_FATAL(call->over);
    call->over = true;
    struct core_event event = { .kind = CORE_EV_CALL_END };
    event.u.call_end.call = call->id;
    event.u.call_end.outcome = outcome;
    event.u.call_end.bytes_left = bytes_left;
    event.u.call_end.head = head;
    event.u.call_end.body = body;
    event.u.call_end.detail = details[outcome];
    step(d, &event);
    block_unref(body);
    for (size_t i = 0; i < d->client_count; i++) {
        struct driver_client *c = &d->clients[i];
        if (c->relays == call->id && !c->over && outcome == CALL_ANSWERED) {
            c->ended++;
        }
    }
}

static void finish_client(struct driver *d, struct driver_client *c, bool delivered)
{
    c->over = true;
    struct core_event event = { .kind = CORE_EV_CLIENT_DONE };
    event.u.client_done.client = c->id;
    event.u.client_done.delivered = delivered;
    step(d, &event);
}

void driver_head(struct driver *d, struct driver_call *call, const struct http_head *head)
{
    struct core_event event = { .kind = CORE_EV_CALL_HEAD };
    event.u.call_head.call = call->id;
    event.u.call_head.head = head;
    step(d, &event);
}

static void answer_now(struct driver *d, struct driver_call *call, int status, const char *headers,
                       const char *body)
{
    struct http_header parsed[HEADERS_MAX];
    size_t count = http_headers_parse(str_of(headers), parsed, HEADERS_MAX);
    struct http_head head = {
        .status = status,
        .headers = parsed,
        .header_count = count,
        .content_length = (int64_t)strlen(body),
    };
    if (call->head_first) {
        driver_head(d, call, &head);
        if (call->cancelled) {
            end_call(d, call, CALL_CANCELLED, true, NULL, NULL);
            return;
        }
        for (size_t i = 0; i < d->client_count; i++) {
            if (call->relayed && d->clients[i].relays == call->id) {
                d->clients[i].status = status;
                d->clients[i].answer = mem_strdup(body);
            }
        }
        CU_ASSERT(call->relayed || call->collect);
    }
    struct block *kept = call->relayed || body[0] == '\0' ? NULL : block_copy(body, strlen(body));
    end_call(d, call, CALL_ANSWERED, true, call->head_first ? NULL : &head, kept);
}

static void read_back(struct driver *d, uint64_t lsn)
{
    struct core_event event = { .kind = CORE_EV_LOG_READ };
    event.u.log_read.lsn = lsn;
    event.u.log_read.failed = true;
    event.u.log_read.detail = "read 0000000000000001.wal: Input/output error";
    CU_ASSERT(lsn <= d->durable_lsn);
    CU_ASSERT(lsn >= d->trimmed_lsn);
    for (size_t i = 0; i < d->log_count && !d->reads_fail; i++) {
        if (d->log[i].lsn == lsn) {
            event.u.log_read.failed = false;
            event.u.log_read.type = d->log[i].type;
            event.u.log_read.meta = d->log[i].meta;
            event.u.log_read.body = d->log[i].body;
        }
    }
    step(d, &event);
}

static bool serve_one(struct driver *d)
{
    for (size_t i = 0; i < d->call_count; i++) {
        struct driver_call *call = &d->calls[i];
        if (call->over) {
            continue;
        }
        if (call->cancelled) {
            end_call(d, call, CALL_CANCELLED, true, NULL, NULL);
            return true;
        }
        if (!d->up[call->instance]) {
            end_call(d, call, CALL_REFUSED, false, NULL, NULL);
            return true;
        }
        if (call->probe) {
            d->probed[call->instance]++;
            answer_now(d, call, 200, "", "[]");
            return true;
        }
        if (call->own) {
            char text[8192];
            answer_now(d, call, driver_house(d, call, text, sizeof(text)), "", text);
            return true;
        }
    }
    for (size_t i = 0; i < d->client_count; i++) {
        struct driver_client *c = &d->clients[i];
        if (!c->over && c->ended > 0) {
            finish_client(d, c, !c->aborted);
            return true;
        }
    }
    if (!d->slow_reads && d->reads_done < d->read_count) {
        read_back(d, d->reads[d->reads_done++]);
        return true;
    }
    uint64_t last = d->log_count == 0 ? 0 : d->log[d->log_count - 1].lsn;
    if (!d->slow_log && last > d->durable_lsn) {
        driver_durable_to(d, last);
        return true;
    }
    return false;
}

static void settle(struct driver *d)
{
    while (serve_one(d)) {
    }
}

/* ---- the run ---- */

void driver_init(struct driver *d)
{
    struct settings_draft draft;
    settings_draft_init(&draft);
    (void)settings_set(&draft, STR("PRIMARY_URL"), STR("http://127.0.0.1:1"), SETTINGS_ENV, NULL);
    (void)settings_set(&draft, STR("REPLICA_URL"), STR("http://127.0.0.1:2"), SETTINGS_ENV, NULL);
    CU_ASSERT_EQUAL_FATAL(settings_finish(&draft, NULL), 0);
    memset(d, 0, sizeof(*d));
    d->settings = draft.values;
    d->seed = 1;
    d->room = STEP_ROOM;
    d->now_ns = NS_PER_S;
    d->wall_ms = 1700000000000;
    d->up[PRIMARY] = true;
    d->up[REPLICA] = true;
    buf_init(&d->trace, TRACE_MAX);
    d->blocks_before = block_bytes_live();
}

static void begin(struct driver *d)
{
    d->core = core_new(&d->settings, d->seed);
    for (size_t i = 0; i < d->log_count; i++) {
        struct core_event event = { .kind = CORE_EV_RECORD };
        event.u.record.lsn = d->log[i].lsn;
        event.u.record.type = d->log[i].type;
        event.u.record.meta = block_str(d->log[i].meta);
        event.u.record.body = block_str(d->log[i].body);
        event.u.record.first = i == 0;
        step(d, &event);
    }
    struct core_event event = { .kind = CORE_EV_START, .u.start.queue_lost = d->queue_lost };
    step(d, &event);
    if (d->durable_lsn > 0) {
        driver_durable_to(d, d->durable_lsn);
    }
    settle(d);
}

void driver_start(struct driver *d)
{
    begin(d);
}

static void forget_call(struct driver_call *call)
{
    mem_free(call->request);
    mem_free(call->body);
    *call = (struct driver_call){ 0 };
}

static void forget_connections(struct driver *d)
{
    for (size_t i = 0; i < d->call_count; i++) {
        forget_call(&d->calls[i]);
    }
    for (size_t i = 0; i < d->client_count; i++) {
        mem_free(d->clients[i].body);
        mem_free(d->clients[i].headers);
        mem_free(d->clients[i].answer);
        d->clients[i] = (struct driver_client){ 0 };
    }
    d->call_count = 0;
    d->client_count = 0;
}

void driver_restart(struct driver *d, bool keep_undurable)
{
    core_free(d->core);
    forget_connections(d);
    size_t kept = 0;
    for (size_t i = 0; i < d->log_count; i++) {
        if (keep_undurable || d->log[i].lsn <= d->durable_lsn) {
            d->log[kept++] = d->log[i];
        } else {
            block_unref(d->log[i].meta);
            block_unref(d->log[i].body);
        }
    }
    d->log_count = kept;
    d->read_count = d->reads_done = 0;
    d->durable_lsn = kept == 0 ? 0 : d->log[kept - 1].lsn;
    begin(d);
}

void driver_close(struct driver *d)
{
    for (size_t i = 0; i < d->client_count; i++) {
        CU_ASSERT(d->clients[i].ended <= 1);
    }
    core_free(d->core);
    forget_connections(d);
    for (size_t i = 0; i < d->log_count; i++) {
        block_unref(d->log[i].meta);
        block_unref(d->log[i].body);
    }
    driver_unmark(d, PRIMARY);
    driver_unmark(d, REPLICA);
    buf_deinit(&d->trace);
    mem_free(d->command_answer);
    CU_ASSERT_EQUAL(block_bytes_live(), d->blocks_before);
}

void driver_tick(struct driver *d)
{
    struct core_event event = { .kind = CORE_EV_TICK };
    step(d, &event);
    settle(d);
}

void driver_advance(struct driver *d, uint64_t ns)
{
    uint64_t until = d->now_ns + ns;
    while (core_deadline(d->core) <= until) {
        uint64_t deadline = core_deadline(d->core);
        d->now_ns = deadline > d->now_ns ? deadline : d->now_ns;
        driver_tick(d);
    }
    d->now_ns = until;
    driver_tick(d);
}

void driver_durable_to(struct driver *d, uint64_t lsn)
{
    struct core_event event = { .kind = CORE_EV_LOG_DURABLE };
    event.u.log_durable.lsn = lsn;
    event.u.log_durable.log_bytes = d->log_bytes == 0 ? lsn * 100 : d->log_bytes;
    d->durable_lsn = lsn;
    step(d, &event);
}

void driver_durable(struct driver *d)
{
    while (d->log_count > 0 && d->log[d->log_count - 1].lsn > d->durable_lsn) {
        driver_durable_to(d, d->log[d->log_count - 1].lsn);
        settle(d);
    }
}

void driver_trim(struct driver *d)
{
    size_t kept = 0;
    for (size_t i = 0; i < d->log_count; i++) {
        if (d->log[i].lsn >= d->trimmed_lsn) {
            d->log[kept++] = d->log[i];
        } else {
            block_unref(d->log[i].meta);
            block_unref(d->log[i].body);
        }
    }
    d->log_count = kept;
}

void driver_log_fails(struct driver *d)
{
    d->slow_log = true;
    struct core_event event = { .kind = CORE_EV_LOG_FAILED };
    event.u.log_failed.detail = "fdatasync: Input/output error";
    step(d, &event);
    settle(d);
}

void driver_drain(struct driver *d)
{
    struct core_event event = { .kind = CORE_EV_COMMAND };
    event.u.command.command = CORE_COMMAND_DRAIN;
    step(d, &event);
    settle(d);
}

void driver_down(struct driver *d, unsigned instance)
{
    d->up[instance] = false;
    size_t count = d->call_count;
    for (size_t i = 0; i < count; i++) {
        if (d->calls[i].instance == instance && !d->calls[i].over) {
            end_call(d, &d->calls[i], CALL_BROKEN, true, NULL, NULL);
        }
    }
    settle(d);
}

void driver_up(struct driver *d, unsigned instance)
{
    unsigned before = d->probed[instance];
    d->up[instance] = true;
    while (d->probed[instance] == before) {
        CU_ASSERT_FATAL(core_deadline(d->core) != CORE_NO_DEADLINE);
        uint64_t deadline = core_deadline(d->core);
        d->now_ns = deadline > d->now_ns ? deadline : d->now_ns;
        driver_tick(d);
    }
}

/* ---- clients ---- */

uint64_t driver_send_with(struct driver *d, const char *method, const char *target, const char *headers,
                          const char *body)
{
    CU_ASSERT_FATAL(d->client_count < DRIVER_MANY);
    uint64_t id = 1000 + d->client_count;
    struct driver_client *c = &d->clients[d->client_count++];
    c->id = id;
    struct http_header parsed[HEADERS_MAX];
    struct http_head head = {
        .method = str_of(method),
        .target = str_of(target),
        .headers = parsed,
        .header_count = http_headers_parse(str_of(headers), parsed, HEADERS_MAX),
        .content_length = (int64_t)strlen(body),
    };
    struct core_event event = { .kind = CORE_EV_CLIENT_HEAD };
    event.u.client_head.client = id;
    event.u.client_head.head = &head;
    event.u.client_head.loopback = !d->remote;
    event.u.client_head.peer = d->remote ? STR("192.0.2.7:4242") : STR("127.0.0.1:4242");
    step(d, &event);
    if (body[0] != '\0' && c->ended == 0) {
        struct block *block = block_copy(body, strlen(body));
        event = (struct core_event){ .kind = CORE_EV_CLIENT_BODY };
        event.u.client_body.client = id;
        event.u.client_body.body = block;
        step(d, &event);
        block_unref(block);
    }
    settle(d);
    return id;
}

uint64_t driver_send(struct driver *d, const char *method, const char *target, const char *body)
{
    return driver_send_with(d, method, target, body[0] == '\0' ? "" : "content-type: application/json\r\n",
                            body);
}

void driver_leave(struct driver *d, uint64_t client)
{
    driver_client(d, client)->left = true;
    finish_client(d, driver_client(d, client), false);
    settle(d);
}

int driver_status(struct driver *d, uint64_t client)
{
    return driver_client(d, client)->status;
}

const char *driver_answer_of(struct driver *d, uint64_t client)
{
    const char *answer = driver_client(d, client)->answer;
    return answer == NULL ? "" : answer;
}

bool driver_queued(struct driver *d, uint64_t client)
{
    const char *headers = driver_client(d, client)->headers;
    return headers != NULL && strstr(headers, "x-wal-status: queued\r\n") != NULL;
}

const char *driver_get(struct driver *d, const char *target)
{
    return driver_answer_of(d, driver_send(d, "GET", target, ""));
}

double driver_number(struct driver *d, const char *key)
{
    char quoted[64];
    (void)snprintf(quoted, sizeof(quoted), "\"%s\":", key);
    const char *at = strstr(driver_get(d, "/status"), quoted);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    return strtod(at + strlen(quoted), NULL);
}

/* ---- calls ---- */

struct driver_call *driver_next(struct driver *d, unsigned instance)
{
    for (size_t i = 0; i < d->call_count; i++) {
        struct driver_call *call = &d->calls[i];
        if (call->instance == instance && !call->over && !call->probe && !call->own) {
            return call;
        }
    }
    return NULL;
}

void driver_answer_with(struct driver *d, struct driver_call *call, int status, const char *headers,
                        const char *body)
{
    answer_now(d, call, status, headers, body);
    settle(d);
}

void driver_end(struct driver *d, struct driver_call *call, enum call_outcome outcome, bool bytes_left)
{
    end_call(d, call, outcome, bytes_left, NULL, NULL);
    settle(d);
}

void driver_command(struct driver *d, struct core_event *event)
{
    event->kind = CORE_EV_COMMAND;
    event->u.command.ticket = ++d->commands;
    d->command_status = 0;
    step(d, event);
    settle(d);
}
