/* What the known-bad cores do where it takes more than a line; nothing in a release. */
#include "proxy/core/mutants.h"

#ifdef WALDRILL_MUTANTS
#include "base/error.h"
#include "proxy/core/clients.h"
#include "proxy/core/payload.h"
#include "proxy/core/strands.h"
#include "proxy/core/writes.h"

#define LOADED 12 /* writes open at once */

const char *const core_mutant_names[] = {
#define X(id, name, promise, meaning) name,
    MUTANT_TABLE(X)
#undef X
        NULL
};

int core_set_mutant(struct core *core, const char *name)
{
    static const enum mutant ids[] = {
#define X(id, name, promise, meaning) id,
        MUTANT_TABLE(X)
#undef X
    };
    for (size_t i = 0; core_mutant_names[i] != NULL; i++) {
        if (strcmp(core_mutant_names[i], name) == 0) {
            core->mutant = ids[i];
            return 0;
        }
    }
    return ERR_NOT_FOUND;
}

/* ---- order ---- */

bool mutant_picks(const struct core *core)
{
    return MUTANT(core, MUTANT_OVERTAKE) || MUTANT(core, MUTANT_DELETES_FIRST) ||
           MUTANT(core, MUTANT_NEWEST_FIRST);
}

struct entry *mutant_pick(struct core *core, struct strand *strand, unsigned i, struct entry *head)
{
    struct entry *picked = head;
    if (!mutant_picks(core) || head->fate != FATE_ACCEPTED || head->at[i] != AT_WAITING) {
        return head;
    }
    for (uint64_t place = strand->next[i]; place < strand_end(strand); place++) {
        struct entry *entry = strand_at(strand, place);
        if (entry == NULL || entry->at[i] != AT_WAITING || entry_strands(entry) != 1) {
            continue;
        }
        bool live = entry->fate == FATE_UNDECIDED && entry->near->asker == i;
        bool waits = entry->fate == FATE_ACCEPTED;
        if ((MUTANT(core, MUTANT_OVERTAKE) && live) ||
            (MUTANT(core, MUTANT_DELETES_FIRST) && waits && entry->op == OP_DELETE)) {
            return entry;
        }
        picked = MUTANT(core, MUTANT_NEWEST_FIRST) && waits ? entry : picked;
    }
    return picked;
}

/* ---- what is dropped ---- */

bool mutant_drops(const struct core *core, const struct entry *entry, unsigned i)
{
    if (entry->fate != FATE_ACCEPTED) {
        return false;
    }
    bool hard = MUTANT(core, MUTANT_DROP_AFTER_THREE) && entry->attempts[i] >= 3;
    bool deletes =
        MUTANT(core, MUTANT_DROP_DELETES) && entry->op == OP_DELETE && entry->late && i == core->primary;
    return hard || deletes;
}

void mutant_accepted(struct core *core, struct entry *entry)
{
    for (unsigned i = 0; MUTANT(core, MUTANT_FORGETS_REPLICA) && i < core->instance_count; i++) {
        if (i != core->primary && core->instances[i].state != INSTANCE_UP) {
            entry_finish_at(core, entry, i, false);
        }
    }
}

bool mutant_drops_unlogged(struct core *core, struct client *client)
{
    if (!MUTANT(core, MUTANT_DROPS_UNDER_LOAD) || core->entries.live < LOADED) {
        return false;
    }
    client_reply(core, client, client->route.op == OP_ADD ? 201 : 200,
                 client_headers(client, "application/json", false, 0), block_copy("{}", 2));
    return true;
}

void mutant_logs_refused(struct core *core, struct client *client, const struct record_write *record)
{
    if (MUTANT(core, MUTANT_LOGS_REFUSED)) {
        struct record_write copy = *record;
        writes_begin(core, client, &copy);
        client->entry->near->client = 0;
        client->entry = NULL;
    }
}

/* ---- what answers mean ---- */

bool mutant_sends_refused(const struct core *core, const struct entry *entry)
{
    return MUTANT(core, MUTANT_REFUSED_ELSEWHERE) && writes_of_records((enum chroma_op)entry->op);
}

enum verdict_of_write mutant_verdict(const struct core *core, const struct call *call, int status,
                                     enum verdict_of_write verdict)
{
    bool replay = call->members[0]->fate == FATE_ACCEPTED;
    if ((MUTANT(core, MUTANT_IGNORES_STATUS) && replay) ||
        (MUTANT(core, MUTANT_TRUSTS_PAGE) && replay && status == 404)) {
        return WRITE_APPLIED;
    }
    if (MUTANT(core, MUTANT_ERROR_IS_NO) && verdict == WRITE_AMBIGUOUS && status == 500) {
        return WRITE_REJECTED;
    }
    return verdict;
}

static bool all_are(const struct call *call, enum entry_fate fate)
{
    for (size_t k = 0; k < call->member_count; k++) {
        if (call->members[k]->fate != fate) {
            return false;
        }
    }
    return true;
}

static void tell_no(struct core *core, struct entry *entry)
{
    struct client *client = writes_client(core, entry);
    struct decision decision = {
        .by = PROXY_DECIDES,
        .status = 400,
        .headers = client == NULL ? NULL : client_headers(client, "application/json", false, 0),
        .body = block_copy("{}", 2),
        .reason = STR("{}"),
    };
    entry_reject(core, entry, &decision);
}

bool mutant_believes_silence(struct core *core, struct call *call)
{
    bool yes = MUTANT(core, MUTANT_TIMEOUT_IS_DONE) && all_are(call, FATE_ACCEPTED);
    bool no = MUTANT(core, MUTANT_TIMEOUT_IS_NO) && all_are(call, FATE_UNDECIDED);
    for (size_t k = 0; (yes || no) && k < call->member_count; k++) {
        if (yes) {
            entry_applied(core, call->members[k], call->instance, NULL);
        } else {
            tell_no(core, call->members[k]);
        }
    }
    return yes || no;
}

/* ---- once more, and together ---- */

void mutant_replayed(struct core *core, struct entry *entry, unsigned i)
{
    if (MUTANT(core, MUTANT_REPLAYS_TWICE) && i == core->primary && entry->late &&
        writes_of_records((enum chroma_op)entry->op) && payload_is_here(entry) && !entry->near->redriven) {
        (void)writes_redrive(core, entry->near->meta, entry->near->body);
    }
}

void mutant_split(struct core *core, struct call *call)
{
    struct entry *last = call->members[call->member_count - 1];
    if (MUTANT(core, MUTANT_SPLIT_LOSES) && last->fate == FATE_ACCEPTED) {
        entry_applied(core, last, call->instance, NULL);
    }
}

static bool adds(const struct entry *entry)
{
    return entry->op == OP_ADD || entry->op == OP_UPSERT;
}

bool mutant_joins(const struct core *core, const struct entry *entry, const struct entry *head)
{
    return MUTANT(core, MUTANT_JOINS_KINDS) && adds(entry) && adds(head);
}

size_t mutant_first_row(const struct core *core, size_t rows)
{
    return MUTANT(core, MUTANT_SKIPS_ROW) && rows > 1 ? 1 : 0;
}

/* ---- health ---- */

bool mutant_tells_healthy(const struct core *core, unsigned i, bool healthy)
{
    bool returned = core->instances[i].came_up_ns != 0;
    return MUTANT(core, MUTANT_ALWAYS_HEALTHY) ||
           (healthy && !(MUTANT(core, MUTANT_DOWN_STICKS) && returned));
}

bool mutant_ignores_return(const struct core *core, unsigned i)
{
    const struct instance *instance = &core->instances[i];
    return MUTANT(core, MUTANT_NEVER_BACK) && instance->came_up_ns != 0 && instance->state != INSTANCE_UP;
}
#endif
