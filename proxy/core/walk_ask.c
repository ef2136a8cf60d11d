/* What a walk asks of the instances: one request a step. */
#include "base/memory.h"
#include "proxy/core/learn.h"
#include "proxy/core/walk.h"

#define IDS_ROWS     1000
#define ADD_BYTES    ((size_t)4 << 20)
#define ANSWER_LIMIT ((uint64_t)256 << 20)
#define TARGET_LIMIT ((size_t)1 << 20)

static void ask_collection(struct core *core, unsigned i, const char *verb, struct block *body)
{
    const struct lane *lane = core->resync->lane;
    char id[UUID_TEXT_SIZE + 1];
    struct buf target;
    uuid_format(&lane->ids[i], id);
    buf_init(&target, TARGET_LIMIT);
    learn_collection_target(&target, lane, str_of(id));
    buf_append_text(&target, verb);
    resync_ask(core, i, body == NULL ? "GET" : "POST", buf_str(&target), body, ANSWER_LIMIT);
    buf_deinit(&target);
}

static void ask_name(struct core *core, unsigned i, const char *method)
{
    const struct lane *lane = core->resync->lane;
    struct buf target;
    buf_init(&target, TARGET_LIMIT);
    learn_collection_target(&target, lane, lane->name);
    resync_ask(core, i, method, buf_str(&target), NULL, ANSWER_LIMIT);
    buf_deinit(&target);
}

static void ask_metadata(struct core *core, struct str metadata)
{
    const struct resync *r = core->resync;
    char id[UUID_TEXT_SIZE + 1];
    struct buf target;
    struct buf body;
    uuid_format(&r->lane->ids[r->target], id);
    buf_init(&target, TARGET_LIMIT);
    buf_init(&body, ANSWER_LIMIT);
    learn_collection_target(&target, r->lane, str_of(id));
    buf_append_text(&body, "{\"new_metadata\":");
    buf_append_str(&body, metadata);
    buf_append_char(&body, '}');
    resync_ask(core, r->target, "PUT", buf_str(&target), block_from_buf(&body), ANSWER_LIMIT);
    buf_deinit(&target);
    buf_deinit(&body);
}

static void ask_create(struct core *core)
{
    const struct resync *r = core->resync;
    struct buf target;
    buf_init(&target, TARGET_LIMIT);
    learn_collection_target(&target, r->lane, STR(""));
    target.size--; /* without the slash before the name */
    resync_ask(core, r->target, "POST", buf_str(&target),
               learn_create_body(block_str(r->walk->object), false), ANSWER_LIMIT);
    buf_deinit(&target);
}

static void ask_add(struct core *core)
{
    struct walk *w = core->resync->walk;
    struct block *body;
    size_t end = w->one_by_one ? w->added + 1 : w->todo_count;
    w->adding = w->added;
    w->added = rows_add_body(w->todo, w->adding, end, ADD_BYTES, &body);
    ask_collection(core, core->resync->target, "/add", body);
}

static void ask_dimension(struct core *core)
{
    const struct walk *w = core->resync->walk;
    bool add = w->step == STEP_DIMENSION;
    struct buf b;
    buf_init(&b, ANSWER_LIMIT);
    buf_append_text(&b, "{\"ids\":[\"walproxy-dimension\"]");
    for (uint64_t i = 0; add && i < w->dimension; i++) {
        buf_append_text(&b, i == 0 ? ",\"embeddings\":[[0.0" : ",0.0");
    }
    buf_append_text(&b, add ? "]]}" : "}");
    ask_collection(core, core->resync->target, add ? "/add" : "/delete", block_from_buf(&b));
    buf_deinit(&b);
}

/* The rows in hand, or those of the page. */
static void ask_ids(struct core *core, unsigned i, enum rows_ask ask)
{
    struct walk *w = core->resync->walk;
    if (w->hand != NULL) {
        const struct row *const *hand = (const struct row *const *)w->hand;
        ask_collection(core, i, "/get", rows_ids_body(hand, w->hand_count, ask));
        return;
    }
    const struct row **list = mem_alloc_array(w->page.count + 1, sizeof(*list));
    for (size_t k = 0; k < w->page.count; k++) {
        list[k] = &w->page.list[k];
    }
    ask_collection(core, i, "/get", rows_ids_body(list, w->page.count, ask));
    mem_free(list);
}

void walk_ask(struct core *core)
{
    struct resync *r = core->resync;
    struct walk *w = r->walk;
    switch (w->step) {
        case STEP_DRAIN:
        case STEP_SETTLE:
            break;
        case STEP_SOURCE_OBJECT:
            ask_name(core, r->source, "GET");
            break;
        case STEP_TARGET_OBJECT:
            ask_name(core, r->target, "GET");
            break;
        case STEP_DROP:
            ask_name(core, r->target, "DELETE");
            break;
        case STEP_CREATE:
            ask_create(core);
            break;
        case STEP_METADATA:
            ask_metadata(core, learn_object_member(block_str(w->object), "metadata"));
            break;
        case STEP_COUNT:
            ask_collection(core, r->target, "/count", NULL);
            break;
        case STEP_PAGE:
            ask_collection(core, r->source, "/get", rows_page_body(w->page_rows, w->offset, ROWS_ASK_WHOLE));
            break;
        case STEP_DIMENSION:
        case STEP_DIMENSION_DELETE:
            ask_dimension(core);
            break;
        case STEP_SAME_IDS:
            ask_ids(core, r->target, ROWS_ASK_WHOLE);
            break;
        case STEP_NOTED:
            ask_ids(core, r->source, ROWS_ASK_WHOLE);
            break;
        case STEP_DELETE:
            ask_collection(core, r->target, "/delete", rows_ids_body(w->todo, w->removed, ROWS_ASK_DELETE));
            break;
        case STEP_ADD:
            ask_add(core);
            break;
        case STEP_EXTRAS:
            ask_collection(core, r->target, "/get", rows_page_body(IDS_ROWS, w->extras_offset, ROWS_ASK_IDS));
            break;
        case STEP_EXTRAS_SOURCE:
            ask_ids(core, r->source, ROWS_ASK_IDS);
            break;
        case STEP_EXTRAS_WHOLE:
            ask_collection(core, r->target, "/get", rows_ids_body(w->todo, w->todo_count, ROWS_ASK_WHOLE));
            break;
        case STEP_EXTRAS_DELETE:
            ask_collection(core, r->target, "/delete",
                           rows_ids_body(w->todo, w->todo_count, ROWS_ASK_DELETE));
            break;
    }
}
