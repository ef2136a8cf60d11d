#include "proxy/core/compared.h"

#include "base/digest.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include <stdio.h>

#define LANES_MAX 100  /* told in full; the others are counted */
#define IDS_MAX   10   /* of each */
#define ID_BYTES  1024 /* longer ones are counted only */

struct found_id {
    char *text;          /* JSON */
    unsigned only_at;    /* INSTANCE_NONE: both have it */
    unsigned difference; /* enum row_field */
};

struct found {
    struct block *place; /* what the names are slices of */
    struct str tenant, database, name;
    struct uuid logical;
    uint64_t records[CORE_INSTANCES];
    uint64_t alone[CORE_INSTANCES]; /* that the other one lacks */
    uint64_t unlike;
    struct digest_sum sum[CORE_INSTANCES];
    struct found_id ids[IDS_MAX];
    size_t id_count;
};

struct unjudged {
    struct block *place;
    struct str tenant, database, name;
    const char *why;
};

struct compared {
    uint64_t equal, differing, left_out;
    struct found *list;
    size_t count;
    struct unjudged *unjudged;
    size_t unjudged_count;
    struct found now; /* the collection at hand */
};

struct compared *compared_new(void)
{
    return mem_alloc(sizeof(struct compared));
}

static void forget(struct found *found)
{
    for (size_t k = 0; k < found->id_count; k++) {
        mem_free(found->ids[k].text);
    }
    block_unref(found->place);
    *found = (struct found){ 0 };
}

void compared_begin(struct compared *c)
{
    for (size_t i = 0; i < c->count; i++) {
        forget(&c->list[i]);
    }
    for (size_t i = 0; i < c->unjudged_count; i++) {
        block_unref(c->unjudged[i].place);
    }
    forget(&c->now);
    mem_free(c->list);
    mem_free(c->unjudged);
    *c = (struct compared){ 0 };
}

void compared_free(struct compared *c)
{
    compared_begin(c);
    mem_free(c);
}

void compared_left_out(struct compared *c, const struct lane *lane, const char *why)
{
    c->left_out++;
    if (c->unjudged_count == LANES_MAX) {
        return;
    }
    c->unjudged = mem_realloc(c->unjudged, (c->unjudged_count + 1) * sizeof(c->unjudged[0]));
    c->unjudged[c->unjudged_count++] = (struct unjudged){
        .place = block_ref(lane->place),
        .tenant = lane->tenant,
        .database = lane->database,
        .name = lane->name,
        .why = why,
    };
}

/* ---- one collection ---- */

void compared_lane_begin(struct compared *c)
{
    forget(&c->now);
}

static void note_id(struct found *found, struct str id, unsigned only_at, unsigned difference)
{
    if (found->id_count < IDS_MAX && id.size <= ID_BYTES) {
        found->ids[found->id_count++] = (struct found_id){ .text = mem_strndup(id.data, id.size),
                                                           .only_at = only_at,
                                                           .difference = difference };
    }
}

static void count(struct found *found, unsigned i, const struct row *row)
{
    found->records[i]++;
    row_digest(row, &found->sum[i]);
}

void compared_both(struct compared *c, unsigned i, const struct row *a, const struct row *b)
{
    unsigned difference = rows_difference(a, b);
    count(&c->now, i, a);
    count(&c->now, 1 - i, difference == 0 ? a : b);
    if (difference != 0) {
        c->now.unlike++;
        note_id(&c->now, a->id, INSTANCE_NONE, difference);
    }
}

void compared_alone(struct compared *c, unsigned i, const struct row *row)
{
    count(&c->now, i, row);
    c->now.alone[i]++;
    note_id(&c->now, row->id, i, 0);
}

void compared_lane_end(struct compared *c, const struct lane *lane, bool whole)
{
    struct found *found = &c->now;
    if (!whole) {
        compared_left_out(c, lane, "broken off: an instance went away, or did not answer as it should");
        return;
    }
    if (found->unlike + found->alone[0] + found->alone[1] == 0) {
        c->equal++;
        return;
    }
    c->differing++;
    if (c->count == LANES_MAX) {
        return;
    }
    found->place = block_ref(lane->place);
    found->tenant = lane->tenant;
    found->database = lane->database;
    found->name = lane->name;
    found->logical = lane->logical;
    c->list = mem_realloc(c->list, (c->count + 1) * sizeof(c->list[0]));
    c->list[c->count++] = *found;
    *found = (struct found){ 0 };
}

/* ---- told ---- */

uint64_t compared_equal(const struct compared *c)
{
    return c->equal;
}

uint64_t compared_differing(const struct compared *c)
{
    return c->differing;
}

static void put_id(struct json_writer *w, const struct core *core, const struct found_id *id)
{
    static const char *const fields[] = { "embedding", "document", "metadata", "uri" };
    json_object_begin(w);
    json_key(w, "id");
    json_put_raw(w, str_of(id->text));
    if (id->only_at != INSTANCE_NONE) {
        json_pair_text(w, "missing_at", core->instances[1 - id->only_at].name);
    } else {
        json_key(w, "differs_in");
        json_array_begin(w);
        for (unsigned k = 0; k < sizeof(fields) / sizeof(fields[0]); k++) {
            if ((id->difference & (1u << k)) != 0) {
                json_put_text(w, fields[k]);
            }
        }
        json_array_end(w);
    }
    json_object_end(w);
}

static void put_place(struct json_writer *w, struct str tenant, struct str database, struct str name)
{
    json_pair_str(w, "tenant", tenant);
    json_pair_str(w, "database", database);
    json_pair_str(w, "name", name);
}

static void put_found(struct json_writer *w, const struct core *core, const struct found *found)
{
    char text[DIGEST_TEXT_SIZE + 1];
    char id[UUID_TEXT_SIZE + 1];
    json_object_begin(w);
    put_place(w, found->tenant, found->database, found->name);
    uuid_format(&found->logical, id);
    json_pair_text(w, "id", id);
    json_key(w, "instances");
    json_array_begin(w);
    for (unsigned i = 0; i < CORE_INSTANCES; i++) {
        json_object_begin(w);
        json_pair_text(w, "name", core->instances[i].name);
        json_pair_u64(w, "records", found->records[i]);
        json_pair_u64(w, "missing", found->alone[1 - i]);
        digest_sum_text(&found->sum[i], text);
        json_pair_text(w, "digest", text);
        json_object_end(w);
    }
    json_array_end(w);
    json_pair_u64(w, "unlike", found->unlike);
    json_key(w, "first_ids");
    json_array_begin(w);
    for (size_t k = 0; k < found->id_count; k++) {
        put_id(w, core, &found->ids[k]);
    }
    json_array_end(w);
    json_object_end(w);
}

void compared_put(struct json_writer *w, const struct core *core, const struct compared *c)
{
    json_pair_u64(w, "collections_equal", c->equal);
    json_pair_u64(w, "collections_differing", c->differing);
    json_pair_u64(w, "collections_left_out", c->left_out);
    json_key(w, "differing");
    json_array_begin(w);
    for (size_t i = 0; i < c->count; i++) {
        put_found(w, core, &c->list[i]);
    }
    json_array_end(w);
    json_key(w, "left_out");
    json_array_begin(w);
    for (size_t i = 0; i < c->unjudged_count; i++) {
        json_object_begin(w);
        put_place(w, c->unjudged[i].tenant, c->unjudged[i].database, c->unjudged[i].name);
        json_pair_text(w, "why", c->unjudged[i].why);
        json_object_end(w);
    }
    json_array_end(w);
}
