/* See driver.h. */
#include "tests/unit/mock/driver.h"

static void driver_copy(char *out, size_t size, struct str s)
{
    (void)snprintf(out, size, "%.*s", s.data == NULL ? 0 : (int)s.size, s.data == NULL ? "" : s.data);
}

static void driver_journal(void *context, const struct mock_journal_entry *e)
{
    struct driver *d = context;
    struct driver_entry *out = &d->journal[d->journal_count++ % DRIVER_LOG];
    memset(out, 0, sizeof(*out));
    out->request = e->request;
    out->op = e->op;
    out->applied = e->applied;
    out->answered = e->answered;
    out->applied_ns = e->applied_ns;
    out->answered_ns = e->answered_ns;
    out->apply_order = e->apply_order;
    out->status = e->status;
    out->real_status = e->real_status;
    out->id_count = e->id_count;
    out->first_tag = e->id_count > 0 ? e->tags[0] : 0;
    driver_copy(out->first_id, sizeof(out->first_id), e->id_count > 0 ? e->ids[0] : STR(""));
    driver_copy(out->fault, sizeof(out->fault), e->fault);
    driver_copy(out->collection, sizeof(out->collection), e->collection);
    driver_copy(out->request_id, sizeof(out->request_id), e->request_id);
}

static void driver_begin(struct driver *d, const struct mock_options *options)
{
    struct errmsg msg;
    memset(d, 0, sizeof(*d));
    d->mock = mock_new(options, &msg);
    CU_ASSERT_PTR_NOT_NULL_FATAL(d->mock);
    mock_set_journal(d->mock, driver_journal, d);
    d->conn = 1;
    d->now_ns = NS_PER_S;
}

void driver_init(struct driver *d, const char *latency, uint64_t seed)
{
    driver_begin(
        d, &(struct mock_options){ .seed = seed, .name = "primary", .latency = latency, .tag_key = "wd_op" });
}

void driver_init_sharing(struct driver *d, struct text_pool *texts, uint64_t seed)
{
    driver_begin(d, &(struct mock_options){ .seed = seed, .texts = texts });
}

void driver_done(struct driver *d)
{
    mock_free(d->mock);
}

void driver_step(struct driver *d, struct mock_event event)
{
    struct mock_action actions[2];
    bool more = true;
    event.now_ns = d->now_ns;
    while (more) {
        size_t count = mock_step(d->mock, &event, actions, 2, &more);
        for (size_t i = 0; i < count; i++) {
            struct driver_answer *out = &d->log[d->log_count++ % DRIVER_LOG];
            memset(out, 0, sizeof(*out));
            out->kind = actions[i].kind;
            out->request = actions[i].request;
            out->conn = actions[i].conn;
            out->at_ns = d->now_ns;
            out->status = actions[i].status;
            out->cut_after = actions[i].cut_after;
            out->then = actions[i].then;
            out->rate = actions[i].bytes_per_second;
            out->listen = actions[i].listen;
            driver_copy(out->headers, sizeof(out->headers), block_str(actions[i].headers));
            driver_copy(out->body, sizeof(out->body), block_str(actions[i].body));
            mock_action_release(&actions[i]);
        }
        event.kind = MOCK_EV_TICK;
    }
}

uint64_t driver_send(struct driver *d, const char *method, const char *target, const char *body)
{
    struct http_header headers[] = { { STR("content-type"), STR("application/json") },
                                     { STR("x-request-id"), STR("rid-1") } };
    struct http_head head = { .method = str_of(method),
                              .target = str_of(target),
                              .headers = headers,
                              .header_count = 2,
                              .content_length = body == NULL ? 0 : (int64_t)strlen(body) };
    struct block *block = body == NULL ? NULL : block_copy(body, strlen(body));
    uint64_t request = ++d->next_request;
    driver_step(
        d, (struct mock_event){
               .kind = MOCK_EV_REQUEST, .conn = d->conn, .request = request, .head = &head, .body = block });
    block_unref(block);
    return request;
}

const struct driver_answer *driver_find(const struct driver *d, uint64_t request)
{
    for (size_t i = 0; i < d->log_count && i < DRIVER_LOG; i++) {
        if (d->log[i].request == request && d->log[i].kind == MOCK_ACT_RESPOND) {
            return &d->log[i];
        }
    }
    return NULL;
}

const struct driver_entry *driver_entry_of(const struct driver *d, uint64_t request)
{
    for (size_t i = 0; i < d->journal_count && i < DRIVER_LOG; i++) {
        if (d->journal[i].request == request) {
            return &d->journal[i];
        }
    }
    return NULL;
}

int driver_call(struct driver *d, const char *method, const char *target, const char *json, const char **body)
{
    d->log_count = 0;
    uint64_t request = driver_send(d, method, target, json);
    const struct driver_answer *answer = driver_find(d, request);
    if (body != NULL) {
        *body = answer == NULL ? "" : answer->body;
    }
    return answer == NULL ? 0 : answer->status;
}

void driver_collection(struct driver *d, const char *name)
{
    char json[200];
    const char *body;
    (void)snprintf(json, sizeof(json), "{\"name\":\"%s\"}", name);
    CU_ASSERT_EQUAL_FATAL(driver_call(d, "POST", C_PATH, json, &body), 200);
    CU_ASSERT_EQUAL_FATAL(strncmp(body, "{\"id\":\"", 7), 0);
    (void)snprintf(d->uuid, sizeof(d->uuid), "%.36s", body + 7);
}

int driver_record(struct driver *d, const char *op, const char *json, const char **body)
{
    char target[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/%s", d->uuid, op);
    return driver_call(d, strcmp(op, "count") == 0 ? "GET" : "POST", target, json, body);
}

uint64_t driver_record_send(struct driver *d, const char *op, const char *json)
{
    char target[256];
    (void)snprintf(target, sizeof(target), C_PATH "/%s/%s", d->uuid, op);
    return driver_send(d, strcmp(op, "count") == 0 ? "GET" : "POST", target, json);
}

int driver_count(struct driver *d)
{
    const char *body;
    CU_ASSERT_EQUAL(driver_record(d, "count", NULL, &body), 200);
    int count = -1;
    (void)sscanf(body, "%d", &count);
    return count;
}

void driver_wait(struct driver *d, uint64_t ns)
{
    uint64_t end = d->now_ns + ns;
    for (uint64_t next = mock_deadline(d->mock); next <= end; next = mock_deadline(d->mock)) {
        d->now_ns = next > d->now_ns ? next : d->now_ns;
        driver_step(d, (struct mock_event){ .kind = MOCK_EV_TICK });
    }
    d->now_ns = end;
    driver_step(d, (struct mock_event){ .kind = MOCK_EV_TICK });
}

uint64_t driver_fault(struct driver *d, const char *json)
{
    uint64_t id = 0;
    uint64_t touches;
    struct errmsg msg = { "" };
    if (mock_fault_add(d->mock, d->now_ns, str_of(json), &id, &touches, &msg) != 0) {
        (void)fprintf(stderr, "%s\n", msg.text);
        CU_FAIL("fault refused");
    }
    driver_step(d, (struct mock_event){ .kind = MOCK_EV_TICK });
    return id;
}
