/* Conditions: the body of a get, a query and a delete, with its where and where_document.
 *
 * Each is answered in Chroma's shapes, the same twice, and a delete deletes what the get has found. */
#include "base/check.h"
#include "base/units.h"
#include "tests/fuzz/small.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_answer(const struct small *s)
{
    CHECK(s->status == 200 || s->status == 400 || s->status == 413 || s->status == 422 || s->status == 500);
    /* 422 and the parser's 400 are told as plain text */
    CHECK(s->status == 422 || s->status == 400 || small_answer_is_json(s));
}

/* Rows of the answer: its ids are strings, and so is nothing else in that list. */
static size_t count_ids(const struct small *s)
{
    struct str text = buf_str(&s->body);
    CHECK(str_starts(text, STR("{\"ids\":[")));
    size_t quotes = 0;
    for (size_t i = sizeof("{\"ids\":[") - 1; text.data[i] != ']'; i++) {
        quotes += text.data[i] == '"';
    }
    return quotes / 2;
}

static size_t count_left(struct small *s)
{
    uint64_t count;
    small_send(s, "GET", "count", str_of(NULL));
    CHECK(s->status == 200);
    CHECK(units_parse_u64(buf_str(&s->body), &count, NULL) == 0);
    CHECK(count <= SMALL_RECORDS);
    return (size_t)count;
}

static bool mentions(struct str body, const char *word)
{
    return body.size > 0 && memmem(body.data, body.size, word, strlen(word)) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct small s;
    struct buf first;
    struct str body = str_make((const char *)data, size);
    small_init(&s);
    buf_init(&first, (size_t)64 * 1024 * 1024);
    small_send(&s, "POST", "query", body);
    check_answer(&s);
    small_send(&s, "POST", "get", body);
    check_answer(&s);
    int status = s.status;
    size_t found = status == 200 ? count_ids(&s) : 0;
    buf_append_str(&first, buf_str(&s.body));
    small_send(&s, "POST", "get", body);
    CHECK(s.status == status);
    CHECK(str_equal(buf_str(&first), buf_str(&s.body)));
    small_send(&s, "POST", "delete", body);
    check_answer(&s);
    /* A window of the rows is get's own, and an escape could spell one. */
    if (status == 200 && s.status == 200 && !mentions(body, "limit") && !mentions(body, "offset") &&
        !mentions(body, "\\u")) {
        size_t gone = SMALL_RECORDS - count_left(&s);
        /* where everything matches there may be no condition at all, and then nothing is deleted */
        CHECK(gone == found || (gone == 0 && found == SMALL_RECORDS));
    }
    buf_deinit(&first);
    small_deinit(&s);
    return 0;
}
