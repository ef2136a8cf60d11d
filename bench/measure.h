/* What the benches share: a clock, a median, and a way to give up. */
#ifndef WALDRILL_BENCH_MEASURE_H
#define WALDRILL_BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>

uint64_t bench_now_ns(void);
uint64_t bench_cpu_ns(void); /* that this process has used */
/* Sorts values. */
double bench_median(double *values, size_t count);
_Noreturn void bench_die(const char *what);
/* Of this process, from the kernel. */
uint64_t bench_rss_bytes(void);

#endif
