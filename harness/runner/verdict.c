/* The verdict and the two or three sentences that tell a person what happened. */
#include "harness/runner/run.h"

#include "base/memory.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VERDICT_WORDS ((size_t)4096)

static const struct assertion_result *verdict_first_failed(const struct results *r,
                                                           bool wanted[ASSERT_CLEANUP + 1])
{
    for (size_t i = 0; i < r->assertion_count; i++) {
        const struct assertion_result *a = &r->assertions[i];
        if (wanted[a->kind] && !a->passed && !a->skipped) {
            return a;
        }
    }
    return NULL;
}

static bool verdict_is_unknown(const struct assertion_result *a)
{
    return a->kind == ASSERT_EXPECT && a->saw != NULL && strncmp(a->saw, "unknown:", 8) == 0;
}

/* A promise about operations that nobody made is kept by doing nothing: invariants count when there were any.
 */
static bool verdict_asserts_something(const struct run *run)
{
    const struct results *r = run->results;
    for (size_t i = 0; i < r->assertion_count; i++) {
        enum assertion_kind kind = r->assertions[i].kind;
        bool counts = kind == ASSERT_EXPECT || kind == ASSERT_STEP ||
                      (kind == ASSERT_INVARIANT && run->history->op_count > 0);
        if (counts && !r->assertions[i].skipped) {
            return true;
        }
    }
    return false;
}

/* The assertion that decided, NULL when none did; see judging.c for the order. */
static enum verdict verdict_decide(struct run *run, const struct assertion_result **why)
{
    struct results *r = run->results;
    *why = NULL;
    if (run->broken[0] != '\0') { /* only an engine's own promises (ops->judge) are judged then */
        *why = verdict_first_failed(r, (bool[]){ [ASSERT_INVARIANT] = true, [ASSERT_CLEANUP] = false });
        if (*why != NULL) {
            return VERDICT_FAIL;
        }
        *why = verdict_first_failed(r, (bool[]){ [ASSERT_CLEANUP] = true });
        return *why != NULL ? VERDICT_CLEANUP_FAILED : VERDICT_ERROR;
    }
    *why = verdict_first_failed(r, (bool[]){ [ASSERT_INVARIANT] = true, [ASSERT_CLEANUP] = false });
    if (*why != NULL) {
        return VERDICT_FAIL;
    }
    *why = verdict_first_failed(r, (bool[]){ [ASSERT_VALIDITY] = true, [ASSERT_CLEANUP] = false });
    if (*why != NULL) {
        return VERDICT_INVALID;
    }
    for (size_t i = 0; i < r->assertion_count; i++) {
        const struct assertion_result *a = &r->assertions[i];
        if (!a->passed && !a->skipped && a->kind != ASSERT_CLEANUP && !verdict_is_unknown(a)) {
            *why = a;
            return VERDICT_FAIL;
        }
    }
    if (run->invalid[0] != '\0') {
        return VERDICT_INVALID;
    }
    if (!verdict_asserts_something(run)) {
        (void)snprintf(run->invalid, sizeof(run->invalid), "nothing was asserted");
        return VERDICT_INVALID;
    }
    *why = verdict_first_failed(r, (bool[]){ [ASSERT_CLEANUP] = true });
    return *why != NULL ? VERDICT_CLEANUP_FAILED : VERDICT_PASS;
}

/* ---- the story ---- */

static void verdict_duration(uint64_t ns, char *out, size_t size)
{
    uint64_t unit_ns = ns >= 10 * NS_PER_S ? NS_PER_S : ns >= NS_PER_S ? NS_PER_S / 10 : NS_PER_MS;
    uint64_t rounded_ns = (ns + unit_ns / 2) / unit_ns * unit_ns;
    if (rounded_ns % (60 * NS_PER_S) == 0 && rounded_ns > 0) {
        uint64_t minutes = rounded_ns / (60 * NS_PER_S);
        (void)snprintf(out, size, "%" PRIu64 " minute%s", minutes, minutes == 1 ? "" : "s");
        return;
    }
    units_format_duration(rounded_ns, out, size);
}

static const char *verdict_deed(const char *what)
{
    static const struct {
        const char *what, *deed;
    } deeds[] = {
        { "refuse", "was down" },
        { "blackhole", "answered nothing" },
        { "kill", "was killed and away" },
        { "pause", "stood still" },
        { "restart", "was restarted, away" },
        { "delay", "was slow" },
        { "recover", "came back slowly" },
        { "status", "answered errors" },
        { "respond", "answered errors" },
        { "flap", "went up and down" },
    };
    for (size_t i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
        if (strcmp(deeds[i].what, what) == 0) {
            return deeds[i].deed;
        }
    }
    return NULL;
}

static void verdict_tell_faults(const struct results *r, struct buf *out)
{
    for (size_t i = 0; i < r->fault_count && i < 3; i++) {
        const struct fault_span *fault = &r->faults[i];
        char length[48];
        verdict_duration((uint64_t)(fault->end_ns - fault->start_ns), length, sizeof(length));
        const char *who = strcmp(fault->target, "lb") == 0 ? "balancer" : fault->target;
        const char *deed = verdict_deed(fault->what);
        if (deed != NULL) {
            buf_printf(out, "The %s %s for %s. ", who, deed, length);
        } else {
            buf_printf(out, "Fault %s (%s) held the %s for %s. ", fault->name, fault->what, who, length);
        }
    }
    if (r->fault_count > 3) {
        buf_printf(out, "%zu more fault%s followed. ", r->fault_count - 3, r->fault_count == 4 ? "" : "s");
    }
}

static void verdict_tell_load(const struct results *r, struct buf *out)
{
    if (r->writes_offered > 0) {
        buf_printf(out, "%" PRIu64 " of %" PRIu64 " writes were accepted", r->writes_accepted,
                   r->writes_offered);
        if (r->writes_queued > 0) {
            buf_printf(out, ", %" PRIu64 " of them while the primary could not take them", r->writes_queued);
        }
        buf_append_text(out, r->reads_offered > 0 ? "; " : ". ");
    }
    if (r->reads_offered > 0) {
        buf_printf(out, "%" PRIu64 " of %" PRIu64 " reads were answered. ", r->reads_ok, r->reads_offered);
    }
}

static void verdict_tell_pending(const struct run *run, struct buf *out)
{
    const struct history *h = run->history;
    double most = 0;
    int64_t last_waiting_ns = 0;
    for (size_t i = 0; i < h->sample_count; i++) {
        if (h->samples[i].answered && h->samples[i].pending_writes > 0) {
            most = h->samples[i].pending_writes > most ? h->samples[i].pending_writes : most;
            last_waiting_ns = h->samples[i].at_ns;
        }
    }
    if (most <= 0) {
        return;
    }
    buf_printf(out, "At most %.0f write%s waited for the primary", most, most > 1 ? "s" : "");
    int64_t back_ns = 0;
    for (size_t i = 0; i < run->results->fault_count; i++) {
        const struct fault_span *fault = &run->results->faults[i];
        if (strcmp(fault->target, "primary") == 0 && strcmp(fault->what, "recover") != 0 &&
            fault->end_ns > back_ns) {
            back_ns = fault->end_ns;
        }
    }
    if (run->drained && back_ns > 0 && last_waiting_ns > back_ns) {
        char length[48];
        verdict_duration((uint64_t)(last_waiting_ns - back_ns), length, sizeof(length));
        buf_printf(out, "; the last of them reached it about %s after its return", length);
    }
    buf_append_text(out, ". ");
}

static bool verdict_passed(const struct results *r, const char *name)
{
    for (size_t i = 0; i < r->assertion_count; i++) {
        const struct assertion_result *a = &r->assertions[i];
        if (a->kind == ASSERT_INVARIANT && strcmp(a->name, name) == 0) {
            return a->passed && !a->skipped;
        }
    }
    return false;
}

static void verdict_tell_end(const struct run *run, const struct assertion_result *why, struct buf *out)
{
    struct results *r = run->results;
    switch (r->verdict) {
        case VERDICT_PASS:
            if (verdict_passed(r, "no_lost_ack")) {
                buf_append_text(out, "Nothing acknowledged was lost");
                buf_append_text(out, verdict_passed(r, "converge") && run->scenario->has_replica
                                         ? ", and both instances hold the same content at the end."
                                         : ".");
            }
            break;
        case VERDICT_FAIL:
        case VERDICT_CLEANUP_FAILED:
            buf_printf(out, "But: %s - expected %s; saw %s.", why->name,
                       why->expected == NULL ? "" : why->expected, why->saw == NULL ? "" : why->saw);
            if (run->broken[0] != '\0') {
                buf_printf(out, " The run broke off: %s", run->broken);
            }
            break;
        case VERDICT_INVALID:
            buf_printf(out, "This proves nothing: %s.", run->invalid[0] == '\0' ? why->name : run->invalid);
            break;
        case VERDICT_ERROR:
            buf_printf(out, "The run broke off: %s", run->broken);
            break;
    }
    if (run->died_in_memory > 0) {
        buf_printf(
            out,
            " The balancer kept its queue in memory and was killed with %.0f writes in it: they are lost"
            "%s.",
            run->died_in_memory,
            run->history->lb_lost_queue ? ", and it says so" : ", and it does not say so");
    }
}

static char *verdict_reproduce(const struct run *run)
{
    struct buf line;
    buf_init(&line, VERDICT_WORDS);
    bool drill = run->options->person != NULL;
    buf_printf(&line, "waldrill %s %s --engine %s", drill ? "rehearse" : "run", run->results->path,
               run->engine->ops->name);
    if (run->scenario->variant != NULL) {
        buf_printf(&line, " --only '%s'", run->scenario->variant);
    }
    if (run->scenario->variant == NULL ||
        run->seed != run->scenario->seed) { /* else the matrix may name it */
        buf_printf(&line, " --seed %" PRIu64, run->seed);
    }
    if (run->options->mutant != NULL) {
        buf_printf(&line, " --mutant %s", run->options->mutant);
    }
    if (run->options->time_scale > 0 && strcmp(run->engine->ops->name, "real") == 0) {
        buf_printf(&line, drill ? " --speed %g" : " --time-scale %g", run->options->time_scale);
    }
    char *text = mem_strdup(buf_text(&line));
    buf_deinit(&line);
    return text;
}

void judging_verdict(struct run *run)
{
    struct results *r = run->results;
    const struct assertion_result *why;
    r->verdict = verdict_decide(run, &why);
    struct buf words;
    buf_init(&words, VERDICT_WORDS);
    verdict_tell_faults(r, &words);
    verdict_tell_load(r, &words);
    verdict_tell_pending(run, &words);
    verdict_tell_end(run, why, &words);
    struct str told = str_trim(buf_str(&words));
    r->verdict_words = mem_strndup(told.size == 0 ? "" : told.data, told.size);
    buf_deinit(&words);
    if (r->reproduce == NULL) { /* else the engine has said how */
        r->reproduce = verdict_reproduce(run);
    }
}
