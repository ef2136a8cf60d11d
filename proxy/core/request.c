#include "proxy/core/request.h"

#include "base/check.h"
#include "base/memory.h"
#include "proxy/core/batch.h"
#include "proxy/core/calls.h"
#include "proxy/core/learn.h"
#include "proxy/core/payload.h"
#include "proxy/core/records.h"
#include "proxy/core/writes.h"

#define TARGET_LIMIT ((size_t)1 << 20)

static struct str base_target(const struct core *core, struct buf *out, const struct record_write *record,
                              const struct lane *lane, unsigned i)
{
    struct chroma_route route = chroma_route(record->method, record->target, true);
    if (!writes_by_uuid((enum chroma_op)record->op) && !route.short_path) {
        return record->target;
    }
    struct str collection = route.collection;
    char id[UUID_TEXT_SIZE + 1];
    if (lane != NULL && writes_by_uuid((enum chroma_op)record->op)) {
        bool wrong = MUTANT(core, MUTANT_WRONG_UUID) && i == core->primary;
        uuid_format(wrong ? &lane->logical : &lane->ids[i], id);
        collection = str_of(id);
    }
    learn_build_target(out, &route, collection);
    return buf_str(out);
}

static struct call *start_batch(struct core *core, unsigned i, struct block *body)
{
    const struct batch *batch = &core->batch;
    const struct entry *head = batch->members[0];
    struct record_write record;
    CHECK(record_write_decode(block_str(head->near->meta), &record));
    const struct client *client = head->fate == FATE_UNDECIDED ? writes_client(core, head) : NULL;
    struct buf target;
    struct buf request_id;
    buf_init(&target, TARGET_LIMIT);
    buf_init(&request_id, TARGET_LIMIT);
    batch_request_id(batch, &request_id);
    struct call_spec spec = {
        .kind = CALL_WRITE,
        .instance = i,
        .method = record.method,
        .target = base_target(core, &target, &record, head->lane, i),
        .content_type = record.content_type,
        .request_id = buf_str(&request_id),
        .by_client = client != NULL,
        .header_lines = client == NULL ? STR("") : client->header_lines,
        .body = body,
        .fresh = batch->any_repeated,
        .answer_limit = ANSWER_LIMIT_SMALL,
        .timeout_ns = batch->any_undecided ? call_first_timeout(core, body == NULL ? 0 : body->size)
                                           : call_timeout_floor(core, core->settings.request_timeout_ns),
    };
    struct call *call = call_start(core, &spec);
    buf_deinit(&target);
    buf_deinit(&request_id);
    return call;
}

void request_write(struct core *core, unsigned i)
{
    struct batch *batch = &core->batch;
    struct instance *instance = &core->instances[i];
    bool alone;
    struct block *body = batch_body(batch, &alone);
    if (alone && batch->count > 1) {
        batch_single(core, batch->members[0], i); /* no memory for a joined one */
    }
    struct call *call = start_batch(core, i, body);
    block_unref(body);
    call->member_count = batch->count;
    call->members = mem_alloc_array(batch->count, sizeof(struct entry *));
    for (size_t k = 0; k < batch->count; k++) {
        call->members[k] = batch->members[k];
        call->members[k]->at[i] = AT_SENT;
        call->members[k]->near->checked[i] = false;
        payload_hold(core, call->members[k]);
    }
    call->was_replay = batch->any_accepted;
    call->was_ambiguous = batch->any_repeated;
    instance->writes_in_flight++;
    instance->replays_in_flight += call->was_replay ? 1 : 0;
    instance->ambiguous_in_flight += call->was_ambiguous ? 1 : 0;
}

/* Rule 2.  A lane is fenced by an add without ids to its collection.  A name has no collection to add to:
 * what stands before it in the same store is waited for by a write of a tenant that nobody has, which changes
 * nothing either. */
void request_fence(struct core *core, struct strand *strand, unsigned i)
{
    static const char add_text[] = "{\"ids\":[],\"embeddings\":[]}";
    static const char patch_text[] = "{\"resource_name\":\"fence\"}";
    struct lane *lane = strand->lane;
    struct buf target;
    buf_init(&target, TARGET_LIMIT);
    if (lane != NULL) {
        char id[UUID_TEXT_SIZE + 1];
        uuid_format(&lane->ids[i], id);
        learn_collection_target(&target, lane, str_of(id));
        buf_append_text(&target, "/add");
    } else {
        buf_append_text(&target, "/api/v2/tenants/walproxy-fence");
    }
    struct block *body = lane != NULL ? block_copy(add_text, sizeof(add_text) - 1)
                                      : block_copy(patch_text, sizeof(patch_text) - 1);
    CHECK(body != NULL);
    struct call_spec spec = {
        .kind = CALL_FENCE,
        .instance = i,
        .method = lane != NULL ? STR("POST") : STR("PATCH"),
        .target = buf_str(&target),
        .content_type = STR("application/json"),
        .body = body,
        .fresh = true,
        .answer_limit = ANSWER_LIMIT_SMALL,
        .timeout_ns = call_timeout_floor(core, core->settings.request_timeout_ns),
    };
    struct call *call = call_start(core, &spec);
    block_unref(body);
    buf_deinit(&target);
    call->strand = strand;
    strand->fence_sent[i] = true;
    core->instances[i].ambiguous_in_flight++;
}
