#include "proxy/core/why.h"

#include "base/units.h"
#include "proxy/core/admin.h"
#include "proxy/core/pace.h"
#include <stdio.h>

#define PATIENCE_NS NS_PER_S /* an answer that has not come for so long is worth a word */

static const char *until(const struct core *core, const char *what, uint64_t at_ns, char text[WHY_SIZE])
{
    double wait_s = at_ns > core->now_ns ? (double)(at_ns - core->now_ns) / (double)NS_PER_S : 0;
    (void)snprintf(text, WHY_SIZE, "%s; next try in %.1f s", what, wait_s);
    return text;
}

/* Since when the request that carries it is out. */
static uint64_t sent_ns(const struct core *core, const struct entry *entry, unsigned i)
{
    for (const struct call *call = core->calls; call != NULL; call = call->hh.next) {
        for (size_t k = 0; call->instance == i && k < call->member_count; k++) {
            if (call->members[k] == entry) {
                return call->sent_ns;
            }
        }
    }
    return core->now_ns;
}

static const char *why_strand(const struct core *core, const struct entry *entry, const struct strand *strand,
                              unsigned i, char text[WHY_SIZE])
{
    if (strand->fenced[i]) {
        return strand->retry_ns[i] > core->now_ns
                   ? until(core, "an earlier request may still be applied, a fence comes first",
                           strand->retry_ns[i], text)
                   : "an earlier request may still be applied: waiting for the answer to a fence";
    }
    if (strand->retry_ns[i] > core->now_ns) {
        return until(core, entry->failed[i] ? "the oldest write has failed too often" : "the last try failed",
                     strand->retry_ns[i], text);
    }
    return strand->awaits_sync ? "waiting for the log to be on disk" : NULL;
}

const char *why_instance(const struct core *core, unsigned i, char text[WHY_SIZE])
{
    const struct instance *instance = &core->instances[i];
    if (core->log_failed) {
        return "the write-ahead log failed; walproxy has to be restarted";
    }
    if (instance->trouble != NULL) {
        return instance->trouble;
    }
    if (admin_holds(core)) {
        return "paused by an operator";
    }
    if (core->unreadable_lsn != 0) {
        return "a pending write cannot be read back from the log (see log_read_failed); its collection waits";
    }
    if (instance->backoff_ns > core->now_ns) {
        char what[64];
        (void)snprintf(what, sizeof(what), "the %s answered \"not now\" or not at all", instance->name);
        return until(core, what, instance->backoff_ns, text);
    }
    return NULL;
}

static const char *why_held_back(const struct core *core, unsigned i, char text[WHY_SIZE])
{
    uint64_t held_ns = pace_waits_until(core, i);
    if (held_ns <= core->now_ns + PATIENCE_NS) {
        return NULL;
    }
    return until(core,
                 core->throttled       ? "throttled by an operator"
                 : pace_rate(core) > 0 ? "held to REPLAY_RATE"
                                       : "throttled after a failure",
                 held_ns, text);
}

const char *why_write(const struct core *core, const struct entry *entry, unsigned i, char text[WHY_SIZE])
{
    if (entry->at[i] == AT_SENT) {
        uint64_t out_ns = core->now_ns - sent_ns(core, entry, i);
        (void)snprintf(text, WHY_SIZE, "the %s has not answered for %.1f s", core->instances[i].name,
                       (double)out_ns / (double)NS_PER_S);
        return out_ns > PATIENCE_NS ? text
               : entry->failed[i]   ? "the oldest write has failed too often; it is being tried again"
                                    : NULL;
    }
    for (unsigned k = 0; k < entry_strands(entry); k++) {
        const char *words = why_strand(core, entry, entry_strand(entry, k), i, text);
        if (words != NULL) {
            return words;
        }
    }
    const char *words = why_held_back(core, i, text);
    return words != NULL      ? words
           : entry->failed[i] ? "the oldest write has failed too often; it is tried again"
                              : NULL;
}

const char *why_not_replaying(const struct core *core, const struct entry *oldest, char text[WHY_SIZE])
{
    if (core->instances[core->primary].pending == 0 || oldest == NULL) {
        return NULL;
    }
    const char *words = why_instance(core, core->primary, text);
    return words != NULL ? words : why_write(core, oldest, core->primary, text);
}
