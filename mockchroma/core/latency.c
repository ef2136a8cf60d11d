/* Two shapes of profile.
 *
 * Measured: for each operation the percentiles that scripts/measure-latency saw on a real server with one
 * client; a draw is a point on the straight lines between them, so that the percentiles come out again.  What
 * further records cost is the difference of the medians of 100 records and of one.  An operation that was not
 * measured takes the time of its like.  Waiting behind other writes is the machine's business (flight.c), not
 * a profile's.
 *
 * Fitted: a shifted exponential per operation, base + Exp(mean), for a server of which only the median and
 * the 99th percentile are known (docs/chroma-wire.md section 7: mean = (p99 - p50) / 3.91, base = p50 - 0.69
 * mean, not below a tenth of the median), and a price per further record.
 *
 * Integers only: the same draws under every compiler. */
#include "mockchroma/core/latency.h"
#include "base/check.h"
#include "base/suggest.h"
#include "base/units.h"
#include "mockchroma/core/latency_measured.h"
#include <string.h>

struct latency_row {
    enum chroma_op op; /* OP_UNKNOWN closes the list and stands for all others */
    uint32_t base_us;
    uint32_t mean_us;
    uint32_t per_record_us;
};

enum { POINTS = 9 };
static const uint32_t point_per_cent[POINTS] = { 0, 10, 25, 50, 75, 90, 95, 99, 100 };
#define PARTS UINT64_C(10000)    /* of a per cent: how finely a draw falls between two points */
enum { MEDIAN = 3, MANY = 100 }; /* MANY: records in a measured request of several */

struct measured_row {
    enum chroma_op op;
    uint32_t records; /* in the request */
    uint32_t clients;
    uint32_t us[POINTS];
};

struct latency_profile {
    const char *name;
    const struct latency_row *rows; /* NULL: measured */
};

static const struct latency_row none[] = { { OP_UNKNOWN, 0, 0, 0 } };

static const struct latency_row measured_small[] = {
    { OP_HEARTBEAT, 180, 610, 0 },
    { OP_ROOT, 180, 610, 0 },
    { OP_VERSION, 120, 410, 0 },
    { OP_HEALTHCHECK, 120, 410, 0 },
    { OP_PREFLIGHT, 120, 410, 0 },
    { OP_IDENTITY, 120, 410, 0 },
    { OP_COLLECTION_CREATE, 2500, 2070, 0 },
    { OP_COLLECTION_UPDATE, 2500, 2070, 0 },
    { OP_COLLECTION_DELETE, 2500, 2070, 0 },
    { OP_DATABASE_CREATE, 2500, 2070, 0 },
    { OP_DATABASE_DELETE, 2500, 2070, 0 },
    { OP_TENANT_CREATE, 2500, 2070, 0 },
    { OP_TENANT_UPDATE, 2500, 2070, 0 },
    { OP_RESET, 2500, 2070, 0 },
    { OP_ADD, 9600, 17900, 770 },
    { OP_UPSERT, 17300, 9700, 770 },
    { OP_UPDATE, 3400, 15300, 400 },
    { OP_DELETE, 1100, 14300, 100 },
    { OP_COUNT, 930, 2400, 0 },
    { OP_GET, 200, 2150, 20 },
    { OP_QUERY, 1580, 2480, 0 },
    { OP_UNKNOWN, 100, 580, 0 },
};

static const struct latency_row measured_fast_disk[] = {
    { OP_COLLECTION_CREATE, 1500, 800, 0 },
    { OP_COLLECTION_UPDATE, 1500, 800, 0 },
    { OP_COLLECTION_DELETE, 1500, 800, 0 },
    { OP_ADD, 5200, 1500, 420 },
    { OP_UPSERT, 6200, 1500, 420 },
    { OP_UPDATE, 4200, 1500, 300 },
    { OP_DELETE, 3200, 1500, 80 },
    { OP_COUNT, 800, 500, 0 },
    { OP_GET, 500, 500, 20 },
    { OP_QUERY, 1400, 800, 0 },
    { OP_UNKNOWN, 150, 200, 0 },
};

static const struct latency_row flat_1ms[] = { { OP_UNKNOWN, 1000, 0, 0 } };

#define X(op, records, held, clients, samples, ...) { op, records, clients, { __VA_ARGS__ } },
static const struct measured_row measured[] = { LATENCY_MEASURED(X) };
#undef X

static const struct latency_profile profiles[] = {
    { "none", none },
    { "measured-small", measured_small },
    { "measured-fast-disk", measured_fast_disk },
    { "measured-vm", NULL },
    { "flat-1ms", flat_1ms },
};
enum { PROFILES = sizeof(profiles) / sizeof(profiles[0]) };

const char *latency_names(void)
{
    return "none, measured-small, measured-fast-disk, measured-vm, flat-1ms";
}

const struct latency_profile *latency_profile_find(const char *name, struct errmsg *msg)
{
    const char *names[PROFILES];
    for (size_t i = 0; i < PROFILES; i++) {
        if (name == NULL || strcmp(name, profiles[i].name) == 0) {
            return &profiles[i];
        }
        names[i] = profiles[i].name;
    }
    const char *near = suggest_name(str_of(name), names, PROFILES);
    (void)error_set(msg, ERR_INVALID, "there is no latency profile \"%s\"%s%s%s (there are: %s)", name,
                    near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
                    near == NULL ? "" : "\"?", latency_names());
    return NULL;
}

bool latency_is_none(const struct latency_profile *profile)
{
    return profile->rows == none;
}

/* With one client; NULL: not measured. */
static const struct measured_row *find_measured(enum chroma_op op, uint32_t records)
{
    for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]); i++) {
        if (measured[i].op == op && measured[i].records == records && measured[i].clients == 1) {
            return &measured[i];
        }
    }
    return NULL;
}

/* The measured operation whose time another one takes. */
static enum chroma_op like(enum chroma_op op)
{
    if (chroma_op_is_write(op)) {
        return OP_COLLECTION_CREATE;
    }
    return op >= OP_TENANT_CREATE && op <= OP_COLLECTION_FORK ? OP_COLLECTION_GET : OP_VERSION;
}

static uint64_t draw_measured(struct prng *prng, enum chroma_op op, size_t records)
{
    const struct measured_row *one = find_measured(op, 1);
    const struct measured_row *many = find_measured(op, MANY);
    one = one == NULL ? find_measured(like(op), 1) : one;
    CHECK(one != NULL);
    uint64_t at = prng_below(prng, 100 * PARTS);
    size_t i = 1;
    while (at >= point_per_cent[i] * PARTS) {
        i++;
    }
    uint64_t from = point_per_cent[i - 1] * PARTS;
    uint64_t width = point_per_cent[i] * PARTS - from;
    uint64_t ns =
        one->us[i - 1] * NS_PER_US + (one->us[i] - one->us[i - 1]) * NS_PER_US * (at - from) / width;
    if (many != NULL && records > 1 && many->us[MEDIAN] > one->us[MEDIAN]) {
        ns += (many->us[MEDIAN] - one->us[MEDIAN]) * NS_PER_US * (records - 1) / (MANY - 1);
    }
    return ns;
}

uint64_t latency_draw(const struct latency_profile *profile, struct prng *prng, enum chroma_op op,
                      size_t records)
{
    const struct latency_row *row = profile->rows;
    if (row == NULL) {
        return draw_measured(prng, op, records);
    }
    if (row == none) {
        return 0;
    }
    while (row->op != op && row->op != OP_UNKNOWN) {
        row++;
    }
    uint64_t us = row->base_us;
    us += records > 1 ? (uint64_t)row->per_record_us * (records - 1) : 0;
    uint64_t ns = us * NS_PER_US;
    return row->mean_us == 0 ? ns : ns + prng_exponential(prng, row->mean_us * NS_PER_US);
}
