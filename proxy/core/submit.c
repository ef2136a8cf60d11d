#include "proxy/core/submit.h"

#include "base/check.h"
#include "base/json_scan.h"
#include "proxy/core/clients.h"
#include "proxy/core/create.h"
#include "proxy/core/lanes.h"
#include "proxy/core/learn.h"
#include "proxy/core/mark.h"
#include "proxy/core/payload.h"
#include "proxy/core/promise.h"
#include "proxy/core/quota.h"
#include "proxy/core/reads.h"
#include "proxy/core/reset.h"
#include "proxy/core/trail.h"
#include "proxy/core/writes.h"
#include <stdio.h>

#define NAME_MAX_BYTES 2048

/* Decoded names live here for the length of one submission. */
struct names {
    char tenant[NAME_MAX_BYTES];
    char database[NAME_MAX_BYTES];
    char name[NAME_MAX_BYTES];
    char new_name[NAME_MAX_BYTES];
};

static bool decode(struct str raw, char *out, struct str *decoded)
{
    size_t length = 0;
    if (!http_percent_decode(raw, out, NAME_MAX_BYTES, &length)) {
        return false;
    }
    *decoded = str_make(out, length);
    return true;
}

static bool decode_member(const struct json_scan *scan, const char *key, char *out, struct str *decoded)
{
    const struct json_member *member = json_scan_find(scan, key);
    size_t length = 0;
    if (member == NULL || member->kind != JSON_STRING_VALUE ||
        !json_scan_decode(member->value, out, NAME_MAX_BYTES, &length)) {
        return false;
    }
    *decoded = str_make(out, length);
    return true;
}

/* What is surely refused, and what is not ours to replicate, goes to the primary unlogged. */
static void pass(struct core *core, struct client *client)
{
    client->is_write = false;
    read_pass(core, client);
}

/* ---- kinds of writes ---- */

/* Ids are the primary's wherever it has the collection: without its listing nobody can say "not there". */
void submit_unknown(struct core *core, struct client *client, const struct lane *lane,
                    const struct uuid *uuid)
{
    if (lane == NULL && !client->primary_listed) {
        client_reply_error(core, client, 503, "ServiceUnavailable",
                           "the primary cannot be asked whether it knows this collection", 1);
        return;
    }
    client_reply(core, client, 404, client_headers(client, "application/json", false, 0),
                 submit_not_found_body(uuid));
}

static bool has_value(const struct json_scan *scan, const char *key)
{
    const struct json_member *member = json_scan_find(scan, key);
    return member != NULL && member->kind != JSON_NULL_VALUE;
}

/* Rule 13: a repeated update or delete by filter does not converge when others came in between. */
static bool nonconvergent(const struct client *client)
{
    if (client->route.op == OP_UPDATE) {
        return true;
    }
    if (client->route.op != OP_DELETE) {
        return false;
    }
    struct json_scan scan;
    return json_scan(block_str(client->body), &scan) != 0 || scan.too_many || has_value(&scan, "where") ||
           has_value(&scan, "where_document");
}

static void submit_record_write(struct core *core, struct client *client, struct record_write *record,
                                struct names *names)
{
    struct uuid uuid;
    if (!uuid_parse(client->route.collection, &uuid)) {
        pass(core, client); /* 400 in Chroma's own words and order */
        return;
    }
    struct lane *lane = lane_by_uuid(core, &uuid);
    if (lane == NULL && !client->learned) {
        learn_collections(core, client);
        return;
    }
    if (lane == NULL || lane->dead) {
        submit_unknown(core, client, lane, &uuid);
        return;
    }
    client->lane = lane;
    record->lane = lane->birth;
    record->nonconvergent = nonconvergent(client);
    record->promised = promise_fits(core, client, lane);
    struct json_scan scan;
    if (client->route.op == OP_COLLECTION_UPDATE && json_scan(block_str(client->body), &scan) == 0) {
        (void)decode_member(&scan, "new_name", names->new_name, &record->new_name);
    }
    if (!mutant_drops_unlogged(core, client) && quota_admits(core, client, record)) {
        writes_begin(core, client, record);
    }
}

static void submit_create(struct core *core, struct client *client, struct record_write *record,
                          struct names *names)
{
    struct json_scan scan;
    if (json_scan(block_str(client->body), &scan) != 0 || !scan.is_object || scan.repeated_key ||
        !decode_member(&scan, "name", names->name, &record->name)) {
        pass(core, client);
        return;
    }
    const struct json_member *flag = json_scan_find(&scan, "get_or_create");
    record->get_or_create = flag != NULL && str_equal(flag->value, STR("true"));
    if (quota_admits(core, client, record)) {
        writes_begin(core, client, record);
    }
}

static void submit_delete(struct core *core, struct client *client, struct record_write *record,
                          struct names *names)
{
    if (!decode(client->route.collection, names->name, &record->name)) {
        pass(core, client);
        return;
    }
    struct name_slot *slot = name_find(core, record->tenant, record->database, record->name);
    if ((slot == NULL || slot->lane == NULL) && !client->learned) {
        learn_collections(core, client); /* so that its lane, if there is one, is known */
        return;
    }
    bool unknown = slot == NULL || (slot->lane == NULL && slot->strand.count == 0);
    if (unknown && client->listing_seen) {
        char message[NAME_MAX_BYTES + 64];
        (void)snprintf(message, sizeof(message), "Collection [%.*s] does not exists", STR_ARGS(record->name));
        client_reply_error(core, client, 404, "NotFoundError", message, 0);
        return;
    }
    record->lane = slot == NULL || slot->lane == NULL ? 0 : slot->lane->birth;
    if (quota_admits(core, client, record)) {
        writes_begin(core, client, record);
    }
}

/* Tenants and databases: a barrier for all that lives in them.  Creation names them in the body. */
static void submit_place(struct core *core, struct client *client, struct record_write *record,
                         struct names *names)
{
    bool tenant = client->route.op == OP_TENANT_CREATE;
    if (tenant || client->route.op == OP_DATABASE_CREATE) {
        struct json_scan scan;
        if (json_scan(block_str(client->body), &scan) != 0 ||
            !decode_member(&scan, "name", tenant ? names->tenant : names->database,
                           tenant ? &record->tenant : &record->database)) {
            pass(core, client);
            return;
        }
    }
    if (tenant && str_equal(record->tenant, STR(MARK_TENANT))) {
        client_reply_error(core, client, 409, "ChromaError", "Tenant [" MARK_TENANT "] already exists", 0);
        return;
    }
    if (quota_admits(core, client, record)) {
        writes_begin(core, client, record);
    }
}

void submit_write(struct core *core, struct client *client)
{
    struct names names;
    struct record_write record = {
        .op = (uint8_t)client->route.op,
        .wall_ms = core->wall_ms,
        .method = client->method,
        .target = client->target,
        .content_type = client->content_type,
        .request_id = client->request_id,
    };
    if (!decode(client->route.tenant, names.tenant, &record.tenant) ||
        !decode(client->route.database, names.database, &record.database)) {
        pass(core, client);
        return;
    }
    if (reset_is_on(core)) {
        client_reply_error(core, client, 503, "ServiceUnavailable", "the instances are being reset", 1);
        return;
    }
    switch ((int)client->route.op) { /* only writes get here */
        case OP_ADD:
        case OP_UPSERT:
        case OP_UPDATE:
        case OP_DELETE:
        case OP_COLLECTION_UPDATE:
            submit_record_write(core, client, &record, &names);
            break;
        case OP_COLLECTION_CREATE:
            submit_create(core, client, &record, &names);
            break;
        case OP_COLLECTION_DELETE:
            submit_delete(core, client, &record, &names);
            break;
        case OP_TENANT_CREATE:
        case OP_TENANT_UPDATE:
        case OP_DATABASE_CREATE:
        case OP_DATABASE_DELETE:
            submit_place(core, client, &record, &names);
            break;
        case OP_RESET:
            reset_begin(core, client);
            break;
        default: /* a fork: known, but not replicated (rule 24) */
            core->stats.unreplicated++;
            trail_unreplicated(core, client);
            pass(core, client);
            break;
    }
}

/* ---- deciding without an instance ---- */

struct block *submit_not_found_body(const struct uuid *uuid)
{
    char id[UUID_TEXT_SIZE + 1];
    uuid_format(uuid, id);
    struct buf b;
    buf_init(&b, 4096);
    buf_printf(&b, "{\"error\":\"NotFoundError\",\"message\":\"Collection [%s] does not exists.\"}", id);
    struct block *body = block_from_buf(&b);
    buf_deinit(&b);
    return body;
}

static void refuse(struct core *core, struct entry *entry, int status, struct block *body)
{
    struct client *client = writes_client(core, entry);
    struct decision decision = {
        .by = PROXY_DECIDES,
        .status = status,
        .headers =
            client == NULL ? NULL : client_headers(client, "application/json", false, status == 503 ? 1 : 0),
        .body = body,
        .reason = block_str(body),
    };
    entry_reject(core, entry, &decision);
}

static struct block *error_body(const char *error, const char *message)
{
    struct buf b;
    buf_init(&b, 4096);
    buf_printf(&b, "{\"error\":\"%s\",\"message\":\"%s\"}", error, message);
    struct block *body = block_from_buf(&b);
    buf_deinit(&b);
    return body;
}

static bool gone_everywhere(const struct core *core, const struct lane *lane)
{
    for (unsigned i = 0; i < core->instance_count; i++) {
        if (!lane->faulty[i]) {
            return false;
        }
    }
    return true;
}

/* Nobody looked at this write: what Chroma would surely refuse is refused here, so that it is not
 * promised now and found dead at replay. */
bool submit_plainly_wrong(const struct entry *entry)
{
    if (!payload_is_here(entry)) {
        return entry->near->plainly_wrong;
    }
    struct json_scan scan;
    return writes_by_uuid((enum chroma_op)entry->op) &&
           (json_scan(block_str(entry->near->body), &scan) != 0 || !scan.is_object);
}

/* May some instance have applied it, or be about to? Then a no would be a lie. */
static bool maybe_applied(const struct core *core, const struct entry *entry)
{
    for (unsigned i = 0; i < core->instance_count; i++) {
        if (entry->maybe_sent[i] || entry->at[i] == AT_SENT) {
            return true;
        }
    }
    return false;
}

/* Some instance may yet be able to take it before the client's budget is over. */
static bool worth_waiting(struct core *core, const struct entry *entry)
{
    const struct client *client = writes_client(core, entry);
    if (client == NULL || core->now_ns >= client->deadline_ns || core->log_failed) {
        return false;
    }
    for (unsigned i = 0; i < core->instance_count; i++) {
        if (core->instances[i].state == INSTANCE_UP || core->instances[i].state == INSTANCE_SUSPECT) {
            return true;
        }
    }
    return false;
}

static bool alone_may_create(struct core *core, struct entry *entry)
{
    struct decision decision = { 0 };
    struct client *client = writes_client(core, entry);
    bool nobody = core->settings.when_none_up == WHEN_NONE_UP_QUEUE && !worth_waiting(core, entry);
    if (!nobody || !create_alone(core, entry, &decision)) {
        return false;
    }
    bool yes = decision.status < 300;
    decision.headers = client == NULL ? NULL : client_headers(client, "application/json", yes, 0);
    if (yes) {
        entry_accept(core, entry, &decision);
    } else {
        entry_reject(core, entry, &decision);
    }
    return true;
}

/* As Chroma would say it.  client NULL: nobody is told. */
static void accept_alone(struct core *core, struct entry *entry, const struct client *client)
{
    struct decision decision = {
        .by = PROXY_DECIDES,
        .status = entry->op == OP_ADD ? 201 : 200,
        .headers = client == NULL          ? NULL
                   : entry->near->promised ? client_headers_of_promise(client)
                                           : client_headers(client, "application/json", true, 0),
        .body = client == NULL ? NULL : block_copy("{}", 2),
    };
    entry_accept(core, entry, &decision);
}

void submit_decide_alone(struct core *core, struct entry *entry)
{
    if (entry->near->promised) {
        accept_alone(core, entry, writes_client(core, entry));
        return;
    }
    bool maybe = maybe_applied(core, entry);
    if (!maybe && entry->lane != NULL && gone_everywhere(core, entry->lane)) {
        refuse(core, entry, 404, submit_not_found_body(&entry->lane->logical));
        return;
    }
    if (!maybe && submit_plainly_wrong(entry)) {
        refuse(core, entry, 400,
               error_body("InvalidArgumentError", "Failed to parse the request body as JSON"));
        return;
    }
    if (!maybe && entry->op == OP_COLLECTION_CREATE && alone_may_create(core, entry)) {
        return;
    }
    /* Whether a name is taken, or there at all, is an instance's to say. */
    bool by_name =
        entry->op == OP_COLLECTION_CREATE || (entry->op == OP_COLLECTION_DELETE && entry->lane == NULL);
    bool queueable = core->settings.when_none_up == WHEN_NONE_UP_QUEUE && !by_name;
    if (!maybe && !queueable && worth_waiting(core, entry)) {
        entry_wait(core, entry);
        return;
    }
    if (!maybe && !queueable) {
        refuse(core, entry, 503, error_body("ServiceUnavailable", "no instance can take this write now"));
        return;
    }
    struct client *client = writes_client(core, entry);
    if (client != NULL && !queueable) {
        /* Carried out all the same, but not promised. */
        client->entry = NULL;
        entry->near->client = 0;
        client_reply_error(core, client, 503, "ServiceUnavailable", "no answer in time: outcome unknown", 1);
        client = NULL;
    }
    accept_alone(core, entry, client);
}

void submit_unreadable(struct core *core, struct entry *entry)
{
    if (!maybe_applied(core, entry)) {
        refuse(core, entry, 503,
               error_body("LogFailed", "this write could not be read back from the write-ahead log"));
    }
}

void submit_out_of_time(struct core *core, struct entry *entry)
{
    entry->near->asker = INSTANCE_NONE;
    if (entry->near->waits) {
        entry_ask(core, entry); /* nobody: decided alone, for the time is over */
        return;
    }
    submit_decide_alone(core, entry);
}
