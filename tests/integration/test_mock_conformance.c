/* Is mockchroma a Chroma?  Every exchange recorded with a real server is played against it, as it was
 * and with other names and numbers.
 *
 * With --url http://127.0.0.1:PORT the same exchanges go to a server that runs already (a real Chroma
 * on a fresh folder), which tests the test: all areas but system-reset, or with --reset that one alone.
 * --seed N changes names and numbers. */
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include "tests/lib/transcript.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    size_t exchanges;
} areas[] = { { "system", 39 },   { "tenants-databases", 55 }, { "collections", 94 },
              { "records", 119 }, { "query-filters", 78 },     { "errors", 123 } };
enum { AREAS = sizeof(areas) / sizeof(areas[0]) };

/* Recorded later, of what the differential fuzzer found; not among the 521. */
#define FOUND "../found-transcripts/found-by-fuzzing"

static struct transcript_result play(const char *area, unsigned port, uint64_t seed)
{
    char path[600];
    (void)snprintf(path, sizeof(path), TEST_DATA_DIR "/chroma-transcripts/%s.jsonl", area);
    struct transcript_result r = transcript_play(path, port, seed);
    (void)printf("  %-20s %zu of %zu\n", area, r.agreed, r.played);
    return r;
}

static struct process *start_mock(unsigned *port, bool reset)
{
    char rest[200];
    const char *const argv[] = { TEST_BIN_DIR "/mockchroma", "--port", "0", reset ? "--allow-reset" : NULL,
                                 NULL };
    struct process *p = process_spawn(argv, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    CU_ASSERT_TRUE_FATAL(process_wait_line(p, "listening http://127.0.0.1:", rest, sizeof(rest), 10000));
    *port = (unsigned)strtoul(rest, NULL, 10);
    return p;
}

static void stop_mock(struct process *p)
{
    process_signal(p, SIGTERM);
    CU_ASSERT_EQUAL(process_wait(p, 10000), 0);
    process_free(p);
}

static void all_areas_agree(uint64_t seed)
{
    unsigned port;
    struct process *p = start_mock(&port, false);
    for (size_t i = 0; i < AREAS; i++) {
        struct transcript_result r = play(areas[i].name, port, seed);
        CU_ASSERT_EQUAL(r.played, areas[i].exchanges);
        CU_ASSERT_EQUAL(r.agreed, r.played);
    }
    if (seed == 0) {
        struct transcript_result r = play(FOUND, port, 0);
        CU_ASSERT(r.played > 130);
        CU_ASSERT_EQUAL(r.agreed, r.played);
    }
    stop_mock(p);
}

static void reset_area_agrees(uint64_t seed)
{
    unsigned port;
    struct process *p = start_mock(&port, true);
    struct transcript_result r = play("system-reset", port, seed);
    CU_ASSERT_EQUAL(r.played, 13);
    CU_ASSERT_EQUAL(r.agreed, r.played);
    stop_mock(p);
}

static void every_exchange_agrees(void)
{
    all_areas_agree(0);
}

static void reset_agrees_when_allowed(void)
{
    reset_area_agrees(0);
}

static void other_names_and_numbers_agree(void)
{
    uint64_t seed = 1 + (uint64_t)test_now_ms() % 1000000;
    (void)printf("  names and numbers changed with --seed %llu\n", (unsigned long long)seed);
    all_areas_agree(seed);
    reset_area_agrees(seed);
}

static int play_against(int argc, char **argv)
{
    struct transcript_result total = { 0, 0 };
    unsigned port = 0;
    bool reset = false;
    uint64_t seed = 0;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--reset") == 0) {
            reset = true;
        } else if (strcmp(argv[i], "--seed") == 0 && more) {
            seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--url") == 0 && more && strrchr(argv[i + 1], ':') != NULL) {
            port = (unsigned)strtoul(strrchr(argv[++i], ':') + 1, NULL, 10);
        } else {
            (void)fprintf(stderr, "expected --url http://127.0.0.1:PORT, --reset or --seed N, not %s\n",
                          argv[i]);
            return 2;
        }
    }
    size_t count = reset ? 1 : seed == 0 ? AREAS + 1 : AREAS; /* names in what was found are not changed */
    for (size_t i = 0; i < count; i++) {
        struct transcript_result r = play(reset        ? "system-reset"
                                          : i == AREAS ? FOUND
                                                       : areas[i].name,
                                          port, seed);
        total.played += r.played;
        total.agreed += r.agreed;
    }
    (void)printf("%zu of %zu exchanges agree\n", total.agreed, total.played);
    return total.agreed == total.played && total.played > 0 ? 0 : 1;
}

static const struct suite_test tests[] = {
    { "every exchange recorded with a real server agrees", every_exchange_agrees },
    { "reset agrees when it is allowed", reset_agrees_when_allowed },
    { "other names and numbers agree", other_names_and_numbers_agree },
};

int main(int argc, char **argv)
{
    if (argc > 1 && strncmp(argv[1], "--", 2) == 0) {
        return play_against(argc, argv);
    }
    return suite_main(argc, argv, "mock conformance", tests, sizeof(tests) / sizeof(tests[0]));
}
