#include "proxy/core/admin.h"

#include "base/json_scan.h"
#include "base/json_writer.h"
#include "proxy/core/admin_answers.h"
#include "proxy/core/admin_lists.h"
#include "proxy/core/failover.h"
#include "proxy/core/health.h"
#include "proxy/core/letters.h"
#include "proxy/core/orders.h"
#include "proxy/core/pace.h"
#include "proxy/core/plan.h"
#include "proxy/core/reload.h"
#include "proxy/core/resync.h"
#include "proxy/core/send.h"
#include "proxy/core/trail.h"
#include "proxy/core/writes.h"
#include <stdio.h>

/* ---- replay ---- */

bool admin_holds(const struct core *core)
{
    return core->replay_paused && core->replay_steps == 0;
}

void admin_stepped(struct core *core)
{
    core->replay_steps -= core->replay_paused && core->replay_steps > 0 ? 1 : 0;
}

/* Refused while the log cannot keep the order. */
static bool can_order(struct core *core, uint64_t ticket)
{
    if (core->log_failed) {
        admin_done(core, ticket, 503, admin_refusal("LogFailed", "the write-ahead log failed"));
    }
    return !core->log_failed;
}

static void pause_replay(struct core *core, bool paused, uint64_t ticket)
{
    if (!can_order(core, ticket)) {
        return;
    }
    core->replay_paused = paused;
    core->replay_steps = 0;
    core_line(core, LOG_INFO, paused ? "replay_paused" : "replay_resumed", NULL);
    if (paused) {
        for (unsigned i = 0; i < core->instance_count; i++) {
            health_ask_elsewhere(core, i); /* live writes need not wait behind what is held */
        }
    }
    admin_done_when_durable(core, ticket, orders_append(core, false), 200,
                            admin_number("pending", core->instances[core->primary].pending));
}

static void throttle(struct core *core, const struct core_event *event)
{
    char text[32];
    uint64_t ticket = event->u.command.ticket;
    if (!can_order(core, ticket)) {
        return;
    }
    core->throttled = event->u.command.rate > 0;
    core->throttle_rate = event->u.command.rate;
    pace_rate_changed(core);
    (void)snprintf(text, sizeof(text), "%.3f", pace_rate(core));
    core_line(core, LOG_INFO, "replay_throttled", "writes_a_second", text, "by",
              core->throttled ? "operator" : "setting", NULL);
    admin_done_when_durable(core, ticket, orders_append(core, false), 200, admin_throttle_told(core));
}

static void force(struct core *core, const struct core_event *event)
{
    unsigned i = event->u.command.instance;
    uint64_t ticket = event->u.command.ticket;
    if (!can_order(core, ticket)) {
        return;
    }
    health_force(core, i, event->u.command.forced);
    admin_done_when_durable(core, ticket, orders_append(core, false), 200, admin_instance_told(core, i));
}

static void drain(struct core *core, uint64_t ticket)
{
    if (ticket == 0) {
        trail_signal(core, "drain");
    }
    if (!core->draining) {
        core->draining = true;
        core_line(core, LOG_INFO, "draining", NULL);
    }
    admin_done(core, ticket, 202, admin_number("pending", core->instances[core->primary].pending));
}

static void set_level(struct core *core, const struct core_event *event)
{
    core->settings.log_level = event->u.command.level;
    core_push(core, CORE_ACT_LEVEL)->u.level.level = event->u.command.level;
    core_line(core, LOG_INFO, "log_level", "level", log_level_name(event->u.command.level), NULL);
    admin_done(core, event->u.command.ticket, 200,
               admin_text("log_level", log_level_name(event->u.command.level)));
}

static void step_replay(struct core *core, uint64_t ticket)
{
    if (!core->replay_paused) {
        admin_done(core, ticket, 409, admin_refusal("NotPaused", "replay is not paused: pause it first"));
        return;
    }
    core->replay_steps++;
    core_line(core, LOG_INFO, "replay_step", NULL);
    admin_done(core, ticket, 202, admin_number("steps", core->replay_steps));
}

/* ---- dead letters ---- */

static void letter_line(struct core *core, const char *event, uint64_t lsn)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)lsn);
    core_line(core, LOG_INFO, event, "lsn", text, NULL);
}

/* At the tail, as a new write: it is asked, decided and carried out like any other. */
static void redrive_with(struct core *core, struct letter *letter, const struct letter_job *job,
                         struct block *body)
{
    const struct entry *entry = writes_redrive(core, letter->meta, body);
    letter_line(core, "dead_letter_redriven", letter->lsn);
    letters_heal(core, letter, entry->lsn);
    uint64_t over = letters_over(core, letter, entry->lsn);
    letters_younger(core, entry, block_str(body)); /* to the others */
    admin_done_when_durable(core, job->ticket, over, 202, admin_number("redriven_as", entry->lsn));
}

void admin_letter_body(struct core *core, struct letter *letter, const struct letter_job *job,
                       struct block *body)
{
    if (job->kind == LETTER_REDRIVE) {
        redrive_with(core, letter, job, body);
        return;
    }
    struct block *shown = admin_letter(core, letter, body);
    admin_done(core, job->ticket, shown == NULL ? 413 : 200,
               shown != NULL ? shown
                             : admin_refusal("TooLarge",
                                             "its body is too large to show; walproxy wal export "
                                             "reads it from the log"));
}

void admin_unreadable(struct core *core, const struct letter_job *job)
{
    if (job->kind != LETTER_MOVE) {
        admin_done(
            core, job->ticket, 503,
            admin_refusal("LogFailed", "the dead letter could not be read back from the write-ahead log"));
    }
}

static void redrive(struct core *core, struct letter *letter, const struct core_event *event)
{
    uint64_t ticket = event->u.command.ticket;
    if (letter->lane != NULL && letter->lane->dead) {
        admin_done(core, ticket, 409, admin_refusal("CollectionGone", "its collection was deleted since"));
    } else if (letter->touched && !event->u.command.force) {
        admin_done(
            core, ticket, 409,
            admin_refusal("Touched",
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
        admin_done(core, ticket, 400, admin_refusal("InvalidBody", "the new body is not a JSON object"));
        return;
    }
    uint64_t lsn = letters_rewrite(core, letter, body);
    letter_line(core, "dead_letter_edited", letter->lsn);
    admin_done_when_durable(core, ticket, lsn, 200, admin_number("edited", letter->lsn));
}

static void about_letter(struct core *core, const struct core_event *event)
{
    uint64_t ticket = event->u.command.ticket;
    uint64_t lsn = event->u.command.lsn;
    struct letter *letter = letters_find(core, lsn);
    if (letter == NULL) {
        admin_done(core, ticket, 404, admin_refusal("NotFound", "there is no dead letter of that LSN"));
    } else if (core->log_failed) {
        admin_done(core, ticket, 503, admin_refusal("LogFailed", "the write-ahead log failed"));
    } else if (letter->busy) {
        admin_done(core, ticket, 409,
                   admin_refusal("Busy", "something is being done with this dead letter already"));
    } else if (event->u.command.command == CORE_COMMAND_REDRIVE) {
        redrive(core, letter, event);
    } else if (event->u.command.command == CORE_COMMAND_LETTER) {
        const struct letter_job job = { .kind = LETTER_SHOW, .ticket = ticket };
        letters_fetch(core, letter, &job);
    } else if (event->u.command.command == CORE_COMMAND_EDIT) {
        edit(core, letter, event);
    } else {
        letter_line(core, "dead_letter_dropped", lsn);
        uint64_t over = letters_over(core, letter, 0);
        admin_done_when_durable(core, ticket, over, 200, admin_number("dropped", lsn));
    }
}

/* ---- instances against each other ---- */

static void resync(struct core *core, const struct core_event *event)
{
    unsigned i = event->u.command.instance;
    uint64_t ticket = event->u.command.ticket;
    if (i >= core->instance_count) {
        admin_done(core, ticket, 404, admin_refusal("NotFound", "there is no such instance"));
    } else if (core->instance_count < 2) {
        admin_done(core, ticket, 409, admin_refusal("NoReplica", "there is no other instance to copy from"));
    } else {
        core_line(core, LOG_INFO, "resync_asked", "instance", core->instances[i].name, NULL);
        core->instances[i].keep_extras = true;
        resync_instance(core, i);
        admin_done(core, ticket, 202, admin_number("instance", i));
    }
}

static struct block *compared(const struct core *core)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, ADMIN_ANSWER_LIMIT);
    json_writer_init(&w, &b, 0);
    resync_compared(&w, core);
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    return block;
}

static void compare(struct core *core, uint64_t ticket)
{
    if (core->instance_count < 2) {
        admin_done(core, ticket, 409,
                   admin_refusal("NoReplica", "there is no other instance to compare with"));
        return;
    }
    core_line(core, LOG_INFO, "compare_asked", NULL);
    resync_compare(core);
    admin_done(core, ticket, 202, compared(core));
}

void admin_command(struct core *core, const struct core_event *event)
{
    uint64_t ticket = event->u.command.ticket;
    switch (event->u.command.command) {
        case CORE_COMMAND_PENDING:
            admin_done(core, ticket, 200, admin_list(core, event, false));
            break;
        case CORE_COMMAND_LETTERS:
            admin_done(core, ticket, 200, admin_list(core, event, true));
            break;
        case CORE_COMMAND_PAUSE:
        case CORE_COMMAND_RESUME:
            pause_replay(core, event->u.command.command == CORE_COMMAND_PAUSE, ticket);
            break;
        case CORE_COMMAND_STEP:
            step_replay(core, ticket);
            break;
        case CORE_COMMAND_LETTER:
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
            admin_done(core, ticket, 200, compared(core));
            break;
        case CORE_COMMAND_PROMOTE:
            failover_command(core, event);
            break;
        case CORE_COMMAND_PLAN:
            admin_done(core, ticket, 200, plan_told(core, event->u.command.limit));
            break;
        case CORE_COMMAND_IDS:
            admin_done(core, ticket, 200, admin_ids(core, event));
            break;
        case CORE_COMMAND_THROTTLE:
            throttle(core, event);
            break;
        case CORE_COMMAND_FORCE:
            force(core, event);
            break;
        case CORE_COMMAND_DRAIN:
            drain(core, ticket);
            break;
        case CORE_COMMAND_LOG_LEVEL:
            set_level(core, event);
            break;
        case CORE_COMMAND_RELOAD:
            core_push(core, CORE_ACT_RELOAD)->u.reload.ticket = ticket;
            break;
        case CORE_COMMAND_SETTINGS:
            reload_settings(core, event);
            break;
    }
}
