#include "proxy/core/create.h"

#include "base/check.h"
#include "base/json_scan.h"
#include "base/json_writer.h"
#include "proxy/core/clients.h"
#include "proxy/core/lanes.h"
#include "proxy/core/strands.h"

#define OBJECT_LIMIT ((size_t)1 << 20)
#define NAME_LEAST   3
#define NAME_MOST    512
#define HNSW_USUAL                                                                      \
    "{\"space\":\"l2\",\"ef_construction\":100,\"ef_search\":100,\"max_neighbors\":16," \
    "\"resize_factor\":1.2,\"sync_threshold\":1000}"

void create_listed(struct core *core, struct str tenant, struct str database)
{
    name_get(core, tenant, database, STR(""))->listed = true;
}

void create_unlisted(struct core *core, struct str tenant, struct str database)
{
    struct name_slot *place = name_find(core, tenant, database, STR(""));
    if (place != NULL) {
        place->listed = false;
    }
}

void create_remember(struct lane *lane, struct block *object)
{
    block_ref(object);
    block_unref(lane->object);
    lane->object = object;
}

/* ---- what Chroma would take ---- */

static bool alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool name_allowed(struct str name)
{
    size_t dots = 0;
    size_t letters = 0;
    if (name.size < NAME_LEAST || name.size > NAME_MOST || !alphanumeric(name.data[0]) ||
        !alphanumeric(name.data[name.size - 1])) {
        return false;
    }
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        if (!alphanumeric(c) && c != '.' && c != '_' && c != '-') {
            return false;
        }
        if (c == '.' && name.data[i + 1] == '.') {
            return false;
        }
        dots += c == '.' ? 1 : 0;
        letters += c != '.' && (c < '0' || c > '9') ? 1 : 0;
    }
    return !(dots == 3 && letters == 0); /* an address */
}

static bool metadata_allowed(struct str text)
{
    struct json_member member;
    size_t at = 0;
    size_t count = 0;
    if (text.size == 0 || str_equal(text, STR("null"))) {
        return true;
    }
    while (json_scan_next_member(text, &at, &member)) {
        bool scalar = member.kind == JSON_STRING_VALUE || member.kind == JSON_NUMBER_VALUE ||
                      member.kind == JSON_BOOL_VALUE;
        if (!scalar) {
            return false;
        }
        count++;
    }
    return count > 0;
}

/* Nothing, or no more than an embedding function, which is echoed. */
static bool configuration_known(struct str text, struct str *function)
{
    struct json_member member;
    size_t at = 0;
    *function = STR("null");
    if (text.size == 0 || str_equal(text, STR("null"))) {
        return true;
    }
    while (json_scan_next_member(text, &at, &member)) {
        if (str_equal(member.key, STR("embedding_function"))) {
            *function = member.value;
        } else if (member.kind != JSON_NULL_VALUE) {
            return false;
        }
    }
    return text.data[0] == '{';
}

/* ---- the object ---- */

static struct str member_of(const struct json_scan *scan, const char *key)
{
    const struct json_member *member = json_scan_find(scan, key);
    return member == NULL ? STR("") : member->value;
}

static struct block *object_of(const struct record_write *record, const struct json_scan *scan,
                               const struct uuid *id, struct str function)
{
    char text[UUID_TEXT_SIZE + 1];
    struct str metadata = member_of(scan, "metadata");
    struct buf b;
    struct json_writer w;
    uuid_format(id, text);
    buf_init(&b, OBJECT_LIMIT);
    json_writer_init(&w, &b, 0);
    json_object_begin(&w);
    json_pair_text(&w, "id", text);
    json_key(&w, "name");
    json_put_str(&w, record->name);
    json_key(&w, "configuration_json");
    json_object_begin(&w);
    json_key(&w, "hnsw");
    json_put_raw(&w, STR(HNSW_USUAL));
    json_key(&w, "spann");
    json_put_null(&w);
    json_key(&w, "embedding_function");
    json_put_raw(&w, function);
    json_object_end(&w);
    json_key(&w, "metadata");
    json_put_raw(&w, metadata.size == 0 ? STR("null") : metadata);
    json_key(&w, "dimension");
    json_put_null(&w);
    json_key(&w, "tenant");
    json_put_str(&w, record->tenant);
    json_key(&w, "database");
    json_put_str(&w, record->database);
    json_pair_u64(&w, "log_position", 0);
    json_pair_u64(&w, "version", 0);
    json_object_end(&w);
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    return block;
}

/* ---- deciding ---- */

/* An older write on this name that is not decided yet. */
static bool undecided_before(const struct strand *strand, const struct entry *entry)
{
    for (uint64_t place = strand->base; place < strand_end(strand); place++) {
        const struct entry *older = strand_at(strand, place);
        if (older != NULL && older->lsn < entry->lsn && older->fate == FATE_UNDECIDED) {
            return true;
        }
    }
    return false;
}

static bool known_name(const struct record_write *record, struct lane *lane, struct decision *decision)
{
    if (!record->get_or_create) {
        struct buf b;
        buf_init(&b, OBJECT_LIMIT);
        buf_printf(&b, "{\"error\":\"ChromaError\",\"message\":\"Collection [%.*s] already exists\"}",
                   STR_ARGS(record->name));
        decision->status = 409;
        decision->body = block_from_buf(&b);
        buf_deinit(&b);
        return true;
    }
    if (lane->object == NULL) {
        return false;
    }
    decision->status = 200;
    decision->body = block_ref(lane->object);
    decision->has_uuid = true;
    decision->uuid = lane->logical;
    return true;
}

static bool unknown_name(struct core *core, const struct entry *entry, const struct record_write *record,
                         struct decision *decision)
{
    struct json_scan scan;
    struct str function;
    if (json_scan(block_str(entry->near->body), &scan) != 0 || scan.too_many || !name_allowed(record->name) ||
        !metadata_allowed(member_of(&scan, "metadata")) ||
        !configuration_known(member_of(&scan, "configuration"), &function)) {
        return false;
    }
    decision->status = 200;
    decision->has_uuid = true;
    decision->uuid = uuid_mint(&core->prng);
    decision->body = object_of(record, &scan, &decision->uuid, function);
    return decision->body != NULL;
}

bool create_alone(struct core *core, struct entry *entry, struct decision *decision)
{
    struct record_write record;
    CHECK(record_write_decode(block_str(entry->near->meta), &record));
    const struct name_slot *place = name_find(core, record.tenant, record.database, STR(""));
    const struct name_slot *slot = name_find(core, record.tenant, record.database, record.name);
    CHECK(slot != NULL); /* the entry stands in its strand */
    if (place == NULL || !place->listed || strand_head(&place->strand, core->primary) != NULL ||
        undecided_before(&slot->strand, entry)) {
        return false;
    }
    decision->by = PROXY_DECIDES;
    return slot->lane != NULL ? known_name(&record, slot->lane, decision)
                              : unknown_name(core, entry, &record, decision);
}
