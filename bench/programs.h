/* Programs under measurement: started, and ended with the benchmark. */
#ifndef WALDRILL_BENCH_PROGRAMS_H
#define WALDRILL_BENCH_PROGRAMS_H

#include "harness/real/children.h"

struct bench_mock {
    struct child child;
    char url[128]; /* "http://127.0.0.1:PORT" */
    char control[128];
    unsigned port;
    unsigned control_port;
};

/* BIN/mockchroma on free ports, its output in DIR; what goes wrong ends the benchmark.
 * child_deinit(&m->child) ends it. */
void bench_mock_start(struct bench_mock *m, const char *name, const char *bin, const char *dir,
                      const char *latency);

#endif
