/* The scanner of record bodies beside jansson: what it says to understand is JSON of the shape it tells, and
 * two of them joined hold the records of both, in order.
 *
 * The first byte is the operation. */
#include "base/check.h"
#include "base/json_scan.h"
#include "proxy/core/join.h"
#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[JOIN_LISTS] = { "ids", "embeddings", "metadatas", "documents", "uris" };

static json_t *load(struct str text)
{
    return json_loadb(text.data, text.size, JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK | JSON_DECODE_INT_AS_REAL,
                      NULL);
}

static void check_part(const struct join_part *part, json_t *tree)
{
    CHECK(json_is_object(tree));
    for (size_t i = 0; i < JOIN_LISTS; i++) {
        json_t *list = json_object_get(tree, names[i]);
        CHECK(part->lists[i].data == NULL || json_array_size(list) == part->records);
    }
    struct str id;
    size_t at = 0;
    size_t count = 0;
    while (join_next_id(part, &at, &id)) {
        json_t *of_tree = json_array_get(json_object_get(tree, "ids"), count++);
        json_t *alone = json_loadb(id.data, id.size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        CHECK(json_is_string(alone) && json_equal(alone, of_tree));
        json_decref(alone);
    }
    CHECK(count == part->records);
}

static void check_joined(const struct join_part *part, json_t *tree)
{
    struct join_part twice[2] = { *part, *part };
    if (!join_fits(&twice[0], &twice[1], part->width)) {
        return;
    }
    struct block *joined = join_compose(twice, 2);
    CHECK(joined != NULL);
    CHECK(joined->size <= 2 * join_size(part) + 64);
    json_t *both = load(block_str(joined));
    CHECK(json_is_object(both));
    for (size_t i = 0; i < JOIN_LISTS; i++) {
        json_t *list = json_object_get(tree, names[i]);
        json_t *long_one = json_object_get(both, names[i]);
        CHECK(part->lists[i].data == NULL || json_array_size(long_one) == 2 * part->records);
        for (size_t k = 0; part->lists[i].data != NULL && k < 2 * part->records; k++) {
            CHECK(json_equal(json_array_get(long_one, k), json_array_get(list, k % part->records)));
        }
    }
    json_decref(both);
    block_unref(joined);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum chroma_op ops[] = { OP_ADD, OP_UPSERT, OP_UPDATE, OP_DELETE };
    if (size == 0) {
        return 0;
    }
    struct str body = str_make((const char *)data + 1, size - 1);
    struct join_part part;
    struct json_scan scan;
    json_t *tree = load(body);
    bool understood = join_read(ops[data[0] % 4], body, &part);
    if (json_scan(body, &scan) == 0 && tree != NULL && scan.is_object && !scan.too_many &&
        !scan.repeated_key) {
        CHECK(json_object_size(tree) <= scan.count); /* escaped keys may turn out to be one */
    }
    if (understood &&
        tree != NULL) { /* jansson refuses what Chroma takes: numbers beyond a double, odd UTF-8 */
        check_part(&part, tree);
        if (part.records > 0) {
            check_joined(&part, tree);
        }
    }
    json_decref(tree);
    return 0;
}
