#include "proxy/core/listing.h"

#include "base/json_scan.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/core/create.h"
#include "proxy/core/lanes.h"
#include "proxy/core/learn.h"
#include "proxy/core/resync.h"
#include "proxy/core/strands.h"
#include <stdlib.h>

#define NAME_BYTES   4096
#define NUMBER_BYTES 64

static bool about_names(const struct entry *entry)
{
    return entry->op == OP_COLLECTION_CREATE || entry->op == OP_COLLECTION_DELETE ||
           entry->op == OP_COLLECTION_UPDATE || entry->op == OP_DATABASE_CREATE ||
           entry->op == OP_DATABASE_DELETE || entry->op == OP_TENANT_CREATE;
}

bool listing_current(struct core *core, const struct client *client, unsigned i)
{
    if (client->route.tenant.size == 0 && client->route.op != OP_COLLECTION_LIST) {
        return true;
    }
    const struct instance *instance = &core->instances[i];
    if (!resync_names_readable(core, i)) {
        return false;
    }
    if (instance->pending == 0) {
        return true;
    }
    const struct name_slot *slot;
    const struct name_slot *next;
    for (slot = core->names; slot != NULL; slot = next) {
        next = slot->hh.next;
        const struct entry *head = strand_head(&slot->strand, i);
        if (slot->strand.backlog[i] > 0 && head != NULL && about_names(head)) {
            return false;
        }
    }
    return true;
}

static bool is_news(struct core *core, struct str object)
{
    struct uuid uuid;
    return learn_object_id(object, &uuid) && lane_by_uuid(core, &uuid) == NULL;
}

bool listing_is_news(struct core *core, const struct client *client, struct str body)
{
    if (client->route.op == OP_COLLECTION_GET) {
        return is_news(core, body);
    }
    struct str element;
    enum json_kind kind;
    size_t at = 0;
    while (json_scan_next(body, &at, &element, &kind)) {
        if (is_news(core, element)) {
            return true;
        }
    }
    return false;
}

void listing_learn(struct core *core, const struct client *client, unsigned i, struct str body)
{
    char tenant[NAME_BYTES];
    char database[NAME_BYTES];
    size_t tenant_size = 0;
    size_t database_size = 0;
    if (!http_percent_decode(client->route.tenant, tenant, sizeof(tenant), &tenant_size) ||
        !http_percent_decode(client->route.database, database, sizeof(database), &database_size)) {
        return;
    }
    struct str t = str_make(tenant, tenant_size);
    struct str d = str_make(database, database_size);
    if (client->route.op == OP_COLLECTION_GET) {
        learn_object(core, i, t, d, body);
        return;
    }
    if (!learn_is_listing(body, true)) {
        return;
    }
    if (listing_current(core, client, i)) {
        create_listed(core, t, d);
    }
    struct str element;
    enum json_kind kind;
    size_t at = 0;
    while (json_scan_next(body, &at, &element, &kind)) {
        learn_object(core, i, t, d, element);
    }
}

struct row {
    struct uuid id;
    struct str text;
};

static int by_id(const void *a, const void *b)
{
    const struct row *left = a;
    const struct row *right = b;
    return memcmp(left->id.bytes, right->id.bytes, sizeof(left->id.bytes));
}

/* As Chroma reads it: digits, perhaps behind a plus, no more than fit into 32 bits.  Absent: the fallback. */
static bool parameter(const struct client *client, const char *name, uint64_t fallback, uint64_t *value)
{
    char decoded[NUMBER_BYTES];
    size_t size = 0;
    struct str text = http_query_find(client->route.query, name);
    *value = fallback;
    if (text.data == NULL) {
        return true;
    }
    if (!http_percent_decode(text, decoded, sizeof(decoded), &size)) {
        return false;
    }
    text = str_make(decoded, size);
    if (size > 1 && decoded[0] == '+') {
        text = str_make(decoded + 1, size - 1);
    }
    return units_parse_u64(text, value, NULL) == 0 && *value <= UINT32_MAX;
}

bool listing_is_understood(const struct client *client)
{
    uint64_t value;
    return parameter(client, "offset", 0, &value) && parameter(client, "limit", 0, &value);
}

struct block *listing_slice(const struct client *client, struct str body)
{
    struct row *rows = NULL;
    size_t count = 0;
    size_t capacity = 0;
    struct str element;
    enum json_kind kind;
    size_t at = 0;
    while (json_scan_next(body, &at, &element, &kind)) {
        if (count == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            rows = mem_realloc(rows, capacity * sizeof(*rows));
        }
        memset(&rows[count].id, 0, sizeof(rows[count].id));
        (void)learn_object_id(element, &rows[count].id);
        rows[count++].text = element;
    }
    if (count > 1) {
        qsort(rows, count, sizeof(*rows), by_id);
    }
    uint64_t offset;
    uint64_t limit;
    (void)parameter(client, "offset", 0, &offset);
    (void)parameter(client, "limit", UINT64_MAX, &limit);
    struct buf b;
    buf_init(&b, body.size + 16);
    buf_append_char(&b, '[');
    for (size_t i = 0; i < count; i++) {
        if (i >= offset && i - offset < limit) {
            if (i > offset) {
                buf_append_char(&b, ',');
            }
            buf_append_str(&b, rows[i].text);
        }
    }
    buf_append_char(&b, ']');
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    mem_free(rows);
    return block;
}
