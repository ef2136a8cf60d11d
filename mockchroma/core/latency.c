/* A shifted exponential per operation: base + Exp(mean), fitted to the median and the 99th percentile
 * of docs/chroma-wire.md section 7 (mean = (p99 - p50) / 3.91, base = p50 - 0.69 mean, not below a
 * tenth of the median), and a price per further record.  Two more profiles of the same shape: the
 * same server on the faster disk of section 11, and a flat one for tests that count milliseconds. */
#include "mockchroma/core/latency.h"
#include "base/suggest.h"
#include "base/units.h"
#include <string.h>

struct latency_row {
    enum chroma_op op; /* OP_UNKNOWN closes the list and stands for all others */
    uint32_t base_us;
    uint32_t mean_us;
    uint32_t per_record_us;
};

struct latency_profile {
    const char *name;
    const struct latency_row *rows;
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

static const struct latency_profile profiles[] = {
    { "none", none },
    { "measured-small", measured_small },
    { "measured-fast-disk", measured_fast_disk },
    { "flat-1ms", flat_1ms },
};
enum { PROFILES = sizeof(profiles) / sizeof(profiles[0]) };

const char *latency_names(void)
{
    return "none, measured-small, measured-fast-disk, flat-1ms";
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

uint64_t latency_draw(const struct latency_profile *profile, struct prng *prng, enum chroma_op op,
                      size_t records)
{
    const struct latency_row *row = profile->rows;
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
