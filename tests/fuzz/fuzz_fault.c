/* Fault documents, one a line: taken or refused whole, whatever they do ends with them, and the server behind
 * them stays usable.  The first that is taken is then changed into each of the others. */
#include "base/check.h"
#include "base/units.h"
#include "tests/fuzz/small.h"
#include <jansson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LINES_MAX  8
#define TIMERS_MAX 64

static void check_list(struct small *s)
{
    struct buf out;
    buf_init(&out, (size_t)16 * 1024 * 1024);
    mock_fault_list(s->mock, s->now_ns, &out);
    json_t *tree = json_loadb(buf_text(&out), out.size, JSON_ALLOW_NUL, NULL);
    CHECK(json_is_array(tree));
    json_decref(tree);
    buf_deinit(&out);
}

static void play_requests(struct small *s)
{
    static const struct {
        const char *method;
        const char *where;
        const char *body;
    } requests[] = {
        { "GET", "/api/v2/version", NULL },
        { "POST", "add", "{\"ids\":[\"7\",\"8\"],\"embeddings\":[[1,2,3],[4,5,6]]}" },
        { "POST", "get", "{\"ids\":[\"1\"]}" },
        { "POST", "delete", "{\"ids\":[\"1\",\"7\"]}" },
        { "DELETE", SMALL_COLLECTIONS "/small", NULL },
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        s->conn++;
        small_send(s, requests[i].method, requests[i].where, str_of(requests[i].body));
        small_wait(s, TIMERS_MAX);
        check_list(s);
    }
}

/* One document: what the check says is what the mock does. */
static void add(struct small *s, struct str line, uint64_t *first)
{
    struct errmsg msg = { "" };
    uint64_t id = 0;
    uint64_t touches = 0;
    bool good = mock_fault_check(line, &msg) == 0;
    CHECK(good || msg.text[0] != '\0');
    CHECK(strchr(msg.text, '\n') == NULL);
    CHECK((mock_fault_add(s->mock, s->now_ns, line, &id, &touches, &msg) == 0) == good);
    if (good && *first == 0) {
        *first = id;
    } else if (good && *first != id) {
        (void)mock_fault_change(s->mock, s->now_ns, *first, line, &msg);
    }
    small_step(s, (struct mock_event){ .kind = MOCK_EV_TICK });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct small s;
    struct str rest = str_make((const char *)data, size);
    uint64_t first = 0;
    small_init(&s);
    for (unsigned i = 0; i < LINES_MAX && rest.size > 0; i++) {
        add(&s, str_cut(rest, '\n', &rest), &first);
    }
    play_requests(&s);
    mock_fault_clear(s.mock, s.now_ns);
    small_step(&s, (struct mock_event){ .kind = MOCK_EV_TICK });
    small_wait(&s, TIMERS_MAX);
    CHECK(mock_accepts(s.mock));
    s.conn++;
    small_send(&s, "GET", "/api/v2/heartbeat", str_of(NULL));
    CHECK(s.status == 200);
    small_deinit(&s);
    return 0;
}
