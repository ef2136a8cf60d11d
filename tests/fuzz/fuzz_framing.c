/* Where a message ends must not depend on the pieces in which its bytes come.
 *
 * Input: one byte that chooses request, answer, or answer to HEAD; one that chooses the size of the pieces;
 * then the stream. */
#include "base/check.h"
#include "mockchroma/io/framing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BODY_MAX 4096

struct reading {
    struct framing framing;
    struct buf body;
    int status;
};

static void reading_init(struct reading *r, uint8_t kind)
{
    *r = (struct reading){ .framing = { .answer = kind % 3 != 0, .answer_to_head = kind % 3 == 2 } };
    buf_init(&r->body, BODY_MAX);
}

static void take(struct reading *r, const struct buf *in)
{
    if (r->status == 0 && r->framing.state != FRAMING_DONE) {
        r->status = framing_take(&r->framing, in, &r->body);
    }
    CHECK(r->status == 0 || r->status == 400 || r->status == 431);
    CHECK(r->framing.at <= in->size);
    CHECK(r->framing.head_size <= r->framing.at);
}

/* What the head says, read again once the message is whole, lies within the head. */
static void check_head(const struct reading *r, const struct buf *in)
{
    struct http_header headers[FRAMING_HEADERS_MAX];
    struct http_head head;
    framing_head(&r->framing, in, headers, &head);
    CHECK(r->framing.answer ? head.status >= 100 : head.method.size > 0 && head.target.size > 0);
    CHECK(head.header_count <= FRAMING_HEADERS_MAX);
    for (size_t i = 0; i < head.header_count; i++) {
        CHECK(headers[i].name.data >= in->data);
        CHECK(headers[i].value.data + headers[i].value.size <= in->data + r->framing.head_size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reading whole;
    struct reading pieces;
    struct buf in;
    if (size < 2) {
        return 0;
    }
    size_t step = 1 + data[1] % 16U;
    buf_init(&in, size);
    reading_init(&whole, data[0]);
    reading_init(&pieces, data[0]);
    for (size_t at = 2; at < size; at += step) {
        buf_append(&in, data + at, step < size - at ? step : size - at);
        take(&pieces, &in);
    }
    take(&whole, &in);
    CHECK(whole.status == pieces.status);
    if (whole.status == 0) {
        CHECK(whole.framing.state == pieces.framing.state);
        CHECK(whole.framing.at == pieces.framing.at);
        CHECK(whole.framing.keep_alive == pieces.framing.keep_alive);
        CHECK(str_equal(buf_str(&whole.body), buf_str(&pieces.body)));
    }
    if (whole.status == 0 && whole.framing.state == FRAMING_DONE) {
        check_head(&whole, &in);
    }
    buf_deinit(&whole.body);
    buf_deinit(&pieces.body);
    buf_deinit(&in);
    return 0;
}
