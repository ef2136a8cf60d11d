#include "proxy/core/letters.h"

#include "base/check.h"
#include "base/json_scan.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/core/admin.h"
#include "proxy/core/checkpoint.h"
#include "proxy/core/lanes.h"
#include "proxy/core/payload.h"
#include "proxy/core/resync.h"
#include "proxy/core/strands.h"
#include "proxy/core/writes.h"
#include <stdio.h>

#define REASON_MAX    1024
#define ID_BYTES      1024
#define SEGMENTS_KEPT 4 /* of log that letters may hold back, whatever they take themselves */
#define MOVES_AT_ONCE 8 /* letters being copied to the end of the log */

/* ---- which records ---- */

/* FNV-1a: equal ids hash alike; others that do only make a redrive ask for force. */
static uint64_t hash_of(const char *id, size_t size)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (uint8_t)id[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* The list of ids of a write that touches no other record, whether Chroma takes it or not: a poison body is
 * seldom one that could be joined.  NULL when there may be others. */
static const struct json_member *ids_named(enum chroma_op op, const struct json_scan *scan)
{
    const struct json_member *ids = json_scan_find(scan, "ids");
    bool plain = scan->is_object && !scan->escaped_key && !scan->repeated_key && !scan->too_many &&
                 ids != NULL && ids->kind == JSON_ARRAY_VALUE;
    if (!plain || (op != OP_ADD && op != OP_UPSERT && op != OP_UPDATE && op != OP_DELETE)) {
        return NULL;
    }
    for (size_t i = 0; op == OP_DELETE && i < scan->count; i++) {
        if (&scan->members[i] != ids && scan->members[i].kind != JSON_NULL_VALUE) {
            return NULL; /* a filter */
        }
    }
    return ids;
}

/* The ids a write names; false when that cannot be told. *ids is the caller's to free. */
static bool ids_of(enum chroma_op op, struct str body, uint64_t **ids, size_t *count)
{
    struct json_scan scan;
    *ids = NULL;
    *count = 0;
    const struct json_member *named = json_scan(body, &scan) == 0 ? ids_named(op, &scan) : NULL;
    if (named == NULL) {
        return false;
    }
    *ids = mem_alloc_array(named->elements, sizeof(**ids));
    struct str id;
    enum json_kind kind;
    size_t at = 0;
    while (json_scan_next(named->value, &at, &id, &kind)) {
        char text[ID_BYTES];
        size_t size = 0;
        if (!json_scan_decode(id, text, sizeof(text), &size)) {
            mem_free(*ids);
            *ids = NULL;
            return false;
        }
        (*ids)[(*count)++] = hash_of(text, size);
    }
    return true;
}

static bool shares_an_id(const struct letter *letter, const uint64_t *ids, size_t count)
{
    for (size_t i = 0; i < letter->id_count; i++) {
        for (size_t k = 0; k < count; k++) {
            if (letter->ids[i] == ids[k]) {
                return true;
            }
        }
    }
    return false;
}

static void touch(enum chroma_op op, struct str body, struct letter *letter)
{
    uint64_t *ids = NULL;
    size_t count = 0;
    bool known = ids_of(op, body, &ids, &count);
    letter->touched = letter->touched || !known || shares_an_id(letter, ids, count);
    mem_free(ids);
}

void letters_younger(struct core *core, const struct entry *entry, struct str body)
{
    if (entry->lane == NULL || entry->lane->letters == 0) {
        return;
    }
    struct letter *letter;
    TAILQ_FOREACH (letter, &core->letters, all) {
        if (letter->lane == entry->lane && letter->lsn < entry->lsn && !letter->touched) {
            touch((enum chroma_op)entry->op, body, letter);
        }
    }
}

/* ---- a letter ---- */

struct letter *letters_find(struct core *core, uint64_t lsn)
{
    struct letter *letter;
    TAILQ_FOREACH (letter, &core->letters, all) {
        if (letter->lsn == lsn) {
            return letter;
        }
    }
    return NULL;
}

static void place(struct core *core, struct letter *letter, uint64_t record_lsn)
{
    if (letter->record_lsn != 0) {
        TAILQ_REMOVE(&core->letters, letter, all);
    }
    letter->record_lsn = record_lsn;
    TAILQ_INSERT_TAIL(&core->letters, letter, all); /* LSNs only rise */
}

/* For its ids; it stays in the log. */
static void read_body(struct core *core, struct letter *letter, struct str body)
{
    struct record_write write;
    CHECK(record_write_decode(block_str(letter->meta), &write));
    mem_free(letter->ids);
    bool known = ids_of((enum chroma_op)write.op, body, &letter->ids, &letter->id_count);
    letter->touched = letter->touched || !known;
    core->letter_bytes -= letter->body_bytes;
    letter->body_bytes = body.size;
    core->letter_bytes += letter->body_bytes;
}

static struct letter *letter_new(struct core *core, uint64_t lsn, struct block *meta, struct lane *lane)
{
    struct letter *letter = mem_alloc(sizeof(*letter));
    letter->lsn = lsn;
    letter->meta = block_ref(meta);
    letter->lane = lane;
    if (lane != NULL) {
        lane->letters++;
    }
    core->letter_count++;
    core->letter_bytes += block_str(meta).size;
    return letter;
}

static void letter_free(struct core *core, struct letter *letter)
{
    TAILQ_REMOVE(&core->letters, letter, all);
    core->letter_count--;
    core->letter_bytes -= letter->body_bytes + letter->meta->size;
    if (letter->lane != NULL) {
        letter->lane->letters--;
    }
    block_unref(letter->meta);
    block_unref(letter->reason);
    mem_free(letter->ids);
    mem_free(letter);
}

static void set_on(struct core *core, struct letter *letter, unsigned on)
{
    for (unsigned i = 0; i < core->instance_count; i++) {
        uint64_t more = (on & ~letter->on & (1u << i)) != 0 ? 1 : 0;
        core->instances[i].dead += more;
        core->stats.failed_total += more;
    }
    letter->on |= on;
}

static void set_lacking(struct core *core, struct letter *letter, unsigned lacking)
{
    letter->lacking |= lacking & letter->on;
    for (unsigned i = 0; letter->lane != NULL && i < CORE_INSTANCES; i++) {
        if ((letter->lacking & (1u << i)) != 0) {
            resync_lane_diverged(core, letter->lane, i);
            letter->lane->heal_lsn[i] = 0;
        }
    }
}

void letters_applied_elsewhere(struct core *core, uint64_t lsn)
{
    struct letter *letter = core->letter_count == 0 ? NULL : letters_find(core, lsn);
    if (letter != NULL) {
        set_lacking(core, letter, letter->on);
    }
}

/* ---- in the log ---- */

static uint64_t append(struct core *core, struct letter *letter, struct block *body, bool sync)
{
    struct record_dead record = {
        .lsn = letter->lsn,
        .on = (uint8_t)letter->on,
        .lacking = (uint8_t)letter->lacking,
        .status = (uint16_t)letter->status,
        .touched = letter->touched,
        .edited = letter->edited,
        .died_ms = letter->died_ms,
        .reason = block_str(letter->reason),
        .write = block_str(letter->meta),
    };
    uint64_t lsn = core_append(core, RECORD_DEAD, record_dead_encode(&record), body, sync);
    place(core, letter, lsn);
    return lsn;
}

static bool applied_by_another(const struct core *core, const struct entry *entry, unsigned i)
{
    for (unsigned other = 0; other < core->instance_count; other++) {
        if (other != i && entry->at[other] == AT_DONE && !entry->given_up) {
            return true;
        }
    }
    return false;
}

/* Writes of its lane that were logged since. */
static void look_at_followers(const struct entry *entry, struct letter *letter)
{
    const struct strand *strand = entry->lane == NULL ? NULL : &entry->lane->strand;
    for (uint64_t place = strand == NULL ? 0 : strand->base; strand != NULL && place < strand_end(strand);
         place++) {
        const struct entry *other = strand_at(strand, place);
        if (other != NULL && other->lsn > entry->lsn && other->fate != FATE_REJECTED && !letter->touched) {
            /* one whose bytes were let go cannot be looked at */
            struct str body = payload_is_here(other) ? block_str(other->near->body) : STR("");
            touch((enum chroma_op)other->op, body, letter);
        }
    }
}

/* What another instance refused too: the letter stays where it stands. */
static uint64_t append_also(struct core *core, const struct letter *letter, unsigned i)
{
    struct record_dead record = { .lsn = letter->lsn,
                                  .on = (uint8_t)(1u << i),
                                  .lacking = (uint8_t)letter->lacking,
                                  .touched = letter->touched,
                                  .died_ms = core->wall_ms };
    return core_append(core, RECORD_DEAD, record_dead_encode(&record), NULL, true);
}

static struct letter *letter_of(struct core *core, struct entry *entry, int status, struct str reason)
{
    CHECK(payload_is_here(entry)); /* it has just been sent, or was never let go */
    struct letter *letter = letter_new(core, entry->lsn, entry->near->meta, entry->lane);
    letter->died_ms = core->wall_ms;
    letter->status = status;
    reason.size = reason.size > REASON_MAX ? REASON_MAX : reason.size;
    letter->reason = block_copy(reason.data, reason.size);
    read_body(core, letter, block_str(entry->near->body));
    look_at_followers(entry, letter);
    return letter;
}

/* When an earlier life of this process acknowledged it is not known: at the latest at its end. */
static void not_read_before(const struct core *core, struct lane *lane, unsigned i)
{
    uint64_t acked_ns = lane->strand.ever_acked || MUTANT(core, MUTANT_LETTER_SHORTENS)
                            ? lane->strand.last_ack_ns
                            : core->start_ns;
    uint64_t until_ns = acked_ns + core->settings.consistency_window_ns;
    if (lane->unread_ns[i] < until_ns || MUTANT(core, MUTANT_LETTER_SHORTENS)) {
        lane->unread_ns[i] = until_ns;
    }
}

uint64_t letters_add(struct core *core, struct entry *entry, unsigned i, int status, struct str reason)
{
    struct letter *known = letters_find(core, entry->lsn);
    struct letter *letter = known != NULL ? known : letter_of(core, entry, status, reason);
    if (entry->lane != NULL) {
        not_read_before(core, entry->lane, i);
    }
    set_on(core, letter, 1u << i);
    set_lacking(core, letter, applied_by_another(core, entry, i) ? letter->on : 0);
    return known != NULL ? append_also(core, letter, i) : append(core, letter, entry->near->body, true);
}

uint64_t letters_rewrite(struct core *core, struct letter *letter, struct block *body)
{
    letter->edited = true;
    read_body(core, letter, block_str(body));
    return append(core, letter, body, true);
}

uint64_t letters_over(struct core *core, struct letter *letter, uint64_t redriven_as)
{
    struct record_over record = { .lsn = letter->lsn, .redriven_as = redriven_as };
    uint64_t lsn = core_append(core, RECORD_OVER, record_over_encode(&record), NULL, true);
    for (unsigned i = 0; i < core->instance_count; i++) {
        core->instances[i].dead -= (letter->on & (1u << i)) != 0 ? 1 : 0;
    }
    letter_free(core, letter);
    return lsn;
}

/* It was acknowledged before it died; a restart does not shorten the window. */
static void recover_unread(const struct core *core, const struct letter *letter,
                           const struct record_dead *record)
{
    int64_t age_ms = core->wall_ms - record->died_ms;
    uint64_t age_ns =
        age_ms <= 0 ? 0 : (uint64_t)((double)age_ms * (double)NS_PER_MS * core->settings.time_scale);
    for (unsigned i = 0; letter->lane != NULL && i < core->instance_count; i++) {
        if ((record->on & (1u << i)) != 0 && age_ns < core->settings.consistency_window_ns) {
            letter->lane->unread_ns[i] = core->now_ns + core->settings.consistency_window_ns - age_ns;
        }
    }
}

void letters_recover(struct core *core, const struct record_dead *record, uint64_t record_lsn,
                     struct str body)
{
    struct letter *letter = letters_find(core, record->lsn);
    if (record->write.size == 0) {               /* refused by another instance too */
        if (letter != NULL && record->on == 0) { /* a copy took it away from the one that had it */
            letter->lacking = 0;
        } else if (letter != NULL) {
            recover_unread(core, letter, record);
            set_on(core, letter, record->on);
            set_lacking(core, letter, record->lacking);
        }
        return;
    }
    if (letter == NULL) {
        struct record_write write;
        struct block *meta = block_copy(record->write.data, record->write.size);
        CHECK(meta != NULL);
        CHECK(record_write_decode(block_str(meta), &write)); /* its checksum was right */
        struct lane *lane = write.lane == 0 ? NULL : lane_by_birth_or_placeholder(core, write.lane);
        letter = letter_new(core, record->lsn, meta, lane);
        block_unref(meta);
    }
    struct block *reason = letter->reason;
    letter->reason = block_copy(record->reason.data, record->reason.size);
    block_unref(reason);
    letter->status = record->status;
    letter->died_ms = record->died_ms;
    letter->touched = record->touched;
    letter->edited = record->edited;
    read_body(core, letter, body);
    recover_unread(core, letter, record);
    set_on(core, letter, record->on);
    set_lacking(core, letter, record->lacking);
    place(core, letter, record_lsn);
}

void letters_copied(struct core *core, struct lane *lane, unsigned i)
{
    struct letter *letter = lane->letters == 0 ? NULL : TAILQ_FIRST(&core->letters);
    while (letter != NULL) {
        struct letter *next = TAILQ_NEXT(letter, all);
        if (letter->lane == lane && letter->lacking == 1u << i && letter->on == letter->lacking &&
            !letter->busy) {
            char lsn[24];
            (void)snprintf(lsn, sizeof(lsn), "%llu", (unsigned long long)letter->lsn);
            core_line(core, LOG_INFO, "dead_letter_copied", "target", core->instances[i].name, "lsn", lsn,
                      NULL);
            (void)letters_over(core, letter, 0);
        }
        letter = next;
    }
}

void letters_copied_away(struct core *core, const struct lane *lane, unsigned i, uint64_t lsn)
{
    struct letter *letter = MUTANT(core, MUTANT_LETTER_BACK) ? NULL : TAILQ_FIRST(&core->letters);
    for (; letter != NULL; letter = TAILQ_NEXT(letter, all)) {
        if (letter->lane == lane && letter->lsn < lsn && (letter->lacking & (1u << i)) != 0) {
            letter->lacking = 0;
            struct record_dead record = { .lsn = letter->lsn, .died_ms = letter->died_ms };
            (void)core_append(core, RECORD_DEAD, record_dead_encode(&record), NULL, false);
        }
    }
}

void letters_recover_over(struct core *core, const struct record_over *record)
{
    struct letter *letter = letters_find(core, record->lsn);
    if (letter == NULL) {
        return;
    }
    for (unsigned i = 0; i < core->instance_count; i++) {
        core->instances[i].dead -= (letter->on & (1u << i)) != 0 ? 1 : 0;
    }
    letter_free(core, letter);
}

static bool another_lacking(const struct core *core, const struct letter *letter, unsigned i)
{
    const struct letter *other;
    TAILQ_FOREACH (other, &core->letters, all) {
        if (other != letter && other->lane == letter->lane && (other->lacking & (1u << i)) != 0) {
            return true;
        }
    }
    return false;
}

void letters_heal(struct core *core, const struct letter *letter, uint64_t lsn)
{
    for (unsigned i = 0; i < core->instance_count; i++) {
        bool lacks = (letter->lacking & (1u << i)) != 0;
        if (lacks && !letter->touched && !letter->edited && !another_lacking(core, letter, i)) {
            letter->lane->heal_lsn[i] = lsn;
        }
    }
}

/* ---- bodies ---- */

static void carry_on(struct core *core, struct letter *letter, const struct letter_job *job,
                     struct block *body)
{
    letter->busy = false;
    if (job->kind == LETTER_MOVE) {
        (void)append(core, letter, body, false);
    } else {
        admin_letter_body(core, letter, job, body);
    }
}

void letters_fetch(struct core *core, struct letter *letter, const struct letter_job *job)
{
    letter->busy = true;
    if (letter->body_bytes == 0) {
        carry_on(core, letter, job, NULL);
        return;
    }
    struct letter_job *waiting = mem_alloc(sizeof(*waiting));
    *waiting = *job;
    waiting->lsn = letter->lsn;
    waiting->record_lsn = letter->record_lsn;
    TAILQ_INSERT_TAIL(&core->letter_jobs, waiting, all);
    core->letter_reads++;
    core_push(core, CORE_ACT_READ)->u.read.lsn = letter->record_lsn;
}

bool letters_read(struct core *core, const struct core_event *event)
{
    struct letter_job *job;
    TAILQ_FOREACH (job, &core->letter_jobs, all) {
        if (job->record_lsn == event->u.log_read.lsn) {
            break;
        }
    }
    if (job == NULL) {
        return false;
    }
    TAILQ_REMOVE(&core->letter_jobs, job, all);
    core->letter_reads--;
    struct letter *letter = letters_find(core, job->lsn);
    if (letter != NULL && !event->u.log_read.failed) {
        carry_on(core, letter, job, event->u.log_read.body);
    } else {
        if (letter != NULL) {
            letter->busy = false;
        }
        admin_unreadable(core, job);
    }
    mem_free(job);
    return true;
}

/* ---- the end of the log that letters hold back ---- */

uint64_t letters_needed(const struct core *core)
{
    const struct letter *oldest = TAILQ_FIRST(&core->letters);
    return oldest == NULL ? UINT64_MAX : oldest->record_lsn;
}

void letters_move(struct core *core, uint64_t others_need)
{
    uint64_t bearable = 2 * core->letter_bytes + SEGMENTS_KEPT * checkpoint_step_bytes(core);
    if (core->log_bytes <= bearable) {
        return;
    }
    const struct letter_job job = { .kind = LETTER_MOVE };
    struct letter *letter;
    TAILQ_FOREACH (letter, &core->letters, all) {
        if (core->letter_reads >= MOVES_AT_ONCE || letter->record_lsn >= others_need) {
            return;
        }
        if (!letter->busy && letter->body_bytes > 0) {
            letters_fetch(core, letter, &job);
        }
    }
}

void letters_free(struct core *core)
{
    struct letter *letter;
    while ((letter = TAILQ_FIRST(&core->letters)) != NULL) {
        letter_free(core, letter);
    }
    struct letter_job *job;
    while ((job = TAILQ_FIRST(&core->letter_jobs)) != NULL) {
        TAILQ_REMOVE(&core->letter_jobs, job, all);
        mem_free(job);
    }
}
