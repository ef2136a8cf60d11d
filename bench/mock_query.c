/* A query of the 10 nearest among 100,000 records of 384 numbers, asked of the mock and of a real Chroma in
 * alternation.  Medians.
 *
 *   CHROMA_PORT=N bench_mock_query BIN DIR [ROUNDS]
 *
 * The mock looks at every record, the real one at an index; the mock may take five times as long. */
#include "base/units.h"
#include "bench/client.h"
#include "bench/measure.h"
#include "bench/programs.h"
#include <stdio.h>
#include <stdlib.h>

#define RECORDS    100000u
#define BATCH      5000u /* a real server takes 5461 at most */
#define NUMBERS    384u
#define ROUNDS_MAX 1001u
#define BODY_MAX   ((size_t)256 * 1024 * 1024)

struct server {
    const char *name;
    struct bench_client client;
    char add[300];
    char query[300];
    double ms[ROUNDS_MAX];
};

static void open_server(struct server *s, const char *name, unsigned port)
{
    char path[280];
    s->name = name;
    bench_client_init(&s->client, port);
    bench_collection(&s->client, "films", path, sizeof(path));
    (void)snprintf(s->add, sizeof(s->add), "%s/add", path);
    (void)snprintf(s->query, sizeof(s->query), "%s/query", path);
}

static void fill(struct server *servers, size_t count)
{
    uint64_t took[2] = { 0 };
    struct buf body;
    struct buf request;
    buf_init(&body, BODY_MAX);
    buf_init(&request, BODY_MAX);
    for (unsigned first = 0; first < RECORDS; first += BATCH) {
        buf_clear(&body);
        bench_put_records(&body, first, BATCH, NUMBERS, 0);
        for (size_t i = 0; i < count; i++) {
            buf_clear(&request);
            bench_request(&request, "POST", servers[i].add, buf_str(&body));
            took[i] += bench_ask(&servers[i].client, buf_str(&request));
            if (servers[i].client.status != 201) {
                bench_die("a batch of records was not taken");
            }
        }
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* this took minutes, and more is to come */
    (void)printf("%u records of %u numbers added: %s %.1f s, %s %.1f s\n", RECORDS, NUMBERS, servers[0].name,
                 (double)took[0] / (double)NS_PER_S, servers[1].name, (double)took[1] / (double)NS_PER_S);
    buf_deinit(&body);
    buf_deinit(&request);
}

int main(int argc, char **argv)
{
    static struct bench_mock mock;
    static struct server servers[2];
    static double ratios[ROUNDS_MAX];
    uint64_t rounds = 51;
    uint64_t port;
    if (argc < 3 || argc > 4 || units_parse_u64(str_of(getenv("CHROMA_PORT")), &port, NULL) != 0 ||
        (argc > 3 && units_parse_u64(str_of(argv[3]), &rounds, NULL) != 0) || rounds == 0 ||
        rounds > ROUNDS_MAX) {
        bench_die("usage: CHROMA_PORT=N bench_mock_query BIN DIR [ROUNDS]");
    }
    struct buf body;
    struct buf request;
    buf_init(&body, BODY_MAX);
    buf_init(&request, BODY_MAX);
    bench_mock_start(&mock, "mock", argv[1], argv[2], "none");
    open_server(&servers[0], "mockchroma", mock.port);
    open_server(&servers[1], "real", (unsigned)port);
    fill(servers, 2);
    for (unsigned round = 0; round < rounds; round++) {
        buf_clear(&body);
        buf_append_text(&body, "{\"n_results\":10,\"query_embeddings\":[");
        bench_put_vector(&body, RECORDS + round, NUMBERS);
        buf_append_text(&body, "]}");
        for (size_t i = 0; i < 2; i++) {
            buf_clear(&request);
            bench_request(&request, "POST", servers[i].query, buf_str(&body));
            servers[i].ms[round] =
                (double)bench_ask(&servers[i].client, buf_str(&request)) / (double)NS_PER_MS;
            if (servers[i].client.status != 200) {
                bench_die("a query failed");
            }
        }
        ratios[round] = servers[0].ms[round] / servers[1].ms[round];
    }
    (void)printf("10 nearest of %u: mockchroma %.1f ms, real %.1f ms, ratio %.2f (aim 5 at most)\n", RECORDS,
                 bench_median(servers[0].ms, rounds), bench_median(servers[1].ms, rounds),
                 bench_median(ratios, rounds));
    bench_client_deinit(&servers[0].client);
    bench_client_deinit(&servers[1].client);
    child_deinit(&mock.child);
    buf_deinit(&body);
    buf_deinit(&request);
    return 0;
}
