/* See small.h. */
#include "tests/fuzz/small.h"
#include "base/block.h"
#include "base/check.h"
#include "base/units.h"
#include <jansson.h>
#include <stdio.h>

#define BODY_MAX ((size_t)64 * 1024 * 1024)

static const char records[] =
    "{\"ids\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"],"
    "\"embeddings\":[[1,0,0],[2,0,0],[3,0,0],[4,0,0],[5,0,0],[-0.5,1e-3,7]],"
    "\"documents\":[\"red apple pie\",\"green apple\",\"blue sky\",\"Red Herring \\u00fc\",null,\"100% "
    "off_1\"],"
    "\"metadatas\":[{\"kind\":\"fruit\",\"year\":1990,\"score\":1.5,\"live\":true},"
    "{\"kind\":\"fruit\",\"year\":2000,\"score\":2.5,\"live\":false},{\"kind\":\"sky\",\"year\":2010},"
    "{\"kind\":\"fish\",\"year\":2010.5,\"live\":true},null,{\"other\":\"x\",\"year\":\"2010\"}]}";

/* Whatever an entry points to can be read: the sanitizer looks. */
static void read_journal(void *context, const struct mock_journal_entry *entry)
{
    struct buf *copy = context;
    const struct str texts[] = { entry->request_id, entry->method,   entry->target,    entry->fault,
                                 entry->tenant,     entry->database, entry->collection };
    buf_clear(copy);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        buf_append_str(copy, texts[i]);
    }
    for (size_t i = 0; i < entry->id_count; i++) {
        buf_append_str(copy, entry->ids[i]);
        CHECK(entry->tags[i] == INT64_MIN);
    }
}

void small_init(struct small *s)
{
    struct mock_options options = { .seed = 1, .name = "small", .allow_reset = true };
    *s = (struct small){ .conn = 1, .now_ns = NS_PER_S, .blocks_before = block_bytes_live() };
    s->mock = mock_new(&options, NULL);
    CHECK(s->mock != NULL);
    buf_init(&s->body, BODY_MAX);
    buf_init(&s->journal, BODY_MAX);
    mock_set_journal(s->mock, read_journal, &s->journal);
    small_send(s, "POST", SMALL_COLLECTIONS, STR("{\"name\":\"small\"}"));
    CHECK(s->status == 200);
    CHECK(sscanf(buf_text(&s->body), "{\"id\":\"%36s", s->uuid) == 1);
    small_send(s, "POST", "add", STR(records));
    CHECK(s->status == 201);
}

void small_deinit(struct small *s)
{
    mock_free(s->mock);
    buf_deinit(&s->body);
    buf_deinit(&s->journal);
    CHECK(block_bytes_live() == s->blocks_before);
}

void small_step(struct small *s, struct mock_event event)
{
    struct mock_action actions[8];
    bool more = true;
    event.now_ns = s->now_ns;
    while (more) {
        size_t count = mock_step(s->mock, &event, actions, 8, &more);
        for (size_t i = 0; i < count; i++) {
            if (actions[i].kind == MOCK_ACT_RESPOND && actions[i].request == s->requests) {
                s->status = actions[i].status;
                buf_clear(&s->body);
                buf_append_str(&s->body, block_str(actions[i].body));
            }
            mock_action_release(&actions[i]);
        }
        event.kind = MOCK_EV_TICK;
    }
}

void small_send(struct small *s, const char *method, const char *where, struct str body)
{
    char target[256];
    struct http_header header = { STR("content-type"), STR("application/json") };
    if (where[0] == '/') {
        (void)snprintf(target, sizeof(target), "%s", where);
    } else {
        (void)snprintf(target, sizeof(target), SMALL_COLLECTIONS "/%s/%s", s->uuid, where);
    }
    struct http_head head = { .method = str_of(method),
                              .target = str_of(target),
                              .headers = &header,
                              .header_count = 1,
                              .content_length = (int64_t)body.size };
    struct block *block = body.data == NULL ? NULL : block_copy(body.data, body.size);
    s->status = 0;
    buf_clear(&s->body);
    small_step(s, (struct mock_event){ .kind = MOCK_EV_REQUEST,
                                       .conn = s->conn,
                                       .request = ++s->requests,
                                       .head = &head,
                                       .body = block });
    block_unref(block);
}

void small_wait(struct small *s, unsigned timers)
{
    for (uint64_t next = mock_deadline(s->mock); timers > 0 && next != MOCK_NO_DEADLINE;
         next = mock_deadline(s->mock), timers--) {
        s->now_ns = next > s->now_ns ? next : s->now_ns;
        small_step(s, (struct mock_event){ .kind = MOCK_EV_TICK });
    }
}

bool small_answer_is_json(const struct small *s)
{
    json_t *tree = json_loadb(s->body.data == NULL ? "" : s->body.data, s->body.size,
                              JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    json_decref(tree);
    return tree != NULL;
}
