#include "proxy/core/admin.h"

#include "base/json_scan.h"
#include "base/json_writer.h"
#include "base/log_line.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/core/admin_http.h"
#include "proxy/core/health.h"
#include "proxy/core/resync.h"
#include "proxy/core/send.h"
#include "proxy/core/writes.h"
#include <stdio.h>

#define ANSWER_LIMIT ((size_t)64 << 20)
#define LIST_DEFAULT 100

/* ---- answers ---- */

struct admin_answer {
    uint64_t ticket;
    uint64_t lsn; /* waits for this record */
    int status;
    struct block *body;
    TAILQ_ENTRY(admin_answer) all;
};

static void done(struct core *core, uint64_t ticket, int status, struct block *body)
{
    if (ticket == 0) {
        block_unref(body);
        return;
    }
    if (admin_http_done(core, ticket, status, body)) {
        return;
    }
    struct core_action *action = core_push(core, CORE_ACT_COMMAND_DONE);
    action->u.command_done.ticket = ticket;
    action->u.command_done.status = status;
    action->u.command_done.body = body;
}

static void done_when_durable(struct core *core, uint64_t ticket, uint64_t lsn, int status,
                              struct block *body)
{
    if (lsn <= core->durable_lsn || ticket == 0) {
        done(core, ticket, status, body);
        return;
    }
    struct admin_answer *answer = mem_alloc(sizeof(*answer));
    answer->ticket = ticket;
    answer->lsn = lsn;
    answer->status = status;
    answer->body = body;
    TAILQ_INSERT_TAIL(&core->admin_answers, answer, all);
}

static struct block *refusal(const char *error, const char *message)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, ANSWER_LIMIT);
    json_writer_init(&w, &b, 0);
    json_object_begin(&w);
    json_pair_text(&w, "error", error);
    json_pair_text(&w, "message", message);
    json_object_end(&w);
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    return block;
}

static struct block *one_number(const char *key, uint64_t value)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, ANSWER_LIMIT);
    json_writer_init(&w, &b, 0);
    json_object_begin(&w);
    json_pair_u64(&w, key, value);
    json_object_end(&w);
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    return block;
}

void admin_durable(struct core *core)
{
    struct admin_answer *answer;
    while ((answer = TAILQ_FIRST(&core->admin_answers)) != NULL && answer->lsn <= core->durable_lsn) {
        TAILQ_REMOVE(&core->admin_answers, answer, all);
        done(core, answer->ticket, answer->status, answer->body);
        mem_free(answer);
    }
}

void admin_log_failed(struct core *core)
{
    struct admin_answer *answer;
    while ((answer = TAILQ_FIRST(&core->admin_answers)) != NULL) {
        TAILQ_REMOVE(&core->admin_answers, answer, all);
        block_unref(answer->body);
        done(core, answer->ticket, 503, refusal("LogFailed", "the write-ahead log failed: outcome unknown"));
        mem_free(answer);
    }
}

void admin_free(struct core *core)
{
    struct admin_answer *answer;
    while ((answer = TAILQ_FIRST(&core->admin_answers)) != NULL) {
        TAILQ_REMOVE(&core->admin_answers, answer, all);
        block_unref(answer->body);
        mem_free(answer);
    }
}

/* ---- lists ---- */

static void put_write(struct json_writer *w, const struct lane *lane, struct block *meta, uint64_t bytes)
{
    struct record_write record = { .lane = 0 };
    if (meta != NULL && !record_write_decode(block_str(meta), &record)) {
        return;
    }
    json_pair_str(w, "tenant", lane != NULL ? lane->tenant : record.tenant);
    json_pair_str(w, "database", lane != NULL ? lane->database : record.database);
    json_pair_str(w, "collection", lane != NULL ? lane->name : record.name);
    if (meta != NULL) {
        json_pair_str(w, "request_id", record.request_id);
    }
    json_pair_u64(w, "bytes", bytes);
}

static void put_time(struct json_writer *w, const char *key, int64_t wall_ms)
{
    char at[25];
    log_format_time(wall_ms, at);
    json_pair_text(w, key, at);
}

static const char *state_at(const struct entry *entry, unsigned i)
{
    switch ((enum entry_at)entry->at[i]) {
        case AT_WAITING:
            return entry->failed[i] ? "failed" : "waiting";
        case AT_SENT:
            return "sent";
        case AT_DONE:
            return "applied";
        case AT_DEAD:
            return "dead";
    }
    return "unknown";
}

static void put_entry(struct json_writer *w, const struct core *core, const struct entry *entry)
{
    json_object_begin(w);
    json_pair_u64(w, "lsn", entry->lsn);
    json_pair_text(w, "op", chroma_op_name((enum chroma_op)entry->op));
    put_write(w, entry->lane, entry->near == NULL ? NULL : entry->near->meta, entry->payload_bytes);
    json_key(w, "age");
    json_put_fixed(w, (double)(core->now_ns - entry->since_ns) / (double)NS_PER_S, 3);
    put_time(w, "logged_at", entry->wall_ms);
    json_pair_bool(w, "decided", entry->fate == FATE_ACCEPTED);
    json_key(w, "instances");
    json_object_begin(w);
    for (unsigned i = 0; i < core->instance_count; i++) {
        json_pair_text(w, core->instances[i].name, state_at(entry, i));
    }
    json_object_end(w);
    json_pair_u64(w, "attempts", entry->attempts[core->primary]);
    json_object_end(w);
}

static enum chroma_op letter_op(const struct letter *letter)
{
    struct record_write record;
    return record_write_decode(block_str(letter->meta), &record) ? (enum chroma_op)record.op : OP_UNKNOWN;
}

static void put_letter(struct json_writer *w, const struct core *core, const struct letter *letter)
{
    json_object_begin(w);
    json_pair_u64(w, "lsn", letter->lsn);
    json_pair_text(w, "op", chroma_op_name(letter_op(letter)));
    put_write(w, letter->lane, letter->meta, letter->body_bytes);
    json_key(w, "refused_by");
    json_array_begin(w);
    for (unsigned i = 0; i < core->instance_count; i++) {
        if ((letter->on & (1u << i)) != 0) {
            json_put_text(w, core->instances[i].name);
        }
    }
    json_array_end(w);
    json_pair_u64(w, "status", (uint64_t)letter->status);
    json_pair_str(w, "reason", block_str(letter->reason));
    put_time(w, "refused_at", letter->died_ms);
    json_pair_bool(w, "touched", letter->touched);
    json_object_end(w);
}

static struct block *list(struct core *core, const struct core_event *event, bool letters)
{
    uint64_t left = event->u.command.limit == 0 ? LIST_DEFAULT : event->u.command.limit;
    struct buf b;
    struct json_writer w;
    buf_init(&b, ANSWER_LIMIT);
    json_writer_init(&w, &b, 0);
    json_object_begin(&w);
    json_pair_u64(&w, "count", letters ? core->letter_count : core->entries.live);
    json_key(&w, letters ? "dead_letters" : "pending");
    json_array_begin(&w);
    const struct letter *letter;
    TAILQ_FOREACH (letter, &core->letters, all) {
        if (letters && letter->lsn >= event->u.command.lsn && left > 0) {
            put_letter(&w, core, letter);
            left--;
        }
    }
    const struct entry *entry = letters ? NULL : entries_from(&core->entries, event->u.command.lsn);
    for (; entry != NULL && left > 0; entry = entries_next(&core->entries, entry)) {
        if (entry->fate != FATE_REJECTED) {
            put_entry(&w, core, entry);
            left--;
        }
    }
    json_array_end(&w);
    json_object_end(&w);
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    return block;
}

/* ---- replay ---- */

bool admin_holds(const struct core *core)
{
    return core->replay_paused && core->replay_steps == 0;
}

void admin_stepped(struct core *core)
{
    core->replay_steps -= core->replay_paused && core->replay_steps > 0 ? 1 : 0;
}

static void pause_replay(struct core *core, bool paused)
{
    core->replay_paused = paused;
    core->replay_steps = 0;
    core_line(core, LOG_INFO, paused ? "replay_paused" : "replay_resumed", NULL);
    if (paused) {
        for (unsigned i = 0; i < core->instance_count; i++) {
            health_ask_elsewhere(core, i); /* live writes need not wait behind what is held */
        }
    }
}

static void step_replay(struct core *core, uint64_t ticket)
{
    if (!core->replay_paused) {
        done(core, ticket, 409, refusal("NotPaused", "replay is not paused: pause it first"));
        return;
    }
    core->replay_steps++;
    core_line(core, LOG_INFO, "replay_step", NULL);
    done(core, ticket, 202, one_number("steps", core->replay_steps));
}

/* ---- dead letters ---- */

static void letter_line(struct core *core, const char *event, uint64_t lsn)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)lsn);
    core_line(core, LOG_INFO, event, "lsn", text, NULL);
}

/* At the tail, as a new write: it is asked, decided and carried out like any other. */
void admin_redrive(struct core *core, struct letter *letter, const struct letter_job *job, struct block *body)
{
    const struct entry *entry = writes_redrive(core, letter->meta, body);
    letter_line(core, "dead_letter_redriven", letter->lsn);
    letters_heal(core, letter, entry->lsn);
    uint64_t over = letters_over(core, letter, entry->lsn);
    letters_younger(core, entry, block_str(body)); /* to the others */
    done_when_durable(core, job->ticket, over, 202, one_number("redriven_as", entry->lsn));
}

void admin_unreadable(struct core *core, const struct letter_job *job)
{
    if (job->kind == LETTER_REDRIVE) {
        done(core, job->ticket, 503,
             refusal("LogFailed", "the dead letter could not be read back from the write-ahead log"));
    }
}

static void redrive(struct core *core, struct letter *letter, const struct core_event *event)
{
    uint64_t ticket = event->u.command.ticket;
    if (letter->lane != NULL && letter->lane->dead) {
        done(core, ticket, 409, refusal("CollectionGone", "its collection was deleted since"));
    } else if (letter->touched && !event->u.command.force) {
        done(core, ticket, 409,
             refusal("Touched",
                     "younger writes touched its records, or may have: redriving puts the old one "
                     "over them; say force if that is meant"));
    } else {
        const struct letter_job job = { .kind = LETTER_REDRIVE, .ticket = ticket };
        letters_fetch(core, letter, &job);
    }
}

static void edit(struct core *core, struct letter *letter, const struct core_event *event)
{
    struct json_scan scan;
    uint64_t ticket = event->u.command.ticket;
    struct block *body = event->u.command.body;
    if (json_scan(block_str(body), &scan) != 0 || !scan.is_object || scan.trailing > 0) {
        done(core, ticket, 400, refusal("InvalidBody", "the new body is not a JSON object"));
        return;
    }
    uint64_t lsn = letters_rewrite(core, letter, body);
    letter_line(core, "dead_letter_edited", letter->lsn);
    done_when_durable(core, ticket, lsn, 200, one_number("edited", letter->lsn));
}

static void about_letter(struct core *core, const struct core_event *event)
{
    uint64_t ticket = event->u.command.ticket;
    uint64_t lsn = event->u.command.lsn;
    struct letter *letter = letters_find(core, lsn);
    if (letter == NULL) {
        done(core, ticket, 404, refusal("NotFound", "there is no dead letter of that LSN"));
    } else if (core->log_failed) {
        done(core, ticket, 503, refusal("LogFailed", "the write-ahead log failed"));
    } else if (letter->busy) {
        done(core, ticket, 409, refusal("Busy", "something is being done with this dead letter already"));
    } else if (event->u.command.command == CORE_COMMAND_REDRIVE) {
        redrive(core, letter, event);
    } else if (event->u.command.command == CORE_COMMAND_EDIT) {
        edit(core, letter, event);
    } else {
        letter_line(core, "dead_letter_dropped", lsn);
        uint64_t over = letters_over(core, letter, 0);
        done_when_durable(core, ticket, over, 200, one_number("dropped", lsn));
    }
}

/* ---- instances against each other ---- */

static void resync(struct core *core, const struct core_event *event)
{
    unsigned i = event->u.command.instance;
    uint64_t ticket = event->u.command.ticket;
    if (i >= core->instance_count) {
        done(core, ticket, 404, refusal("NotFound", "there is no such instance"));
    } else if (core->instance_count < 2) {
        done(core, ticket, 409, refusal("NoReplica", "there is no other instance to copy from"));
    } else {
        core_line(core, LOG_INFO, "resync_asked", "instance", core->instances[i].name, NULL);
        core->instances[i].keep_extras = true;
        resync_instance(core, i);
        done(core, ticket, 202, one_number("instance", i));
    }
}

static struct block *compared(const struct core *core)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, ANSWER_LIMIT);
    json_writer_init(&w, &b, 0);
    resync_compared(&w, core);
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    return block;
}

static void compare(struct core *core, uint64_t ticket)
{
    if (core->instance_count < 2) {
        done(core, ticket, 409, refusal("NoReplica", "there is no other instance to compare with"));
        return;
    }
    core_line(core, LOG_INFO, "compare_asked", NULL);
    resync_compare(core);
    done(core, ticket, 202, compared(core));
}

void admin_command(struct core *core, const struct core_event *event)
{
    uint64_t ticket = event->u.command.ticket;
    switch (event->u.command.command) {
        case CORE_COMMAND_PENDING:
            done(core, ticket, 200, list(core, event, false));
            break;
        case CORE_COMMAND_LETTERS:
            done(core, ticket, 200, list(core, event, true));
            break;
        case CORE_COMMAND_PAUSE:
        case CORE_COMMAND_RESUME:
            pause_replay(core, event->u.command.command == CORE_COMMAND_PAUSE);
            done(core, ticket, 200, one_number("pending", core->instances[core->primary].pending));
            break;
        case CORE_COMMAND_STEP:
            step_replay(core, ticket);
            break;
        case CORE_COMMAND_REDRIVE:
        case CORE_COMMAND_EDIT:
        case CORE_COMMAND_DROP:
            about_letter(core, event);
            break;
        case CORE_COMMAND_RESYNC:
            resync(core, event);
            break;
        case CORE_COMMAND_COMPARE:
            compare(core, ticket);
            break;
        case CORE_COMMAND_COMPARED:
            done(core, ticket, 200, compared(core));
            break;
        case CORE_COMMAND_DRAIN:
        case CORE_COMMAND_LOG_LEVEL:
            break; /* core.c's */
    }
}
