/* See programs.h. */
#include "bench/programs.h"
#include "bench/measure.h"
#include <stdio.h>

void bench_mock_start(struct bench_mock *m, const char *name, const char *bin, const char *dir,
                      const char *latency)
{
    char program[512];
    char line[256];
    struct errmsg msg = { "" };
    (void)snprintf(program, sizeof(program), "%s/mockchroma", bin);
    if (child_init(&m->child, name, program, dir, &msg) != 0) {
        bench_die(msg.text);
    }
    child_add_arg(&m->child, "--port");
    child_add_arg(&m->child, "0");
    child_add_arg(&m->child, "--latency");
    child_add_arg(&m->child, "%s", latency);
    if (child_start(&m->child, "listening", line, sizeof(line), &msg) != 0) {
        bench_die(msg.text);
    }
    if (sscanf(line, "listening %127s control %127s", m->url, m->control) != 2 ||
        sscanf(m->url, "http://127.0.0.1:%u", &m->port) != 1 ||
        sscanf(m->control, "http://127.0.0.1:%u", &m->control_port) != 1) {
        bench_die(line);
    }
}
