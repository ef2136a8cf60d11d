/* A run's account for a person: the verdict, what failed with its place, what was expected, what was seen,
 * and what led to it; then the figures.  Below GitHub's runner each failure is an annotation of the YAML
 * line, too. */
#include "harness/cli/account.h"

#include "base/units.h"
#include "harness/cli/cli.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FAILURES_SHOWN 20
#define EVENTS_SHOWN   10

static const char *verdict_colour(enum verdict verdict)
{
    if (!cli_colour(stdout)) {
        return "";
    }
    return verdict == VERDICT_PASS ? "\033[1;32m" : verdict == VERDICT_INVALID ? "\033[1;33m" : "\033[1;31m";
}

static void time_text(int64_t ns, char *out, size_t size)
{
    units_format_duration((uint64_t)(ns < 0 ? 0 : ns - ns % 1000000), out, size);
}

static void print_failure(const struct results *r, const struct assertion_result *a)
{
    (void)printf("  FAILED %s\n", a->name);
    if (a->line != 0) {
        (void)printf("    at        %s:%u\n", r->path, a->line);
    }
    if (a->expected != NULL) {
        (void)printf("    expected  %s\n", a->expected);
    }
    if (a->saw != NULL) {
        (void)printf("    saw       %s\n", a->saw);
    }
    if (a->at_ns != HISTORY_NEVER) {
        char when[40];
        time_text(a->at_ns, when, sizeof(when));
        (void)printf("    when      %s after the start\n", when);
    }
}

/* What led to it: the last events before. */
static void print_events_before(const struct results *r, int64_t at_ns)
{
    size_t end = 0;
    while (end < r->event_count && r->events[end].at_ns <= at_ns) {
        end++;
    }
    for (size_t i = end > EVENTS_SHOWN ? end - EVENTS_SHOWN : 0; i < end; i++) {
        char when[40];
        time_text(r->events[i].at_ns, when, sizeof(when));
        (void)printf("    %-9s %10s  %s\n", i + EVENTS_SHOWN == end || i == 0 ? "before" : "", when,
                     r->events[i].text);
    }
}

/* A line of GitHub's own (workflow commands): the mistake is shown beside the line of the YAML file. */
static void put_escaped(const char *text, bool property)
{
    for (; *text != '\0'; text++) {
        if (*text == '%' || *text == '\r' || *text == '\n' || (property && (*text == ':' || *text == ','))) {
            (void)printf("%%%02X", (unsigned)(unsigned char)*text);
        } else {
            (void)putchar(*text);
        }
    }
}

static void annotate(const struct results *r, const struct assertion_result *a)
{
    (void)printf("::error file=");
    put_escaped(r->path, true);
    (void)printf(",line=%u,title=", a->line == 0 ? 1 : a->line);
    put_escaped(r->scenario, true);
    (void)printf("::");
    put_escaped(a->name, false);
    (void)printf(" - expected ");
    put_escaped(a->expected == NULL ? "" : a->expected, false);
    (void)printf("; saw ");
    put_escaped(a->saw == NULL ? "" : a->saw, false);
    (void)putchar('\n');
}

static bool on_github(void)
{
    const char *value = getenv("GITHUB_ACTIONS");
    return value != NULL && strcmp(value, "true") == 0;
}

static void annotate_all(const struct results *r)
{
    for (size_t i = 0; i < r->assertion_count; i++) {
        if (!r->assertions[i].passed && !r->assertions[i].skipped) {
            annotate(r, &r->assertions[i]);
        }
    }
}

static void print_assertions(const struct results *r)
{
    size_t passed = 0;
    size_t skipped = 0;
    size_t failed = 0;
    for (size_t i = 0; i < r->assertion_count; i++) {
        const struct assertion_result *a = &r->assertions[i];
        passed += a->passed && !a->skipped;
        skipped += a->skipped;
        if (!a->passed && !a->skipped && failed++ < FAILURES_SHOWN) {
            print_failure(r, a);
            if (failed == 1 && a->at_ns != HISTORY_NEVER) { /* those of the others are in the report */
                print_events_before(r, a->at_ns);
            }
        }
    }
    if (failed > FAILURES_SHOWN) {
        (void)printf("  and %zu more failed; see the report\n", failed - FAILURES_SHOWN);
    }
    (void)printf("  checks    %zu held, %zu failed", passed, failed);
    (void)printf(skipped == 0 ? "\n" : ", %zu skipped (see the report)\n", skipped);
}

void account_print(const struct results *r, const char *out, bool quiet)
{
    char simulated[40];
    time_text(r->simulated_ns, simulated, sizeof(simulated));
    (void)printf("%s%s%s %s (%s)\n", verdict_colour(r->verdict), verdict_name(r->verdict),
                 cli_colour(stdout) ? "\033[0m" : "", r->scenario, r->engine);
    if (r->verdict_words != NULL) {
        (void)printf("  %s\n", r->verdict_words);
    }
    if (on_github()) {
        annotate_all(r);
    }
    if (quiet) {
        return;
    }
    print_assertions(r);
    (void)printf("  writes    %" PRIu64 " offered, %" PRIu64 " accepted (%" PRIu64
                 " of them queued), %" PRIu64 " refused, %" PRIu64 " failed\n",
                 r->writes_offered, r->writes_accepted, r->writes_queued, r->writes_refused,
                 r->writes_failed);
    (void)printf("  reads     %" PRIu64 " offered, %" PRIu64 " answered, %" PRIu64 " failed\n",
                 r->reads_offered, r->reads_ok, r->reads_failed);
    (void)printf("  time      %s simulated, %.2f s on the wall\n", simulated, r->wall_seconds);
    (void)printf("  seed      %" PRIu64 "\n", r->seed);
    if (r->journal_hash[0] != '\0') {
        (void)printf("  journal   %s\n", r->journal_hash);
    }
    if (out != NULL) {
        (void)printf("  report    %s%s\n", out, (r->formats & REPORT_HTML) != 0 ? "/report.html" : "");
    }
    if (r->verdict != VERDICT_PASS && r->reproduce != NULL) {
        (void)printf("  again     %s\n", r->reproduce);
    }
}
