#include "proxy/core/trail.h"

#include "base/json_writer.h"
#include "base/memory.h"
#include "base/units.h"

#define LINE_LIMIT       8192
#define ANSWER_SHOWN     256 /* bytes; longer ones are lists */
#define PATH_SHOWN       1024
#define TELL_INTERVAL_NS (10 * NS_PER_S)

struct trail_action {
    uint64_t ticket;
    struct block *peer, *request_id, *what;
    uint64_t body_bytes;
    TAILQ_ENTRY(trail_action) all;
};

/* ---- lines ---- */

struct line {
    struct buf text;
    enum log_format format;
};

static void begin(const struct core *core, struct line *line, const char *event, struct str peer,
                  struct str request_id)
{
    line->format = core->settings.log_format;
    buf_init(&line->text, LINE_LIMIT);
    log_line_begin(&line->text, line->format, core->wall_ms, LOG_INFO, "audit", event);
    log_line_str(&line->text, line->format, "who", peer.size == 0 ? STR("unknown") : peer);
    if (request_id.size > 0) {
        log_line_str(&line->text, line->format, "request_id", request_id);
    }
}

static void push(struct core *core, enum core_action_kind kind, struct block *text)
{
    struct core_action *action = core_push(core, kind);
    action->u.line.level = LOG_INFO;
    action->u.line.text = block_ref(text);
}

static void end(struct core *core, struct line *line)
{
    log_line_end(&line->text, line->format);
    struct block *text = line->text.failed ? NULL : block_from_buf(&line->text);
    buf_deinit(&line->text);
    if (text == NULL) {
        return; /* no memory for a line */
    }
    if (core->settings.log_level <= LOG_INFO) {
        push(core, CORE_ACT_LINE, text);
    }
    if (core->settings.audit_log[0] != '\0') {
        push(core, CORE_ACT_AUDIT, text);
    }
    block_unref(text);
}

static struct str path_of(const struct client *client)
{
    struct str query;
    struct str path = str_cut(client->target, '?', &query);
    path.size = path.size < PATH_SHOWN ? path.size : PATH_SHOWN;
    return path;
}

/* ---- actions ---- */

static struct block *joined(struct str method, struct str target)
{
    struct buf b;
    buf_init(&b, LINE_LIMIT);
    buf_append_str(&b, method);
    buf_append_char(&b, ' ');
    buf_append_str(&b, target);
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    return block;
}

void trail_begin(struct core *core, const struct client *client, uint64_t ticket)
{
    struct trail_action *action = mem_alloc(sizeof(*action));
    action->ticket = ticket;
    action->peer = block_copy(client->peer.data, client->peer.size);
    action->request_id = block_copy(client->request_id.data, client->request_id.size);
    action->what = joined(client->method, client->target); /* its query was understood */
    action->body_bytes = block_str(client->body).size;
    TAILQ_INSERT_TAIL(&core->trail.open, action, all);
}

static void action_free(struct core *core, struct trail_action *action)
{
    TAILQ_REMOVE(&core->trail.open, action, all);
    block_unref(action->peer);
    block_unref(action->request_id);
    block_unref(action->what);
    mem_free(action);
}

void trail_end(struct core *core, uint64_t ticket, int status, const struct block *body)
{
    struct trail_action *action;
    TAILQ_FOREACH (action, &core->trail.open, all) {
        if (action->ticket == ticket) {
            break;
        }
    }
    if (action == NULL) {
        return;
    }
    struct line line;
    begin(core, &line, "admin", block_str(action->peer), block_str(action->request_id));
    log_line_str(&line.text, line.format, "what", block_str(action->what));
    if (action->body_bytes > 0) {
        log_line_u64(&line.text, line.format, "body_bytes", action->body_bytes);
    }
    log_line_u64(&line.text, line.format, "status", (uint64_t)status);
    if (block_str(body).size <= ANSWER_SHOWN) {
        log_line_str(&line.text, line.format, "answer", block_str(body));
    }
    end(core, &line);
    action_free(core, action);
}

void trail_signal(struct core *core, const char *what)
{
    struct line line;
    begin(core, &line, "signal", STR("signal"), STR(""));
    log_line_str(&line.text, line.format, "what", str_of(what));
    end(core, &line);
}

void trail_refused(struct core *core, const struct client *client)
{
    struct trail *trail = &core->trail;
    struct line line;
    trail->refused++;
    if (trail->refused_ns != 0 && core->now_ns - trail->refused_ns < TELL_INTERVAL_NS) {
        return;
    }
    begin(core, &line, "refused", client->peer, client->request_id);
    log_line_str(&line.text, line.format, "method", client->method);
    log_line_str(&line.text, line.format, "path", path_of(client));
    log_line_u64(&line.text, line.format, "tries", trail->refused);
    end(core, &line);
    trail->refused = 0;
    trail->refused_ns = core->now_ns;
}

void trail_unreplicated(struct core *core, const struct client *client)
{
    struct line line;
    begin(core, &line, "unreplicated", client->peer, client->request_id);
    log_line_str(&line.text, line.format, "method", client->method);
    log_line_str(&line.text, line.format, "path", path_of(client));
    end(core, &line);
}

void trail_free(struct core *core)
{
    struct trail_action *action;
    while ((action = TAILQ_FIRST(&core->trail.open)) != NULL) {
        action_free(core, action);
    }
}

void trail_status(struct json_writer *w, const struct core *core)
{
    json_key(w, "audit");
    if (core->settings.audit_log[0] == '\0') {
        json_put_null(w);
        return;
    }
    json_object_begin(w);
    json_pair_bool(w, "failed", core->audit_failed);
    json_pair_u64(w, "lines_lost", core->audit_lost);
    json_object_end(w);
}
