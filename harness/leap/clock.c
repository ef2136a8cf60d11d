/* Three functions of the C library, defined once more.
 *
 * They must be visible to the dynamic linker, or libraries keep the C library's own and the clocks of one
 * process disagree.  That cannot be seen from here, which is why selftest.c looks before every run. */
#include "harness/leap/clock.h"

#include "base/check.h"
#include "base/units.h"
#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#define EVERYBODYS      __attribute__((visibility("default")))
#define WALL_EPOCH_MS   INT64_C(1767225600000) /* 2026-01-01 */
#define REAL_CLOCK_OF_C "clock_gettime"

typedef int clock_function(clockid_t id, struct timespec *out);

static _Thread_local struct {
    bool on;
    uint64_t now_ns;
    uint64_t start_ns;
} leap;

/* The C library's, found at the first call. */
static int kernel_clock(clockid_t id, struct timespec *out)
{
    static _Atomic(clock_function *) found;
    clock_function *function = atomic_load_explicit(&found, memory_order_relaxed);
    if (function == NULL) {
        void *symbol = dlsym(RTLD_NEXT, REAL_CLOCK_OF_C);
        CHECK(symbol != NULL);
        memcpy(&function, &symbol, sizeof(function)); /* C has no conversion from one to the other */
        atomic_store_explicit(&found, function, memory_order_relaxed);
    }
    return function(id, out);
}

static void split(uint64_t ns, struct timespec *out)
{
    out->tv_sec = (time_t)(ns / NS_PER_S);
    out->tv_nsec = (long)(ns % NS_PER_S);
}

static uint64_t wall_ns(void)
{
    return (uint64_t)WALL_EPOCH_MS * NS_PER_MS + (leap.now_ns - leap.start_ns);
}

EVERYBODYS int clock_gettime(clockid_t id, struct timespec *out)
{
    if (leap.on) {
        switch (id) {
            case CLOCK_MONOTONIC:
            case CLOCK_MONOTONIC_RAW:
            case CLOCK_MONOTONIC_COARSE:
            case CLOCK_BOOTTIME:
                split(leap.now_ns, out);
                return 0;
            case CLOCK_REALTIME:
            case CLOCK_REALTIME_COARSE:
                split(wall_ns(), out);
                return 0;
            default:
                break; /* of processes and threads: time that was worked */
        }
    }
    return kernel_clock(id, out);
}

EVERYBODYS int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    int rv = clock_gettime(CLOCK_REALTIME, &now);
    if (rv == 0) {
        *out = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
    }
    return rv;
}

EVERYBODYS time_t time(time_t *out)
{
    struct timespec now = { 0, 0 };
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}

void leap_clock_start(void)
{
    struct timespec now;
    CHECK(kernel_clock(CLOCK_MONOTONIC, &now) == 0);
    uint64_t now_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
    leap.on = false;
    leap.now_ns = now_ns > leap.now_ns ? now_ns : leap.now_ns;
    leap.start_ns = leap.now_ns;
}

bool leap_clock_switch(bool on)
{
    bool was = leap.on;
    leap.on = on;
    return was;
}

uint64_t leap_clock_ns(void)
{
    return leap.now_ns;
}

void leap_clock_to(uint64_t ns)
{
    leap.now_ns = ns > leap.now_ns ? ns : leap.now_ns;
}
