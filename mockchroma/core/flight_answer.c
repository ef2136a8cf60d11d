/* What the client gets: the server's answer as it is, cut, spoiled or held back, another one in its
 * place, or none. */
#include "mockchroma/core/machine.h"
#include "base/check.h"
#include "base/http_head.h"
#include "base/units.h"

static size_t head_size(int status, const struct block *headers)
{
    CHECK(headers != NULL); /* an answer that is not a gateway's has been composed */
    return strlen("HTTP/1.1 200 ") + strlen(http_reason(status)) + 2 + headers->size + 2;
}

static void shape_answer(struct flight *f, struct mock_action *a)
{
    const struct fault *d = f->plan.decider;
    a->cut_after = -1;
    a->then = a->raw != NULL && f->raw_closes ? MOCK_THEN_CLOSE : MOCK_KEEP;
    a->bytes_per_second = f->plan.rate;
    if (d == NULL) {
        return;
    }
    if (d->spec.kind == FAULT_HANG) {
        a->cut_after = (int64_t)(a->raw != NULL ? f->raw_head_size : head_size(f->status, f->headers));
        a->then = MOCK_THEN_HANG;
    } else if (d->spec.kind == FAULT_CUT) {
        a->cut_after = (int64_t)d->spec.bytes;
        a->then = d->spec.then == THEN_HANG    ? MOCK_THEN_HANG
                  : d->spec.then == THEN_CLOSE ? MOCK_THEN_CLOSE
                                               : MOCK_THEN_RESET;
    } else if (d->spec.kind == FAULT_RESET) {
        a->cut_after = d->spec.when == WHEN_DURING ? (int64_t)d->spec.bytes : -1;
        a->then = MOCK_THEN_RESET;
    }
}

/* How long a whole answer is on its way out. */
static uint64_t leaves_in(const struct mock_action *a)
{
    uint64_t size =
        a->raw != NULL ? block_str(a->raw).size : head_size(a->status, a->headers) + block_str(a->body).size;
    return a->bytes_per_second == 0 ? 0 : size * NS_PER_S / a->bytes_per_second;
}

void flight_send_answer(struct mock *m, struct flight *f)
{
    struct connection *c = f->connection;
    if (c == NULL) {
        flight_finish(m, f, false, 0);
        return;
    }
    struct mock_action *a = machine_push(m, MOCK_ACT_RESPOND, c->id, f->request);
    a->status = f->status;
    a->headers = f->headers;
    a->body = f->answer;
    if (f->headers == NULL) {
        a->raw = f->raw;
        f->raw = NULL;
    }
    shape_answer(f, a);
    f->leaves_in_ns = leaves_in(a);
    bool ends = a->then == MOCK_THEN_CLOSE || a->then == MOCK_THEN_RESET;
    bool whole = a->cut_after < 0;
    f->headers = NULL;
    f->answer = NULL;
    int status = f->status;
    flight_leave_connection(f);
    flight_finish(m, f, whole, status);
    if (ends) {
        machine_drop_connection(m, c);
    }
}

/* Turns the scratch answer into blocks and sends it, now or after the delay. */
void flight_give_answer(struct mock *m, struct flight *f)
{
    struct answer *a = &m->answer;
    f->status = a->status;
    buf_clear(&m->scratch);
    answer_headers(a, a->body.size, &m->scratch);
    const struct fault *d = f->plan.decider;
    if (d != NULL && d->spec.retry_after_ns > 0) {
        buf_printf(&m->scratch, "retry-after: %llu\r\n",
                   (unsigned long long)((d->spec.retry_after_ns + NS_PER_S - 1) / NS_PER_S));
    }
    f->headers = block_from_buf(&m->scratch);
    f->answer = f->head || a->body.size == 0 ? NULL : block_from_buf(&a->body);
    if (f->headers == NULL || (f->answer == NULL && !f->head && a->body.size > 0)) {
        flight_end_connection(m, f, THEN_RESET); /* no memory for the answer */
        flight_finish(m, f, false, 0);
        return;
    }
    if (f->plan.before_answer_ns == 0) {
        flight_send_answer(m, f);
        return;
    }
    f->state = FLIGHT_ANSWERED;
    flight_keep_effect(f);
    heap_insert(&m->timers, &f->timer, m->now_ns + f->plan.before_answer_ns);
}

/* An answer that a fault gives in the server's place. */
void flight_answer_by_fault(struct mock *m, const struct fault *d)
{
    struct answer *a = &m->answer;
    int status = (int)d->spec.status;
    a->allow = NULL;
    a->location = NULL;
    if (d->spec.body == NULL && status >= 400) {
        buf_clear(&a->body);
        answer_status_error(a, status, status == 429 ? "Too many requests" : "Fault injected");
        return;
    }
    buf_clear(&a->body);
    buf_append_text(&a->body, d->spec.body == NULL ? "{}" : d->spec.body);
    a->status = status;
    bool json = a->body.size > 0 && strchr("{[\"", a->body.data[0]) != NULL;
    a->content_type = json ? "application/json" : "text/plain";
    a->trace = false;
}

static void spoil_body(struct answer *a, const struct fault *d)
{
    if (d->spec.body != NULL) {
        buf_clear(&a->body);
        buf_append_text(&a->body, d->spec.body);
    } else if (d->spec.kind == FAULT_WRONG_SCHEMA) {
        buf_clear(&a->body);
        buf_append_text(&a->body, "{\"unexpected\":[true,{\"shape\":1}]}");
    } else {
        a->body.size = a->body.size / 2;
        buf_append_text(&a->body, "{]"); /* wrong inside a string too: it is not closed */
    }
}

/* What the server behind the gateway has answered, byte for byte. */
static void relay_answer(struct mock *m, struct flight *f)
{
    f->status = f->real_status;
    if (f->plan.before_answer_ns == 0) {
        flight_send_answer(m, f);
        return;
    }
    f->state = FLIGHT_ANSWERED;
    heap_insert(&m->timers, &f->timer, m->now_ns + f->plan.before_answer_ns);
}

/* The server has done its part (or was told not to); what does the client get? */
void flight_conclude(struct mock *m, struct flight *f)
{
    const struct fault *d = f->plan.decider;
    if (f->late || f->connection == NULL) {
        flight_finish(m, f, false, 0);
        return;
    }
    if (d == NULL && m->gateway.on) {
        relay_answer(m, f);
        return;
    }
    if (d == NULL) {
        flight_give_answer(m, f);
        return;
    }
    if (d->spec.kind == FAULT_UNANSWERED) {
        flight_end_connection(m, f, (enum fault_then)d->spec.then);
        flight_finish(m, f, false, 0);
        return;
    }
    if (d->spec.kind == FAULT_RESPOND || d->spec.kind == FAULT_PARTIAL) {
        flight_answer_by_fault(m, d);
    } else if (d->spec.kind == FAULT_MALFORMED || d->spec.kind == FAULT_WRONG_SCHEMA) {
        if (m->gateway.on) {
            gateway_load_answer(m, f);
        }
        spoil_body(&m->answer, d);
        f->garbled = true;
    } else if (m->gateway.on && f->real_status != 0) {
        relay_answer(m, f);
        return;
    }
    flight_give_answer(m, f);
}
