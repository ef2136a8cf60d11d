#include "proxy/io/io_clock.h"

#include "base/check.h"
#include "base/units.h"
#include <math.h>
#include <time.h>

static uint64_t clock_read(clockid_t id)
{
    struct timespec t;
    CHECK(clock_gettime(id, &t) == 0);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

uint64_t io_clock_real_ns(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

int64_t io_clock_wall_ms(void)
{
    return (int64_t)(clock_read(CLOCK_REALTIME) / NS_PER_MS);
}

void io_clock_init(struct io_clock *clock, double scale)
{
    CHECK(scale >= 1);
    clock->origin_ns = io_clock_real_ns();
    clock->last_ns = 0;
    clock->scale = scale;
}

/* A double holds whole nanoseconds for 104 days of the core's time; beyond, it is off by a few. */
uint64_t io_clock_core_ns(struct io_clock *clock)
{
    uint64_t passed = io_clock_real_ns() - clock->origin_ns;
    uint64_t now = NS_PER_S + (clock->scale > 1 ? (uint64_t)((double)passed * clock->scale) : passed);
    if (now > clock->last_ns) {
        clock->last_ns = now;
    }
    return clock->last_ns;
}

uint64_t io_clock_to_real(const struct io_clock *clock, uint64_t core_ns)
{
    if (core_ns == IO_CLOCK_NEVER) {
        return IO_CLOCK_NEVER;
    }
    uint64_t passed = core_ns > NS_PER_S ? core_ns - NS_PER_S : 0;
    if (clock->scale > 1) {
        passed = (uint64_t)ceil((double)passed / clock->scale);
    }
    return clock->origin_ns + passed;
}
