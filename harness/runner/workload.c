/* The plan of one load.
 *
 * Three streams of randomness that never shift one another: arrivals, choices (operation, collection,
 * record), and one per body, seeded from the choice.  So that a changed body size does not change what is
 * written where, and a changed rate does not change the first n operations. */
#include "harness/runner/workload.h"

#include "base/check.h"
#include "base/units.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#define WORKLOAD_MILLION          UINT32_C(1000000)
#define WORKLOAD_EMBEDDING_DIGITS 1000

static bool workload_is_write_of_records(enum chroma_op op)
{
    return chroma_op_is_record(op) && chroma_op_is_write(op);
}

bool workload_writes(const struct scenario_load *load)
{
    for (size_t i = 0; i < load->mix_count; i++) {
        if (workload_is_write_of_records(load->mix[i].op)) {
            return true;
        }
    }
    return false;
}

static void workload_fill_thresholds(struct workload *w)
{
    double sum = 0;
    double total = 0;
    for (size_t i = 0; i < w->load->mix_count; i++) {
        total += w->load->mix[i].share;
    }
    for (size_t i = 0; i < w->load->mix_count; i++) {
        sum += w->load->mix[i].share;
        w->thresholds[i] = (uint32_t)llround(sum / total * (double)WORKLOAD_MILLION);
    }
    /* Whatever the shares add up to, every draw below a million finds its operation. */
    w->thresholds[w->load->mix_count - 1] = WORKLOAD_MILLION;
}

/* Evenly spaced ones stand in the middle of their interval, so that a whole number of intervals holds a
 * whole number of operations; counted from the start, so that rounding does not add up. */
static uint64_t workload_next_time(struct workload *w)
{
    double gap_ns = (double)NS_PER_S / w->load->per_second;
    if (!w->load->poisson) {
        return w->start_ns + (uint64_t)(((double)w->index + 0.5) * gap_ns);
    }
    return w->last_ns + prng_exponential(&w->arrivals, (uint64_t)gap_ns);
}

static void workload_draw(struct workload *w)
{
    struct workload_op *op = &w->next;
    op->planned_ns = workload_next_time(w);
    uint32_t choice = (uint32_t)prng_below(&w->choices, WORKLOAD_MILLION);
    size_t i = 0;
    while (choice >= w->thresholds[i]) {
        i++;
    }
    op->op = w->load->mix[i].op;
    op->collection = (uint32_t)prng_below(&w->choices, w->collections);
    op->record = (uint32_t)prng_below(&w->choices, w->records);
    op->draw = prng_next(&w->choices);
    op->body_seed = prng_next(&w->choices);
}

void workload_init(struct workload *w, const struct scenario_load *load, uint64_t seed, uint64_t start_ns,
                   uint32_t collections, uint32_t records)
{
    CHECK(load->per_second > 0);
    CHECK(load->mix_count > 0);
    CHECK(load->mix_count <= sizeof(w->thresholds) / sizeof(w->thresholds[0]));
    CHECK(collections > 0);
    CHECK(records > 0);
    struct prng root;
    prng_seed(&root, seed);
    struct prng own = prng_split(&root, load->name);
    *w = (struct workload){
        .load = load,
        .arrivals = prng_split(&own, "arrivals"),
        .choices = prng_split(&own, "choices"),
        .start_ns = start_ns,
        .last_ns = start_ns,
        .collections = collections,
        .records = records,
    };
    workload_fill_thresholds(w);
    workload_draw(w);
}

const struct workload_op *workload_peek(const struct workload *w)
{
    return &w->next;
}

void workload_pop(struct workload *w)
{
    w->last_ns = w->next.planned_ns;
    w->index++;
    workload_draw(w);
}

void workload_delay(struct workload *w, uint64_t by_ns)
{
    w->start_ns += by_ns;
    w->last_ns += by_ns;
    w->next.planned_ns += by_ns;
}

void workload_record_id(uint32_t record, char id[WORKLOAD_ID_SIZE])
{
    (void)snprintf(id, WORKLOAD_ID_SIZE, "doc-%06" PRIu32, record); /* fits: at most 14 characters */
}

/* Numbers of three digits: exact enough, and the same text under every C library. */
static void workload_put_embedding(struct buf *out, struct prng *p, uint32_t dimension)
{
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < dimension; i++) {
        uint64_t number = prng_below(p, WORKLOAD_EMBEDDING_DIGITS);
        char digits[] = {
            '0', '.', (char)('0' + number / 100), (char)('0' + number / 10 % 10), (char)('0' + number % 10),
            ','
        };
        bool last = i + 1 == dimension;
        buf_append(out, digits, last ? sizeof(digits) - 1 : sizeof(digits));
    }
    buf_append_char(out, ']');
}

/* Prose rather than one letter repeated, so that anything that compresses is not flattered. */
static void workload_put_prose(struct buf *out, uint64_t seed, size_t size)
{
    static const char text[] =
        "the write ahead log keeps what the primary cannot take yet and gives it back in order when it "
        "returns ";
    size_t at = (size_t)(seed % (sizeof(text) - 1));
    while (size > 0) {
        size_t part = sizeof(text) - 1 - at;
        if (part > size) {
            part = size;
        }
        buf_append(out, text + at, part);
        size -= part;
        at = 0;
    }
}

static void workload_put_write(struct buf *out, const struct scenario_load *load,
                               const struct workload_op *op, const char *id, uint64_t tag)
{
    struct prng p;
    prng_seed(&p, op->body_seed);
    size_t before = out->size;
    buf_printf(out, "{\"ids\":[\"%s\"],\"embeddings\":[", id);
    workload_put_embedding(out, &p, load->dimension);
    buf_printf(out, "],\"metadatas\":[{\"" WORKLOAD_TAG_KEY "\":%" PRIu64 "}],\"documents\":[\"", tag);
    size_t used = out->size - before + sizeof("\"]}") - 1;
    workload_put_prose(out, op->body_seed, load->body_bytes > used ? load->body_bytes - used : 0);
    buf_append_text(out, "\"]}");
}

void workload_body(struct buf *out, const struct scenario_load *load, const struct workload_op *op,
                   uint32_t record, uint64_t tag)
{
    char id[WORKLOAD_ID_SIZE];
    workload_record_id(record, id);
    if (op->op == OP_ADD || op->op == OP_UPSERT || op->op == OP_UPDATE) {
        workload_put_write(out, load, op, id, tag);
    } else if (op->op == OP_DELETE) {
        buf_printf(out, "{\"ids\":[\"%s\"]}", id);
    } else if (op->op == OP_GET) {
        buf_printf(out, "{\"ids\":[\"%s\"],\"include\":[\"metadatas\"]}", id);
    } else if (op->op == OP_QUERY) {
        struct prng p;
        prng_seed(&p, op->body_seed);
        buf_append_text(out, "{\"query_embeddings\":[");
        workload_put_embedding(out, &p, load->dimension);
        /* Documents are left out: they would make the mocks' answers the larger part of a simulated run. */
        buf_append_text(out, "],\"n_results\":10,\"include\":[\"metadatas\",\"distances\"]}");
    }
}

/* A get with metadatas answers with tens of bytes for one record; a search for the key is enough, and a
 * tree would cost more than everything else the harness does with a read. */
int64_t workload_seen_tag(struct str answer)
{
    static const char key[] = "\"" WORKLOAD_TAG_KEY "\":";
    static const char none[] = "\"ids\":[]";
    if (answer.size == 0) {
        return -1;
    }
    const char *at = memmem(answer.data, answer.size, key, sizeof(key) - 1);
    if (at == NULL) {
        return memmem(answer.data, answer.size, none, sizeof(none) - 1) != NULL ? 0 : -1;
    }
    const char *end = answer.data + answer.size;
    int64_t tag = 0;
    bool any = false;
    for (at += sizeof(key) - 1; at < end && *at >= '0' && *at <= '9'; at++) {
        if (tag > (INT64_MAX - 9) / 10) {
            return -1;
        }
        tag = tag * 10 + (*at - '0');
        any = true;
    }
    return any ? tag : -1;
}
