/* How long a real Chroma works on each operation: the data of mockchroma's measured latency profile.
 *
 *   measure_latency PORT VERSION MACHINE
 *
 * On a fresh server of its own.  Every operation is asked for some hundred times by one client, the cheap
 * ones also by several at once; what is printed is mockchroma/core/latency_measured.h: least, percentiles and
 * most of each, in microseconds, seen by the client on loopback.  scripts/measure-latency starts the server.
 */
#include "base/chroma_route.h"
#include "base/memory.h"
#include "base/units.h"
#include "bench/client.h"
#include "bench/measure.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBERS        384u
#define DOCUMENT_BYTES 500u
#define CLIENTS_MAX    8u
#define FILL_BATCH     1000u
#define SAMPLES_MAX    2000u

/* What one client repeats. */
struct task {
    enum chroma_op op;
    const char *name; /* the enumerator */
    unsigned records; /* in one request */
    unsigned held;    /* by the collection when it begins; 0 = no matter */
    unsigned clients;
    unsigned samples; /* of each client */
};

static const struct task tasks[] = {
    { OP_VERSION, "OP_VERSION", 1, 0, 1, 1000 },
    { OP_VERSION, "OP_VERSION", 1, 0, CLIENTS_MAX, 500 },
    { OP_COLLECTION_CREATE, "OP_COLLECTION_CREATE", 1, 0, 1, 150 },
    { OP_COLLECTION_GET, "OP_COLLECTION_GET", 1, 2000, 1, 300 },
    { OP_ADD, "OP_ADD", 1, 2000, 1, 300 },
    { OP_ADD, "OP_ADD", 100, 2000, 1, 30 },
    { OP_ADD, "OP_ADD", 1, 2000, CLIENTS_MAX, 30 },
    { OP_UPSERT, "OP_UPSERT", 1, 2000, 1, 300 },
    { OP_UPSERT, "OP_UPSERT", 100, 2000, 1, 30 },
    { OP_UPDATE, "OP_UPDATE", 1, 2000, 1, 300 },
    { OP_UPDATE, "OP_UPDATE", 100, 2000, 1, 30 },
    { OP_DELETE, "OP_DELETE", 1, 2000, 1, 300 },
    { OP_DELETE, "OP_DELETE", 100, 4000, 1, 30 },
    { OP_COUNT, "OP_COUNT", 1, 2000, 1, 300 },
    { OP_COUNT, "OP_COUNT", 1, 2000, CLIENTS_MAX, 100 },
    { OP_GET, "OP_GET", 1, 2000, 1, 300 },
    { OP_GET, "OP_GET", 100, 2000, 1, 200 },
    { OP_GET, "OP_GET", 1, 2000, CLIENTS_MAX, 100 },
    { OP_QUERY, "OP_QUERY", 1, 2000, 1, 300 },
    { OP_QUERY, "OP_QUERY", 1, 2000, CLIENTS_MAX, 100 },
    { OP_QUERY, "OP_QUERY", 1, 100, 1, 300 },
    { OP_QUERY, "OP_QUERY", 1, 20000, 1, 300 },
};

struct worker {
    const struct task *task;
    unsigned port;
    unsigned number;
    char name[32];  /* of the collection */
    char path[256]; /* of what is done to it */
    double *samples_us;
};

static void put_ids(struct buf *out, unsigned first, unsigned count)
{
    buf_append_text(out, "{\"ids\":[");
    for (unsigned i = 0; i < count; i++) {
        buf_printf(out, "%s\"r%07u\"", i == 0 ? "" : ",", first + i);
    }
    buf_append_text(out, "]}");
}

/* The i-th request of a worker.  New records get numbers that nobody else uses; the others exist. */
static void put_request(const struct worker *w, unsigned i, struct buf *out)
{
    const struct task *t = w->task;
    unsigned fresh = t->held + (w->number * t->samples + i) * t->records;
    unsigned old = t->held == 0 ? 0 : i * t->records % t->held;
    char path[300];
    struct buf body;
    buf_init(&body, (size_t)64 * 1024 * 1024);
    (void)snprintf(path, sizeof(path), "%s/%s", w->path, chroma_op_name(t->op));
    if (t->op == OP_VERSION) {
        bench_request(out, "GET", "/api/v2/version", STR(""));
    } else if (t->op == OP_COUNT) {
        bench_request(out, "GET", path, STR(""));
    } else if (t->op == OP_COLLECTION_GET) {
        (void)snprintf(path, sizeof(path), BENCH_COLLECTIONS "/%s", w->name);
        bench_request(out, "GET", path, STR(""));
    } else if (t->op == OP_COLLECTION_CREATE) {
        buf_printf(&body, "{\"name\":\"made-%u-%u\"}", w->number, i);
        bench_request(out, "POST", BENCH_COLLECTIONS, buf_str(&body));
    } else {
        if (t->op == OP_QUERY) {
            buf_append_text(&body, "{\"n_results\":10,\"query_embeddings\":[");
            bench_put_vector(&body, 90000000u + fresh, NUMBERS);
            buf_append_text(&body, "]}");
        } else if (t->op == OP_GET || t->op == OP_DELETE) {
            put_ids(&body, old, t->records);
        } else {
            bench_put_records(&body, t->op == OP_ADD ? fresh : old, t->records, NUMBERS, DOCUMENT_BYTES);
        }
        bench_request(out, "POST", path, buf_str(&body));
    }
    buf_deinit(&body);
}

static void *work(void *context)
{
    struct worker *w = context;
    struct bench_client client;
    struct buf request;
    bench_client_init(&client, w->port);
    buf_init(&request, (size_t)64 * 1024 * 1024);
    for (unsigned i = 0; i < w->task->samples; i++) {
        buf_clear(&request);
        put_request(w, i, &request);
        w->samples_us[i] = (double)bench_ask(&client, buf_str(&request)) / (double)NS_PER_US;
        if (client.status / 100 != 2) {
            bench_die("a measured request failed");
        }
    }
    buf_deinit(&request);
    bench_client_deinit(&client);
    return NULL;
}

static void fill(struct bench_client *client, const char *path, unsigned held)
{
    char target[300];
    struct buf body;
    buf_init(&body, (size_t)64 * 1024 * 1024);
    (void)snprintf(target, sizeof(target), "%s/add", path);
    for (unsigned first = 0; first < held; first += FILL_BATCH) {
        unsigned count = held - first < FILL_BATCH ? held - first : FILL_BATCH;
        buf_clear(&body);
        bench_put_records(&body, first, count, NUMBERS, DOCUMENT_BYTES);
        bench_must(client, "POST", target, buf_str(&body), 201);
    }
    buf_deinit(&body);
}

static void print_row(const struct task *t, double *us, size_t count)
{
    static const unsigned per_cent[] = { 0, 10, 25, 50, 75, 90, 95, 99, 100 };
    (void)bench_median(us, count); /* sorts */
    (void)printf("    X(%s, %u, %u, %u, %zu", t->name, t->records, t->held, t->clients, count);
    for (size_t i = 0; i < sizeof(per_cent) / sizeof(per_cent[0]); i++) {
        (void)printf(", %.0f", us[(count - 1) * per_cent[i] / 100]);
    }
}

static void run_task(const struct task *t, unsigned port, unsigned number)
{
    static double us[CLIENTS_MAX * SAMPLES_MAX];
    struct worker workers[CLIENTS_MAX];
    pthread_t threads[CLIENTS_MAX];
    struct bench_client client;
    char name[32];
    char path[256] = "";
    (void)snprintf(name, sizeof(name), "task-%u", number);
    if (t->held > 0) {
        bench_client_init(&client, port);
        bench_collection(&client, name, path, sizeof(path));
        fill(&client, path, t->held);
        bench_client_deinit(&client);
    }
    for (unsigned i = 0; i < t->clients; i++) {
        workers[i] =
            (struct worker){ .task = t, .port = port, .number = i, .samples_us = us + i * t->samples };
        memcpy(workers[i].path, path, sizeof(path));
        memcpy(workers[i].name, name, sizeof(name));
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) {
            bench_die("no thread");
        }
    }
    for (unsigned i = 0; i < t->clients; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    print_row(t, us, (size_t)t->clients * t->samples);
}

int main(int argc, char **argv)
{
    uint64_t port;
    size_t count = sizeof(tasks) / sizeof(tasks[0]);
    if (argc != 4 || units_parse_u64(str_of(argv[1]), &port, NULL) != 0) {
        bench_die("usage: measure_latency PORT VERSION MACHINE");
    }
    (void)printf(
        "/* Written by scripts/measure-latency, not to be edited: Chroma %s on\n"
        " * %s.\n"
        " *\n"
        " * X(operation, records in the request, records held, clients, samples,\n"
        " * least, p10, p25, p50, p75, p90, p95, p99, most: microseconds) */\n"
        "#ifndef WALDRILL_MOCKCHROMA_CORE_LATENCY_MEASURED_H\n"
        "#define WALDRILL_MOCKCHROMA_CORE_LATENCY_MEASURED_H\n\n"
        "/* clang-format off */\n#define LATENCY_MEASURED(X) \\\n",
        argv[2], argv[3]);
    for (size_t i = 0; i < count; i++) {
        run_task(&tasks[i], (unsigned)port, (unsigned)i);
        (void)printf(i + 1 < count ? ") \\\n" : ")\n");
        (void)fflush(stdout);
    }
    (void)printf("/* clang-format on */\n\n#endif\n");
    return 0;
}
