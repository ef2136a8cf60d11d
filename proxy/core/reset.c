#include "proxy/core/reset.h"

#include "proxy/core/calls.h"
#include "proxy/core/clients.h"
#include "proxy/core/health.h"
#include "proxy/core/lanes.h"
#include "proxy/core/learn.h"
#include "proxy/core/records.h"
#include "proxy/core/resync.h"
#include "proxy/core/writes.h"

bool reset_is_on(const struct core *core)
{
    return core->reset_turn > 0;
}

static bool all_is_quiet(const struct core *core)
{
    bool quiet = core->entries.live == 0 && resync_is_idle(core) && !reset_is_on(core);
    for (unsigned i = 0; i < core->instance_count; i++) {
        quiet = quiet && health_can_send(core, i);
    }
    return quiet;
}

/* turn 1 is the primary's. */
static unsigned instance_of(const struct core *core, unsigned turn)
{
    return (core->primary + turn - 1) % core->instance_count;
}

static void ask(struct core *core, const struct client *client)
{
    struct call_spec spec = {
        .kind = CALL_RESET,
        .instance = instance_of(core, core->reset_turn),
        .method = STR("POST"),
        .target = STR("/api/v2/reset"),
        .by_client = client != NULL,
        .header_lines = client == NULL ? STR("") : client->header_lines,
        .fresh = true,
        .answer_limit = ANSWER_LIMIT_SMALL,
        .timeout_ns = call_timeout_floor(core, core->settings.request_timeout_ns),
    };
    struct call *call = call_start(core, &spec);
    call->client = core->reset_client;
}

void reset_begin(struct core *core, struct client *client)
{
    if (!all_is_quiet(core)) {
        client_reply_error(core, client, 403, "ChromaError",
                           "Reset is refused by walproxy: all instances have to be up, with nothing pending",
                           0);
        return;
    }
    core->reset_client = client->id;
    core->reset_turn = 1;
    client->stage = STAGE_WAIT;
    ask(core, client);
}

/* What was there is no more, by name and by id; recorded, so that a restart does not look for it. */
static void everything_died(struct core *core)
{
    struct lane *lane;
    struct lane *next;
    HASH_ITER (by_birth, core->lanes, lane, next) {
        if (!lane->dead) {
            lane_die(core, lane, core->next_lsn);
            (void)lane_record(core, lane, true);
        }
    }
}

static void over(struct core *core, struct client *client, int status, struct block *headers,
                 struct block *body)
{
    core->reset_turn = 0;
    if (client == NULL) {
        block_unref(headers);
        block_unref(body);
        return;
    }
    client_reply(core, client, status, headers, body);
}

void reset_end(struct core *core, struct call *call, const struct core_event *event)
{
    struct client *client = client_find(core, call->client);
    const struct http_head *head = event->u.call_end.head;
    bool answered = event->u.call_end.outcome == CALL_ANSWERED && head != NULL;
    bool first = core->reset_turn == 1;
    if (first && answered && head->status != 200) {
        over(core, client, head->status, client == NULL ? NULL : learn_answer_headers(client, head, false),
             block_ref(event->u.call_end.body));
        return;
    }
    health_lost(core, call->instance, "it was reset"); /* its mark is gone with the rest */
    if (first) {
        everything_died(core);
    }
    if (!answered || head->status != 200) {
        resync_instance(core, call->instance);
        core->reset_turn = 0;
        if (client != NULL) {
            client_reply_error(core, client, 503, "ServiceUnavailable", "reset: outcome unknown", 1);
        }
        return;
    }
    if (core->reset_turn < core->instance_count) {
        core->reset_turn++;
        ask(core, client);
        return;
    }
    over(core, client, 200, client == NULL ? NULL : client_headers(client, "application/json", false, 0),
         block_copy("true", 4));
}
