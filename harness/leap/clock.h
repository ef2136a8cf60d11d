/* The clock that leaps: what clock_gettime, gettimeofday and time tell this program and its libraries.
 *
 * Defined in the program itself, the three stand before the C library's for everybody in the process, so
 * libmicrohttpd and libcurl follow without knowing.  Off, they answer as ever; on, and in the thread that
 * switched it on only, time stands still but for leap_clock_to.  Kernel timers know nothing of it. */
#ifndef WALDRILL_HARNESS_LEAP_CLOCK_H
#define WALDRILL_HARNESS_LEAP_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Begins at the kernel's time, or at the last one it told in this thread, and off.  The time of day begins at
 * 2026-01-01, so that two runs write the same. */
void leap_clock_start(void);
bool leap_clock_switch(bool on); /* what it was */
uint64_t leap_clock_ns(void);    /* CLOCK_MONOTONIC as it stands, on or off */
/* Goes forward; an instant in the past changes nothing. */
void leap_clock_to(uint64_t ns);

#endif
