/* What the files that draw a campaign share.  Private to them. */
#ifndef WALDRILL_HARNESS_CLI_CAMPAIGN_DRAW_H
#define WALDRILL_HARNESS_CLI_CAMPAIGN_DRAW_H

#include "base/prng.h"
#include "harness/scenario/scenario.h"

#define FAULTS_MAX 14u

struct draw {
    struct prng prng;
    struct scenario *s;
    uint64_t storm_ns;
    bool memory_mode;
    bool crowd;
    bool lb_dies;
    uint64_t budget_ms; /* REQUEST_TIMEOUT */
};

/* campaign.c */
uint64_t draw_between(struct draw *d, uint64_t low, uint64_t high);
bool draw_chance(struct draw *d, uint64_t numerator, uint64_t denominator);
char *draw_text(const char *format, ...) __attribute__((format(printf, 1, 2))); /* the caller frees it */
/* campaign_faults.c; root: of the campaign's streams */
void draw_faults(struct draw *d, struct prng *root);
void draw_strange(struct draw *d, struct prng *root);

#endif
