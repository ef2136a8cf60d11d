#include "tests/unit/core/dead.h"

#include <stdio.h>

void dead_begin(struct driver *d)
{
    driver_start(d);
    driver_make(d, 1, "docs");
    (void)driver_write(d, 1, "add", "zero");
    driver_answer(d, driver_expect(d, PRIMARY, "POST", "/add"), 201, "{}");
    (void)driver_serve(d, REPLICA);
}

uint64_t dead_last_write(const struct driver *d)
{
    for (size_t i = d->log_count; i > 0; i--) {
        if (d->log[i - 1].type == RECORD_WRITE) {
            return d->log[i - 1].lsn;
        }
    }
    return 0;
}

uint64_t dead_letter(struct driver *d, const char *verb, const char *id)
{
    char path[32];
    (void)snprintf(path, sizeof(path), "/%s", verb);
    (void)driver_write(d, 1, verb, id);
    uint64_t lsn = dead_last_write(d);
    driver_answer(d, driver_expect(d, PRIMARY, "POST", path), 503, NOT_NOW);
    driver_answer(d, driver_expect(d, REPLICA, "POST", path), 200, "{}");
    driver_advance(d, NS_PER_S);
    driver_answer(d, driver_expect(d, PRIMARY, "POST", path), 400, INVALID);
    CU_ASSERT_EQUAL(driver_number(d, "pending_writes"), 0);
    return lsn;
}

void dead_serve_both(struct driver *d)
{
    while (driver_serve(d, REPLICA) + driver_serve(d, PRIMARY) > 0) {
        driver_advance(d, NS_PER_S); /* replays take their turns */
    }
}
