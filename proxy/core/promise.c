#include "proxy/core/promise.h"

#include "proxy/core/writes.h"

#define CHROMA_BODY_MAX 41943040 /* beyond it a Chroma answers 413 (docs/chroma-wire.md) */

/* Chroma answers 415 to any other; none at all is fine. */
static bool is_json(struct str content_type)
{
    struct str rest;
    struct str type = str_trim(str_cut(content_type, ';', &rest));
    return type.size == 0 || str_equal_nocase(type, STR("application/json"));
}

static bool may_be_taken(const struct core *core, const struct lane *lane)
{
    bool any_up = false;
    bool any_has_it = false;
    for (unsigned i = 0; i < core->instance_count; i++) {
        any_up = any_up || core->instances[i].state == INSTANCE_UP;
        any_has_it = any_has_it || !lane->faulty[i];
    }
    return any_has_it && (any_up || core->settings.when_none_up == WHEN_NONE_UP_QUEUE);
}

bool promise_fits(const struct core *core, const struct client *client, const struct lane *lane)
{
    struct str body = block_str(client->body);
    struct join_part part;
    return core->settings.ack_policy == ACK_POLICY_DURABLE && writes_of_records(client->route.op) &&
           client->route.query.size == 0 && is_json(client->content_type) && body.size <= CHROMA_BODY_MAX &&
           may_be_taken(core, lane) && join_read(client->route.op, body, &part) &&
           (part.width == 0 || part.width == lane->dimension);
}
