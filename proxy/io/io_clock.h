/* The loop's clock: real monotonic time, and the core's time, which runs scale times faster
 * (TIME_SCALE).  Deadlines of the core are converted back into real ones. */
#ifndef WALDRILL_PROXY_IO_IO_CLOCK_H
#define WALDRILL_PROXY_IO_IO_CLOCK_H

#include <stdint.h>

#define IO_CLOCK_NEVER UINT64_MAX

struct io_clock {
    uint64_t origin_ns; /* real time at which the core's time began */
    uint64_t last_ns;   /* the core's time never goes back */
    double scale;
};

void io_clock_init(struct io_clock *clock, double scale);
uint64_t io_clock_real_ns(void);
/* The core's time now; 1 s at the beginning, so that 0 can mean "never" to whoever likes it. */
uint64_t io_clock_core_ns(struct io_clock *clock);
/* The real instant at which the core's clock will have reached core_ns; never before it. */
uint64_t io_clock_to_real(const struct io_clock *clock, uint64_t core_ns);
int64_t io_clock_wall_ms(void);

#endif
