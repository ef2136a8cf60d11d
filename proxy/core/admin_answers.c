#include "proxy/core/admin_answers.h"

#include "base/json_writer.h"
#include "base/memory.h"
#include "proxy/core/admin_http.h"

struct admin_answer {
    uint64_t ticket;
    uint64_t lsn; /* waits for this record */
    int status;
    struct block *body;
    TAILQ_ENTRY(admin_answer) all;
};

void admin_done(struct core *core, uint64_t ticket, int status, struct block *body)
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

void admin_done_when_durable(struct core *core, uint64_t ticket, uint64_t lsn, int status, struct block *body)
{
    if (lsn <= core->durable_lsn || ticket == 0) {
        admin_done(core, ticket, status, body);
        return;
    }
    struct admin_answer *answer = mem_alloc(sizeof(*answer));
    answer->ticket = ticket;
    answer->lsn = lsn;
    answer->status = status;
    answer->body = body;
    TAILQ_INSERT_TAIL(&core->admin_answers, answer, all);
}

struct block *admin_refusal(const char *error, const char *message)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, ADMIN_ANSWER_LIMIT);
    json_writer_init(&w, &b, 0);
    json_object_begin(&w);
    json_pair_text(&w, "error", error);
    json_pair_text(&w, "message", message);
    json_object_end(&w);
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    return block;
}

struct block *admin_number(const char *key, uint64_t value)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, ADMIN_ANSWER_LIMIT);
    json_writer_init(&w, &b, 0);
    json_object_begin(&w);
    json_pair_u64(&w, key, value);
    json_object_end(&w);
    struct block *block = block_from_buf(&b);
    buf_deinit(&b);
    return block;
}

struct block *admin_text(const char *key, const char *value)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, ADMIN_ANSWER_LIMIT);
    json_writer_init(&w, &b, 0);
    json_object_begin(&w);
    json_pair_text(&w, key, value);
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
        admin_done(core, answer->ticket, answer->status, answer->body);
        mem_free(answer);
    }
}

void admin_log_failed(struct core *core)
{
    struct admin_answer *answer;
    while ((answer = TAILQ_FIRST(&core->admin_answers)) != NULL) {
        TAILQ_REMOVE(&core->admin_answers, answer, all);
        block_unref(answer->body);
        admin_done(core, answer->ticket, 503,
                   admin_refusal("LogFailed", "the write-ahead log failed: outcome unknown"));
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
