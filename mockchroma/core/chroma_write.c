/* add, upsert, update and delete of records.
 *
 * Validation is all or nothing, with the one exception the real server has: the dimension of an
 * undecided collection is fixed before the list lengths and the ids are looked at, so that a refused
 * request can fix it. */
#include "mockchroma/core/chroma_internal.h"
#include "mockchroma/core/filter.h"
#include "base/check.h"

static bool read_write(struct serde *s, enum chroma_op op, void *out)
{
    return payload_read_write(s, op, out);
}

static bool read_read(struct serde *s, enum chroma_op op, void *out)
{
    return payload_read_read(s, op, out);
}

bool handling_check_dimensions(struct handling *h, struct collection *c, const struct embedding_list *list,
                               bool fix)
{
    bool any = false;
    size_t dimension = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct embedding_row *row = &list->rows[i];
        if (!row->present) {
            continue;
        }
        if (any && row->size != dimension) {
            handling_invalid(h, "Inconsistent dimensions in provided embeddings");
            return false;
        }
        any = true;
        dimension = row->size;
    }
    if (any && c->dimension >= 0 && (uint64_t)c->dimension != dimension) {
        handling_invalid(h, "Collection expecting embedding with dimension of %lld, got %zu",
                         (long long)c->dimension, dimension);
        return false;
    }
    if (any && fix && c->dimension < 0 && !h->request->dry) {
        c->dimension = (int64_t)dimension;
    }
    return true;
}

static bool zero_length(const struct embedding_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->rows[i].present && list->rows[i].size == 0) {
            return true;
        }
    }
    return false;
}

static bool consistent(struct handling *h, const struct write_payload *p)
{
    size_t n = p->ids.count;
    if ((p->embeddings.given && p->embeddings.count != n) ||
        (p->documents.given && p->documents.count != n) || (p->uris.given && p->uris.count != n) ||
        (p->metadatas.given && p->metadatas.count != n)) {
        handling_invalid(h, "Inconsistent number of IDs, embeddings, documents, URIs and metadatas");
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (p->ids.items[i].size == 0) {
            handling_invalid(h, "Empty ID, ID must have at least one character");
            return false;
        }
    }
    return true;
}

static size_t long_bytes(const struct text_list *list)
{
    size_t bytes = 0;
    for (size_t i = 0; i < list->count; i++) {
        bytes += list->items[i].text.size >= TEXT_LONG ? list->items[i].text.size : 0;
    }
    return bytes;
}

/* The body, when it is worth holding for the long texts in it: half of it or more. */
static struct block *holdable(const struct handling *h, const struct write_payload *p)
{
    struct block *body = h->request->body;
    return long_bytes(&p->documents) + long_bytes(&p->uris) >= block_str(body).size / 2 ? body : NULL;
}

/* What had escapes in it is not a part of the body. */
static struct text *stored_text(struct handling *h, struct str text, struct block *held)
{
    uintptr_t at = (uintptr_t)text.data;
    bool inside = held != NULL && at >= (uintptr_t)held->data && at < (uintptr_t)held->data + held->size;
    return text_new(h->chroma->store.texts, text, inside ? held : NULL);
}

static void merge_record(struct handling *h, struct record *r, const struct write_payload *p, size_t i,
                         struct block *held)
{
    struct arena *arena = &h->chroma->arena;
    const struct meta_row *m = p->metadatas.given ? &p->metadatas.items[i] : NULL;
    if (p->embeddings.given && p->embeddings.rows[i].present) {
        record_set_embedding(r, p->embeddings.rows[i].values, p->embeddings.rows[i].size);
    }
    if (p->documents.given && p->documents.items[i].present) {
        record_set_text(&r->document, stored_text(h, p->documents.items[i].text, held));
    }
    if (p->uris.given && p->uris.items[i].present) {
        record_set_text(&r->uri, stored_text(h, p->uris.items[i].text, held));
    }
    if (m == NULL || !m->present || m->count == 0) {
        return;
    }
    struct meta *merged = meta_merge(arena, r->metadata, m->entries, m->count);
    bool nothing = merged->count == 0;
    record_set_metadata(r, merged);
    if (nothing) {
        record_set_metadata(r, NULL);
    }
}

static void apply_record(struct handling *h, struct collection *c, const struct write_payload *p, size_t i,
                         struct block *held)
{
    enum chroma_op op = h->request->route->op;
    struct record *r = collection_record(c, p->ids.items[i]);
    if ((r != NULL && op == OP_ADD) || (r == NULL && op == OP_UPDATE)) {
        return;
    }
    if (r == NULL) {
        r = collection_record_add(c, p->ids.items[i]);
    }
    merge_record(h, r, p, i, held);
}

static int64_t tag_of(const struct handling *h, const struct write_payload *p, size_t i)
{
    const struct meta_row *m = p->metadatas.given ? &p->metadatas.items[i] : NULL;
    for (size_t k = 0; m != NULL && h->chroma->tag_key.data != NULL && k < m->count; k++) {
        if (m->entries[k].value.kind == META_INT && str_equal(m->entries[k].key, h->chroma->tag_key)) {
            return m->entries[k].value.integer;
        }
    }
    return INT64_MIN;
}

static size_t limited(const struct handling *h, size_t count)
{
    int64_t limit = h->request->record_limit;
    return limit >= 0 && (uint64_t)limit < count ? (size_t)limit : count;
}

void handle_record_write(struct handling *h)
{
    struct arena *arena = &h->chroma->arena;
    struct write_payload p;
    struct uuid uuid;
    struct buf message;
    enum chroma_op op = h->request->route->op;
    if (!handling_read_body(h, read_write, &p) || !handling_uuid(h, &uuid)) {
        return;
    }
    struct collection *c = handling_collection(h, &uuid);
    if (c == NULL) {
        return;
    }
    buf_init(&message, 4096);
    bool decoded = payload_decode_base64(arena, &p.embeddings, &message);
    if (!decoded) {
        handling_invalid(h, "%s", buf_text(&message));
    }
    buf_deinit(&message);
    if (!decoded) {
        return;
    }
    if (op != OP_UPDATE && zero_length(&p.embeddings)) {
        handling_invalid(h, "Validation error: embeddings: Each embedding must have at least 1 dimension");
        return;
    }
    if (!handling_check_dimensions(h, c, &p.embeddings, true) || !consistent(h, &p)) {
        return;
    }
    size_t count = limited(h, p.ids.count);
    struct block *held = holdable(h, &p);
    h->effect->tags = arena_alloc_array(arena, count, sizeof(int64_t));
    for (size_t i = 0; i < count; i++) {
        h->effect->tags[i] = tag_of(h, &p, i);
        if (!h->request->dry) {
            apply_record(h, c, &p, i, held);
        }
    }
    if (count > 0 && !h->request->dry) {
        collection_note_write(c);
    }
    h->effect->ids = p.ids.items;
    h->effect->id_count = h->request->dry ? 0 : count;
    h->answer->status = op == OP_ADD ? 201 : 200;
    buf_append_text(&h->answer->body, "{}");
}

/* ---- delete ---- */

/* The ids to delete: those named (and matching the filter), or all that match it. */
static size_t doomed(struct handling *h, const struct collection *c, const struct read_payload *p,
                     const struct filter *filter, struct str **out)
{
    struct arena *arena = &h->chroma->arena;
    size_t capacity = p->ids.given ? p->ids.count : HASH_COUNT(c->records);
    struct str *ids = arena_alloc_array(arena, capacity, sizeof(struct str));
    size_t count = 0;
    for (size_t i = 0; p->ids.given && i < p->ids.count; i++) {
        const struct record *r = filter == NULL ? NULL : collection_record(c, p->ids.items[i]);
        if (filter == NULL || (r != NULL && filter_matches(filter, r))) {
            ids[count++] = p->ids.items[i];
        }
    }
    for (const struct record *r = c->records; !p->ids.given && filter != NULL && r != NULL; r = r->hh.next) {
        if (filter_matches(filter, r)) {
            ids[count++] = arena_copy(arena, str_make(r->id, r->id_size));
        }
    }
    *out = ids;
    return count;
}

static void delete_matching(struct handling *h, struct collection *c, const struct read_payload *p,
                            const struct filter *filter)
{
    struct str *ids;
    if (filter != NULL) {
        collection_note_read(c);
    }
    size_t count = limited(h, doomed(h, c, p, filter, &ids));
    if (count > 0 && !h->request->dry) {
        collection_note_write(c);
    }
    h->effect->ids = ids;
    h->effect->tags = arena_alloc_array(&h->chroma->arena, count, sizeof(int64_t));
    for (size_t i = 0; i < count; i++) {
        struct record *r = collection_record(c, ids[i]);
        h->effect->tags[i] = INT64_MIN;
        if (r != NULL && !h->request->dry) {
            collection_record_delete(c, r);
        }
    }
    h->effect->id_count = h->request->dry ? 0 : count;
    buf_append_text(&h->answer->body, "{}");
}

void handle_record_delete(struct handling *h)
{
    struct read_payload p;
    struct uuid uuid;
    struct filter *filter = NULL;
    struct buf message;
    if (!handling_read_body(h, read_read, &p) || !handling_uuid(h, &uuid)) {
        return;
    }
    struct collection *c = handling_collection(h, &uuid);
    if (c == NULL) {
        return;
    }
    buf_init(&message, (size_t)64 * 1024 * 1024);
    if (!filter_parse(&h->chroma->arena, &p.where, &p.where_document, &filter, &message)) {
        handling_invalid(h, "%s", buf_text(&message));
    } else if (p.ids.given && p.ids.count == 0 && filter == NULL) {
        handling_invalid(h, "Validation error: ids, where: Either ids or where must be specified");
    } else {
        delete_matching(h, c, &p, filter);
    }
    filter_free(filter);
    buf_deinit(&message);
}
