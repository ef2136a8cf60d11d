/* Is mockchroma a Chroma?  Every exchange recorded with a real server is played against it.
 *
 * With --url http://127.0.0.1:PORT the same exchanges go to a server that runs already (a real Chroma
 * on a fresh folder), which tests the test; system-reset is left out then unless --reset is given. */
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

static struct transcript_result play(const char *area, unsigned port)
{
    char path[600];
    (void)snprintf(path, sizeof(path), TEST_DATA_DIR "/chroma-transcripts/%s.jsonl", area);
    struct transcript_result r = transcript_play(path, port);
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

static void every_exchange_agrees(void)
{
    unsigned port;
    struct process *p = start_mock(&port, false);
    for (size_t i = 0; i < AREAS; i++) {
        struct transcript_result r = play(areas[i].name, port);
        CU_ASSERT_EQUAL(r.played, areas[i].exchanges);
        CU_ASSERT_EQUAL(r.agreed, r.played);
    }
    stop_mock(p);
}

static void reset_agrees_when_allowed(void)
{
    unsigned port;
    struct process *p = start_mock(&port, true);
    struct transcript_result r = play("system-reset", port);
    CU_ASSERT_EQUAL(r.played, 13);
    CU_ASSERT_EQUAL(r.agreed, r.played);
    stop_mock(p);
}

static int play_against(const char *url, bool reset)
{
    struct transcript_result total = { 0, 0 };
    const char *colon = strrchr(url, ':');
    unsigned port = colon == NULL ? 0 : (unsigned)strtoul(colon + 1, NULL, 10);
    for (size_t i = 0; i < AREAS + (reset ? 1U : 0U); i++) {
        struct transcript_result r = play(i == AREAS ? "system-reset" : areas[i].name, port);
        total.played += r.played;
        total.agreed += r.agreed;
    }
    (void)printf("%zu of %zu exchanges agree\n", total.agreed, total.played);
    return total.agreed == total.played ? 0 : 1;
}

static const struct suite_test tests[] = {
    { "every exchange recorded with a real server agrees", every_exchange_agrees },
    { "reset agrees when it is allowed", reset_agrees_when_allowed },
};

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--url") == 0) {
        return play_against(argv[2], argc > 3 && strcmp(argv[3], "--reset") == 0);
    }
    return suite_main(argc, argv, "mock conformance", tests, sizeof(tests) / sizeof(tests[0]));
}
