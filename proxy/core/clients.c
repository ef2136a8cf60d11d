#include "proxy/core/clients.h"

#include "base/check.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/core/access.h"
#include "proxy/core/admin_http.h"
#include "proxy/core/calls.h"
#include "proxy/core/mark.h"
#include "proxy/core/own.h"
#include "proxy/core/reads.h"
#include "proxy/core/submit.h"
#include "proxy/core/trail.h"
#include "proxy/core/writes.h"
#include <stdio.h>

#define HEAD_LIMIT     ((size_t)1 << 20)
#define REQUEST_ID_MAX 256

#define LOG_FAILED_TEXT "the write-ahead log failed: outcome unknown"

/* ---- taking the head ---- */

static bool forwarded(struct str name)
{
    static const char *const ours[] = { "host",         "content-length", "expect",
                                        "content-type", "x-request-id",   "accept-encoding" };
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (str_equal_nocase(name, str_of(ours[i]))) {
            return false;
        }
    }
    return !http_header_is_hop_by_hop(name);
}

static struct str take_slice(const struct block *block, size_t *at, size_t size)
{
    struct str s = str_make(block->data + *at, size);
    *at += size;
    return s;
}

/* The event's head is borrowed: what is needed later is copied into one block. */
static bool copy_head(struct core *core, struct client *client, const struct http_head *head, struct str peer)
{
    struct str type = http_header_find(head->headers, head->header_count, "content-type");
    struct str id = http_header_find(head->headers, head->header_count, "x-request-id");
    char minted[24];
    if (id.size == 0 || id.size > REQUEST_ID_MAX) {
        (void)snprintf(minted, sizeof(minted), "wp-%016llx", (unsigned long long)prng_next(&core->prng));
        id = str_of(minted);
    }
    struct buf b;
    buf_init(&b, HEAD_LIMIT);
    buf_append_str(&b, head->method);
    buf_append_str(&b, head->target);
    buf_append_str(&b, type);
    buf_append_str(&b, id);
    buf_append_str(&b, peer);
    size_t fixed = b.size;
    for (size_t i = 0; i < head->header_count; i++) {
        if (!client->is_own && forwarded(head->headers[i].name)) {
            http_headers_write(&b, &head->headers[i], 1);
        }
    }
    size_t lines = b.size - fixed;
    client->head = block_from_buf(&b);
    buf_deinit(&b);
    if (client->head == NULL) {
        return false;
    }
    size_t at = 0;
    client->method = take_slice(client->head, &at, head->method.size);
    client->target = take_slice(client->head, &at, head->target.size);
    client->content_type = take_slice(client->head, &at, type.size);
    client->request_id = take_slice(client->head, &at, id.size);
    client->peer = take_slice(client->head, &at, peer.size);
    client->header_lines = take_slice(client->head, &at, lines);
    client->route = chroma_route(client->method, client->target, true);
    return true;
}

struct client *client_find(struct core *core, uint64_t id)
{
    struct client *client = NULL;
    HASH_FIND(hh, core->clients, &id, sizeof(id), client);
    return client;
}

static void too_large(struct core *core, struct client *client)
{
    enum chroma_op op = client->route.op;
    if (op == OP_ADD || op == OP_UPSERT || op == OP_UPDATE || op == OP_QUERY) {
        struct block *body = block_copy("Payload too large", 17);
        client_reply(core, client, 413, client_headers(client, NULL, false, 0), body);
        return;
    }
    client_reply_error(core, client, 413, "ChromaError",
                       "Failed to buffer the request body: length limit exceeded", 0);
}

void client_head(struct core *core, const struct core_event *event)
{
    const struct http_head *head = event->u.client_head.head;
    struct client *client = mem_alloc(sizeof(*client));
    client->id = event->u.client_head.client;
    client->began_ns = core->now_ns;
    client->wish = INSTANCE_NONE;
    timer_init(&client->timer, TIMER_CLIENT, 0, client);
    CHECK(client_find(core, client->id) == NULL);
    HASH_ADD(hh, core->clients, id, sizeof(client->id), client);
    core->stats.requests++;
    client->target = head->target; /* borrowed until it is copied */
    bool admin = admin_http_is(client);
    client->is_own = admin || own_is(client);
    if (!copy_head(core, client, head, event->u.client_head.peer)) {
        client->target = STR("");
        client_reply_error(core, client, 431, "ChromaError", "Request head too large", 0);
        return;
    }
    enum access what = admin ? ACCESS_ADMIN : client->is_own ? own_access(client) : ACCESS_ALL;
    if (!access_allows(core, client, what, head, event->u.client_head.loopback)) {
        if (admin) {
            trail_refused(core, client);
        }
        return;
    }
    if (client->is_own && !admin) {
        own_answer(core, client);
        return;
    }
    if (core->draining) {
        client_reply_error(core, client, 503, "ServiceUnavailable", "walproxy is shutting down", 1);
        return;
    }
    if (head->content_length > 0 && (uint64_t)head->content_length > core->settings.max_body_bytes) {
        too_large(core, client);
        return;
    }
    if (head->content_length == 0) {
        client->stage = STAGE_COLLECT;
        client_route(core, client);
        return;
    }
    client->stage = STAGE_COLLECT;
    struct core_action *action = core_push(core, CORE_ACT_COLLECT);
    action->u.collect.client = client->id;
    action->u.collect.limit = core->settings.max_body_bytes;
}

void client_body(struct core *core, const struct core_event *event)
{
    struct client *client = client_find(core, event->u.client_body.client);
    if (client == NULL || client->stage != STAGE_COLLECT) {
        return; /* it left, or was answered early */
    }
    if (event->u.client_body.too_large) {
        too_large(core, client);
    } else if (event->u.client_body.failed) {
        client_reply_error(core, client, 503, "ServiceUnavailable", "no memory for this request", 1);
    } else {
        client->body = block_ref(event->u.client_body.body);
        client_route(core, client);
    }
}

/* The client's whole budget; rule 28 stretches it where timeouts are stretched. */
static void start_budget(struct core *core, struct client *client)
{
    uint64_t budget_ns = core->settings.request_timeout_ns;
    uint64_t least_ns = 3 * call_timeout_floor(core, 0);
    client->deadline_ns = core->now_ns + (budget_ns < least_ns ? least_ns : budget_ns);
    timer_set(core, &client->timer, client->deadline_ns);
}

void client_route(struct core *core, struct client *client)
{
    if (admin_http_is(client)) {
        admin_http(core, client);
        return;
    }
    if (client->deadline_ns == 0) {
        start_budget(core, client);
    }
    if (mark_hides(client->route.tenant)) {
        client_reply_error(core, client, 404, "NotFoundError", "Tenant [" MARK_TENANT "] not found", 0);
        return;
    }
    client->is_write = chroma_op_is_write(client->route.op);
    if (client->is_write) {
        submit_write(core, client);
    } else {
        read_route(core, client);
    }
}

/* ---- the end of a ticket ---- */

static void client_free(struct core *core, struct client *client)
{
    timer_stop(core, &client->timer);
    if (client->is_waiting) {
        TAILQ_REMOVE(&core->waiting, client, waiting);
    }
    HASH_DEL(core->clients, client);
    block_unref(client->head);
    block_unref(client->body);
    block_unref(client->reply_headers);
    block_unref(client->reply_body);
    mem_free(client);
}

/* A logged write is carried out whether or not its client stayed (rule 18). */
void client_done(struct core *core, uint64_t id, bool delivered)
{
    struct client *client = client_find(core, id);
    if (client == NULL) {
        return;
    }
    if (client->entry != NULL) {
        client->entry->near->client = 0;
    }
    if (!delivered) {
        tally_undelivered(core);
    }
    read_forget(core, client);
    client_free(core, client);
}

static void reply_kept(struct core *core, struct client *client)
{
    struct block *headers = client->reply_headers;
    struct block *body = client->reply_body;
    client->reply_headers = NULL;
    client->reply_body = NULL;
    client_reply(core, client, client->reply_status, headers, body);
}

void client_timed_out(struct core *core, struct client *client)
{
    switch (client->stage) {
        case STAGE_WAIT:
            if (client->entry != NULL && client->entry->fate == FATE_UNDECIDED) {
                submit_out_of_time(core, client->entry);
            }
            break;
        case STAGE_DONE:
            reply_kept(core, client); /* it was held back */
            break;
        case STAGE_LEARN:
        case STAGE_READ:
        case STAGE_PARKED:
            read_out_of_time(core, client);
            break;
        case STAGE_HEAD:
        case STAGE_COLLECT:
        case STAGE_RELAY:
        case STAGE_REPLYING:
        case STAGE_ADMIN:
            break; /* slow clients are the adapter's to bound; an answer under way goes on */
    }
}

/* ---- answers ---- */

/* more: a whole line, NULL = none */
static struct block *own_headers(const struct client *client, const char *content_type,
                                 const char *wal_status, unsigned retry_after_s, const char *more)
{
    struct buf b;
    buf_init(&b, HEAD_LIMIT);
    if (more != NULL) {
        buf_append_text(&b, more);
    }
    if (content_type != NULL) {
        buf_printf(&b, "content-type: %s\r\n", content_type);
    }
    if (client->request_id.size > 0) {
        buf_append_text(&b, "x-request-id: ");
        buf_append_str(&b, client->request_id);
        buf_append_text(&b, "\r\n");
    }
    if (wal_status != NULL) {
        buf_printf(&b, "x-wal-status: %s\r\n", wal_status);
    }
    if (retry_after_s > 0) {
        buf_printf(&b, "retry-after: %u\r\n", retry_after_s);
    }
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    return block;
}

struct block *client_headers(const struct client *client, const char *content_type, bool queued,
                             unsigned retry_after_s)
{
    return own_headers(client, content_type, queued ? "queued" : NULL, retry_after_s, NULL);
}

struct block *client_headers_of_promise(const struct client *client)
{
    return own_headers(client, "application/json", "durable", 0, NULL);
}

void client_reply(struct core *core, struct client *client, int status, struct block *headers,
                  struct block *body)
{
    CHECK(client->stage != STAGE_REPLYING && client->stage != STAGE_RELAY);
    client->stage = STAGE_REPLYING;
    timer_stop(core, &client->timer);
    tally_answer(core, client, status);
    struct core_action *action = core_push(core, CORE_ACT_REPLY);
    action->u.reply.client = client->id;
    action->u.reply.status = status;
    action->u.reply.headers = headers;
    action->u.reply.body = body;
}

/* The log is filling up: clients that wait for their answers slow down (rule 20); never beyond their budget.
 */
static void hold_back(struct core *core, struct client *client)
{
    core->tally.held_back++;
    timer_set(core, &client->timer,
              client->hold_ns < client->deadline_ns ? client->hold_ns : client->deadline_ns);
}

void client_reply_when_durable(struct core *core, struct client *client, uint64_t lsn, int status,
                               struct block *headers, struct block *body)
{
    bool durable = lsn <= core->durable_lsn || MUTANT(core, MUTANT_ACK_BEFORE_DURABLE);
    if (durable && client->hold_ns <= core->now_ns) {
        client_reply(core, client, status, headers, body);
        return;
    }
    if (core->log_failed) {
        block_unref(headers);
        block_unref(body);
        client_reply_error(core, client, 503, "LogFailed", LOG_FAILED_TEXT, 0);
        return;
    }
    CHECK(!client->is_waiting);
    client->stage = STAGE_DONE;
    timer_stop(core, &client->timer);
    client->reply_lsn = lsn;
    client->reply_status = status;
    client->reply_headers = headers;
    client->reply_body = body;
    if (durable) {
        hold_back(core, client);
        return;
    }
    client->is_waiting = true;
    TAILQ_INSERT_TAIL(&core->waiting, client, waiting);
}

static void stop_waiting(struct core *core, struct client *client)
{
    TAILQ_REMOVE(&core->waiting, client, waiting);
    client->is_waiting = false;
}

void client_flush_durable(struct core *core)
{
    struct client *client;
    while ((client = TAILQ_FIRST(&core->waiting)) != NULL && client->reply_lsn <= core->durable_lsn) {
        stop_waiting(core, client);
        if (client->hold_ns > core->now_ns) {
            hold_back(core, client);
        } else {
            reply_kept(core, client);
        }
    }
}

static struct block *error_body(const char *error, const char *message)
{
    struct buf b;
    buf_init(&b, HEAD_LIMIT);
    struct json_writer w;
    json_writer_init(&w, &b, 0);
    json_object_begin(&w);
    json_pair_text(&w, "error", error);
    json_pair_text(&w, "message", message);
    json_object_end(&w);
    struct block *body = block_from_buf(&b);
    buf_deinit(&b);
    return body;
}

void client_reply_error(struct core *core, struct client *client, int status, const char *error,
                        const char *message, unsigned retry_after_s)
{
    client_reply(core, client, status, client_headers(client, "application/json", false, retry_after_s),
                 error_body(error, message));
}

void client_reply_unauthorized(struct core *core, struct client *client, const char *message)
{
    client_reply(
        core, client, 401,
        own_headers(client, "application/json", NULL, 0, "www-authenticate: Bearer realm=\"walproxy\"\r\n"),
        error_body("Unauthorized", message));
}

/* Fail-stop: nobody who waits for the log can be told yes or no. */
void clients_log_failed(struct core *core)
{
    struct client *client;
    struct client *next;
    HASH_ITER (hh, core->clients, client, next) {
        if (client->is_waiting) {
            stop_waiting(core, client);
        } else if (client->stage != STAGE_WAIT) {
            continue;
        }
        client->stage = STAGE_WAIT;
        if (client->entry != NULL) {
            client->entry->near->client = 0;
            client->entry = NULL;
        }
        client_reply_error(core, client, 503, "LogFailed", LOG_FAILED_TEXT, 0);
    }
}

void clients_free(struct core *core)
{
    struct client *client;
    struct client *next;
    HASH_ITER (hh, core->clients, client, next) {
        client_free(core, client);
    }
}
