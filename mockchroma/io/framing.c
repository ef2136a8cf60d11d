/* A machine over bytes already received: nothing is kept but a position, so that a message may come in
 * pieces of any size. */
#include "mockchroma/io/framing.h"
#include "base/units.h"

#define HEAD_BYTES_MAX ((size_t)400 * 1024)
#define LINE_BYTES_MAX ((size_t)16 * 1024)
#define BODY_BYTES_MAX (UINT64_C(1) << 40)

static struct str first_line(struct str text, struct str *rest)
{
    struct str line = str_cut(text, '\n', rest);
    return str_trim(line);
}

static bool lists(struct str value, struct str token)
{
    while (value.data != NULL) {
        if (str_equal_nocase(str_trim(str_cut(value, ',', &value)), token)) {
            return true;
        }
    }
    return false;
}

static bool split_request(struct str line, struct http_head *head, struct str *version)
{
    struct str rest;
    head->method = str_cut(line, ' ', &rest);
    head->target = str_cut(rest, ' ', version);
    return head->method.size > 0 && head->target.size > 0 && version->data != NULL;
}

static bool split_answer(struct str line, struct http_head *head, struct str *version)
{
    struct str rest;
    struct str text;
    uint64_t status;
    *version = str_cut(line, ' ', &rest);
    text = str_cut(rest, ' ', &rest);
    if (units_parse_u64(text, &status, NULL) != 0 || status < 100 || status > 999) {
        return false;
    }
    head->status = (int)status;
    return true;
}

/* Length and coding as the headers tell them; 0 or a status. */
static int read_framing(struct framing *f, const struct http_head *head)
{
    bool given = false;
    bool chunked = false;
    uint64_t length = 0;
    for (size_t i = 0; i < head->header_count; i++) {
        const struct http_header *h = &head->headers[i];
        uint64_t value;
        if (str_equal_nocase(h->name, STR("content-length"))) {
            if (units_parse_u64(h->value, &value, NULL) != 0 || value > BODY_BYTES_MAX ||
                (given && value != length)) {
                return 400;
            }
            given = true;
            length = value;
        } else if (str_equal_nocase(h->name, STR("transfer-encoding"))) {
            chunked = lists(h->value, STR("chunked"));
        } else if (str_equal_nocase(h->name, STR("connection"))) {
            f->keep_alive = f->http10 ? f->keep_alive || lists(h->value, STR("keep-alive"))
                                      : f->keep_alive && !lists(h->value, STR("close"));
        } else if (str_equal_nocase(h->name, STR("expect"))) {
            f->expects_continue = str_equal_nocase(h->value, STR("100-continue"));
        }
    }
    int status = head->status;
    bool bodiless = f->answer && (f->answer_to_head || status < 200 || status == 204 || status == 304);
    f->left = length;
    if (bodiless || (!chunked && given && length == 0) || (!f->answer && !chunked && !given)) {
        f->state = FRAMING_DONE;
    } else if (chunked) {
        f->state = FRAMING_CHUNK_SIZE;
    } else {
        f->state = given ? FRAMING_LENGTH : FRAMING_UNTIL_CLOSE;
    }
    f->keep_alive = f->keep_alive && f->state != FRAMING_UNTIL_CLOSE;
    return 0;
}

static int take_head(struct framing *f, const struct buf *in)
{
    struct http_header headers[FRAMING_HEADERS_MAX + 1];
    struct http_head head = { .headers = headers };
    struct str version;
    struct str lines;
    /* Empty lines before a request are skipped. */
    while (f->at < in->size && f->head_size == f->at &&
           (in->data[f->at] == '\r' || in->data[f->at] == '\n')) {
        f->head_size = ++f->at;
    }
    size_t from = f->at > f->head_size + 3 ? f->at - 3 : f->head_size;
    const char *end = in->size > from ? memmem(in->data + from, in->size - from, "\r\n\r\n", 4) : NULL;
    if (end == NULL) {
        f->at = in->size;
        return in->size - f->head_size > HEAD_BYTES_MAX ? 431 : 0;
    }
    struct str text = str_make(in->data + f->head_size, (size_t)(end - in->data) + 2 - f->head_size);
    f->at = (size_t)(end - in->data) + 4;
    f->head_size = f->at;
    struct str line = first_line(text, &lines);
    if (!(f->answer ? split_answer(line, &head, &version) : split_request(line, &head, &version)) ||
        !str_starts(version, STR("HTTP/1."))) {
        return 400;
    }
    head.header_count = http_headers_parse(lines, headers, FRAMING_HEADERS_MAX + 1);
    if (head.header_count > FRAMING_HEADERS_MAX || text.size > HEAD_BYTES_MAX) {
        return 431;
    }
    const struct http_header *last = head.header_count == 0 ? NULL : &headers[head.header_count - 1];
    const char *parsed = last == NULL ? lines.data : last->value.data + last->value.size;
    /* Whatever stands behind the last header understood is none. */
    if (lines.size > 0 && memchr(parsed, '\n', (size_t)(end + 1 - parsed)) != NULL) {
        return 400;
    }
    f->http10 = str_equal(version, STR("HTTP/1.0"));
    f->keep_alive = !f->http10;
    return read_framing(f, &head);
}

static void take_bytes(struct framing *f, const struct buf *in, struct buf *body, enum framing_state next)
{
    uint64_t here = in->size - f->at;
    size_t count = here < f->left ? (size_t)here : (size_t)f->left;
    size_t room = body->limit - body->size;
    buf_append(body, in->data + f->at, count < room ? count : room);
    f->at += count;
    f->left -= count;
    if (f->left == 0) {
        f->state = next;
    }
}

/* A line of the chunked coding; data NULL while it is not whole. */
static struct str take_line(struct framing *f, const struct buf *in)
{
    const char *start = in->data + f->at;
    const char *end = in->size > f->at ? memchr(start, '\n', in->size - f->at) : NULL;
    if (end == NULL) {
        return str_make(NULL, 0);
    }
    f->at = (size_t)(end - in->data) + 1;
    return str_trim(str_make(start, (size_t)(end - start)));
}

static int take_chunk_size(struct framing *f, struct str line)
{
    struct str rest;
    struct str digits = str_trim(str_cut(line, ';', &rest));
    uint64_t size = 0;
    for (size_t i = 0; i < digits.size; i++) {
        char c = (char)(digits.data[i] | 0x20);
        int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        size = size * 16 + (uint64_t)value;
        if (value < 0 || size > BODY_BYTES_MAX) {
            return 400;
        }
    }
    if (digits.size == 0) {
        return 400;
    }
    f->left = size;
    f->state = size == 0 ? FRAMING_TRAILER : FRAMING_CHUNK_DATA;
    return 0;
}

/* One line of chunk sizes and trailers; *more is false when it has not come whole. */
static int take_chunk_line(struct framing *f, const struct buf *in, bool *more)
{
    struct str line = take_line(f, in);
    *more = line.data != NULL;
    if (!*more) {
        return in->size - f->at > LINE_BYTES_MAX ? 400 : 0;
    }
    if (f->state == FRAMING_CHUNK_SIZE) {
        return take_chunk_size(f, line);
    }
    if (f->state == FRAMING_CHUNK_END) {
        f->state = FRAMING_CHUNK_SIZE;
        return line.size == 0 ? 0 : 400;
    }
    if (line.size == 0) {
        f->state = FRAMING_DONE;
    }
    return 0;
}

int framing_take(struct framing *f, const struct buf *in, struct buf *body)
{
    int status = 0;
    bool more = true;
    while (status == 0 && more && f->state != FRAMING_DONE) {
        switch (f->state) {
            case FRAMING_HEAD:
                status = take_head(f, in);
                more = f->state != FRAMING_HEAD;
                break;
            case FRAMING_LENGTH:
                take_bytes(f, in, body, FRAMING_DONE);
                more = f->state == FRAMING_DONE;
                break;
            case FRAMING_CHUNK_DATA:
                take_bytes(f, in, body, FRAMING_CHUNK_END);
                more = f->state == FRAMING_CHUNK_END;
                break;
            case FRAMING_CHUNK_SIZE:
            case FRAMING_CHUNK_END:
            case FRAMING_TRAILER:
                status = take_chunk_line(f, in, &more);
                break;
            case FRAMING_UNTIL_CLOSE:
                f->left = UINT64_MAX;
                take_bytes(f, in, body, FRAMING_UNTIL_CLOSE);
                more = false;
                break;
            case FRAMING_DONE:
                break;
        }
    }
    return status;
}

void framing_head(const struct framing *f, const struct buf *in, struct http_header *headers,
                  struct http_head *head)
{
    struct str lines;
    struct str version;
    struct str line = first_line(str_make(in->data, f->head_size), &lines);
    while (line.size == 0 && lines.data != NULL) {
        line = first_line(lines, &lines);
    }
    *head = (struct http_head){ .headers = headers, .content_length = -1 };
    (void)(f->answer ? split_answer(line, head, &version) : split_request(line, head, &version));
    head->header_count = http_headers_parse(lines, headers, FRAMING_HEADERS_MAX);
}
