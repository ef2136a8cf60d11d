/* count, get and query.  query is an exact scan: the real server's index is approximate, so that its
 * answers can be compared with nothing but themselves; ours are right and reproducible. */
#include "mockchroma/core/chroma_internal.h"
#include "mockchroma/core/filter.h"
#include "base/json_writer.h"
#include <math.h>
#include <stdlib.h>

static bool read_read(struct serde *s, enum chroma_op op, void *out)
{
    return payload_read_read(s, op, out);
}

static bool included(const struct read_payload *p, enum include_field field)
{
    return (p->include.bits & (1U << field)) != 0;
}

static void put_text(struct json_writer *w, const struct text *t)
{
    if (t == NULL) {
        json_put_null(w);
    } else {
        json_put_str(w, text_str(t));
    }
}

static void put_include(struct json_writer *w, const struct read_payload *p)
{
    json_key(w, "include");
    json_array_begin(w);
    for (size_t i = 0; i < p->include.count; i++) {
        json_put_text(w, include_name(p->include.items[i]));
    }
    json_array_end(w);
}

static void put_field(struct json_writer *w, enum include_field field, const struct record *r)
{
    switch (field) {
        case INCLUDE_DOCUMENTS:
            put_text(w, r->document);
            break;
        case INCLUDE_URIS:
            put_text(w, r->uri);
            break;
        case INCLUDE_METADATAS:
            if (r->metadata == NULL && r->uri != NULL) {
                json_put_raw(w, STR("{}")); /* the uri is metadata of the server's own */
            } else {
                meta_write_shown(w, r->metadata);
            }
            break;
        case INCLUDE_EMBEDDINGS:
            write_embedding(w, r->embedding, r->dimension);
            break;
        case INCLUDE_DISTANCES:
            break;
    }
}

static const struct {
    const char *key;
    enum include_field field;
} columns[] = { { "embeddings", INCLUDE_EMBEDDINGS },
                { "documents", INCLUDE_DOCUMENTS },
                { "uris", INCLUDE_URIS },
                { "metadatas", INCLUDE_METADATAS } };

static void write_rows(struct json_writer *w, struct record *const *rows, size_t count)
{
    json_array_begin(w);
    for (size_t i = 0; i < count; i++) {
        json_put_str(w, str_make(rows[i]->id, rows[i]->id_size));
    }
    json_array_end(w);
}

static void write_column(struct json_writer *w, enum include_field field, struct record *const *rows,
                         size_t count)
{
    json_array_begin(w);
    for (size_t i = 0; i < count; i++) {
        put_field(w, field, rows[i]);
    }
    json_array_end(w);
}

static int compare_insertion(const void *a, const void *b)
{
    const struct record *const *x = a;
    const struct record *const *y = b;
    return ((*x)->born > (*y)->born) - ((*x)->born < (*y)->born);
}

/* Rows that match, in the order of insertion. */
static size_t matching(struct handling *h, const struct collection *c, const struct read_payload *p,
                       const struct filter *filter, struct record ***out)
{
    struct arena *arena = &h->chroma->arena;
    size_t capacity = p->ids.given ? p->ids.count : HASH_COUNT(c->records);
    struct record **rows = arena_alloc_array(arena, capacity, sizeof(struct record *));
    size_t found = 0;
    size_t kept = 0;
    *out = rows;
    if (!p->ids.given) {
        for (struct record *r = c->records; r != NULL; r = r->hh.next) {
            if (filter_matches(filter, r)) {
                rows[found++] = r;
            }
        }
        return found;
    }
    for (size_t i = 0; i < p->ids.count; i++) {
        struct record *r = collection_record(c, p->ids.items[i]);
        if (r != NULL && filter_matches(filter, r)) {
            rows[found++] = r;
        }
    }
    if (found > 1) {
        qsort(rows, found, sizeof(struct record *), compare_insertion);
    }
    for (size_t i = 0; i < found; i++) {
        if (i == 0 || rows[i] != rows[i - 1]) {
            rows[kept++] = rows[i];
        }
    }
    return kept;
}

static void get_records(struct handling *h, const struct collection *c, const struct read_payload *p,
                        const struct filter *filter)
{
    struct record **rows;
    struct json_writer w;
    size_t count = matching(h, c, p, filter, &rows);
    size_t from = p->offset < count ? p->offset : count;
    count -= from;
    count = p->has_limit && p->limit < count ? p->limit : count;
    rows += from;
    json_writer_init(&w, &h->answer->body, 0);
    json_object_begin(&w);
    json_key(&w, "ids");
    write_rows(&w, rows, count);
    for (size_t k = 0; k < 4; k++) {
        json_key(&w, columns[k].key);
        if (included(p, columns[k].field)) {
            write_column(&w, columns[k].field, rows, count);
        } else {
            json_put_null(&w);
        }
    }
    put_include(&w, p);
    json_object_end(&w);
}

static void fail_without_index(struct handling *h)
{
    answer_error(h->answer, 500, "InternalError",
                 "Error executing plan: Internal error: Error creating hnsw segment reader: Nothing found "
                 "on disk");
}

void handle_record_read(struct handling *h)
{
    struct read_payload p;
    struct uuid uuid;
    struct filter *filter = NULL;
    struct buf message;
    bool count = h->request->route->op == OP_COUNT;
    if ((!count && !handling_read_body(h, read_read, &p)) || !handling_uuid(h, &uuid)) {
        return;
    }
    struct collection *c = handling_collection(h, &uuid);
    if (c == NULL) {
        return;
    }
    if (count) {
        collection_note_read(c);
        buf_printf(&h->answer->body, "%u", HASH_COUNT(c->records));
        return;
    }
    buf_init(&message, (size_t)64 * 1024 * 1024);
    if (!filter_parse(&h->chroma->arena, &p.where, &p.where_document, &filter, &message)) {
        handling_invalid(h, "%s", buf_text(&message));
    } else if (included(&p, INCLUDE_EMBEDDINGS) && collection_lacks_index(c)) {
        fail_without_index(h);
    } else {
        collection_note_read(c);
        get_records(h, c, &p, filter);
    }
    filter_free(filter);
    buf_deinit(&message);
}

/* ---- query ---- */

struct hit {
    float distance;
    uint64_t born; /* ties go to the older row */
    struct record *record;
};

#define LANES 8 /* independent sums, which the compiler may keep side by side */

static float fold(const float *sums)
{
    float total = 0.0F;
    for (size_t i = 0; i < LANES; i++) {
        total += sums[i];
    }
    return total;
}

static float dot(const float *a, const float *b, size_t n)
{
    float sums[LANES] = { 0 };
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            sums[k] += a[i + k] * b[i + k];
        }
    }
    for (; i < n; i++) {
        sums[0] += a[i] * b[i];
    }
    return fold(sums);
}

static float squared(const float *a, const float *b, size_t n)
{
    float sums[LANES] = { 0 };
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            float d = a[i + k] - b[i + k];
            sums[k] += d * d;
        }
    }
    for (; i < n; i++) {
        sums[0] += (a[i] - b[i]) * (a[i] - b[i]);
    }
    return fold(sums);
}

static float distance(enum vector_space space, const float *a, const float *b, size_t n)
{
    switch (space) {
        case SPACE_L2:
            return squared(a, b, n);
        case SPACE_IP:
            return 1.0F - dot(a, b, n);
        case SPACE_COSINE:
            break;
    }
    float norms = sqrtf(dot(a, a, n)) * sqrtf(dot(b, b, n));
    return norms > 0.0F ? 1.0F - dot(a, b, n) / norms : 1.0F;
}

static bool farther(const struct hit *a, const struct hit *b)
{
    if (isnan(a->distance) || isnan(b->distance)) {
        return isnan(a->distance) ? !isnan(b->distance) || a->born > b->born : false;
    }
    return a->distance > b->distance || (a->distance == b->distance && a->born > b->born);
}

/* A max-heap of the best so far: the farthest stands on top and gives way. */
static void sift_down(struct hit *heap, size_t count, size_t at)
{
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count && farther(&heap[child + 1], &heap[child])) {
            child++;
        }
        if (!farther(&heap[child], &heap[at])) {
            return;
        }
        struct hit swap = heap[at];
        heap[at] = heap[child];
        heap[child] = swap;
        at = child;
    }
}

static size_t nearest(const struct collection *c, const float *query, struct record *const *rows,
                      size_t count, struct hit *heap, size_t wanted)
{
    size_t used = 0;
    for (size_t i = 0; i < count && wanted > 0; i++) {
        struct hit hit = { .born = rows[i]->born, .record = rows[i] };
        hit.distance = distance(c->config.space, query, rows[i]->embedding, rows[i]->dimension);
        if (used < wanted) {
            heap[used++] = hit;
            for (size_t k = used / 2; used == wanted && k-- > 0;) {
                sift_down(heap, used, k);
            }
        } else if (farther(&heap[0], &hit)) {
            heap[0] = hit;
            sift_down(heap, used, 0);
        }
    }
    if (used < wanted) {
        for (size_t k = used / 2; k-- > 0;) {
            sift_down(heap, used, k);
        }
    }
    for (size_t end = used; end > 1; end--) {
        struct hit far = heap[0];
        heap[0] = heap[end - 1];
        heap[end - 1] = far;
        sift_down(heap, end - 1, 0);
    }
    return used;
}

struct results {
    struct hit *hits; /* all queries, one after the other */
    struct record **records;
    size_t *counts;
    size_t query_count;
};

static void search(struct handling *h, const struct collection *c, const struct read_payload *p,
                   struct record *const *rows, size_t count, struct results *out)
{
    struct arena *arena = &h->chroma->arena;
    size_t wanted = p->n_results < count ? p->n_results : count;
    size_t total = 0;
    out->query_count = p->queries.count;
    out->counts = arena_alloc_array(arena, out->query_count, sizeof(size_t));
    out->hits = arena_alloc_array(arena, wanted * out->query_count, sizeof(struct hit));
    out->records = arena_alloc_array(arena, wanted * out->query_count, sizeof(struct record *));
    for (size_t q = 0; q < out->query_count; q++) {
        out->counts[q] = nearest(c, p->queries.rows[q].values, rows, count, out->hits + total, wanted);
        for (size_t i = 0; i < out->counts[q]; i++) {
            out->records[total + i] = out->hits[total + i].record;
        }
        total += out->counts[q];
    }
}

static void write_distances(struct json_writer *w, const struct hit *hits, size_t count)
{
    json_put_raw(w, STR("["));
    for (size_t i = 0; i < count; i++) {
        buf_append_text(w->out, i == 0 ? "" : ",");
        write_float(w->out, hits[i].distance);
    }
    buf_append_char(w->out, ']');
}

enum { COLUMN_IDS = 100 };

static void write_lists(struct json_writer *w, const struct results *r, int field)
{
    size_t at = 0;
    json_array_begin(w);
    for (size_t q = 0; q < r->query_count; q++) {
        if (field == COLUMN_IDS) {
            write_rows(w, r->records + at, r->counts[q]);
        } else if (field == INCLUDE_DISTANCES) {
            write_distances(w, r->hits + at, r->counts[q]);
        } else {
            write_column(w, (enum include_field)field, r->records + at, r->counts[q]);
        }
        at += r->counts[q];
    }
    json_array_end(w);
}

static void write_results(struct handling *h, const struct read_payload *p, const struct results *r)
{
    struct json_writer w;
    json_writer_init(&w, &h->answer->body, 0);
    json_object_begin(&w);
    json_key(&w, "ids");
    write_lists(&w, r, COLUMN_IDS);
    for (size_t k = 0; k < 4; k++) {
        json_key(&w, columns[k].key);
        if (included(p, columns[k].field)) {
            write_lists(&w, r, (int)columns[k].field);
        } else {
            json_put_null(&w);
        }
    }
    json_key(&w, "distances");
    if (included(p, INCLUDE_DISTANCES)) {
        write_lists(&w, r, INCLUDE_DISTANCES);
    } else {
        json_put_null(&w);
    }
    put_include(&w, p);
    json_object_end(&w);
}

static bool all_known(const struct collection *c, const struct id_list *ids)
{
    for (size_t i = 0; i < ids->count; i++) {
        if (collection_record(c, ids->items[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static void query_collection(struct handling *h, struct collection *c, const struct read_payload *p,
                             const struct filter *filter)
{
    struct results results;
    struct record **rows = NULL;
    size_t count = 0;
    if (c->dimension >= 0 && !all_known(c, &p->ids)) {
        answer_error(h->answer, 500, "InternalError",
                     "Error executing plan: Internal error: Error finding id");
        return;
    }
    if (c->dimension >= 0) {
        count = matching(h, c, p, filter, &rows);
    }
    search(h, c, p, rows, count, &results);
    write_results(h, p, &results);
}

void handle_query(struct handling *h)
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
    } else if (handling_check_dimensions(h, c, &p.queries, false)) {
        if (filter == NULL && collection_lacks_index(c)) {
            fail_without_index(h);
        } else {
            collection_note_read(c);
            query_collection(h, c, &p, filter);
        }
    }
    filter_free(filter);
    buf_deinit(&message);
}
