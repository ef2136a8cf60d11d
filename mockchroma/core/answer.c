/* Answers: Chroma's error objects, its headers, its numbers. */
#include "mockchroma/core/chroma_internal.h"
#include "base/decimal.h"
#include "base/json_writer.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void answer_error(struct answer *answer, int status, const char *error, const char *format, ...)
{
    struct buf message;
    struct json_writer w;
    va_list args;
    buf_init(&message, (size_t)64 * 1024 * 1024);
    va_start(args, format);
    buf_vprintf(&message, format, args);
    va_end(args);
    buf_clear(&answer->body);
    json_writer_init(&w, &answer->body, 0);
    json_object_begin(&w);
    json_pair_text(&w, "error", error);
    json_pair_str(&w, "message", buf_str(&message));
    json_object_end(&w);
    buf_deinit(&message);
    answer->status = status;
    answer->content_type = "application/json";
    answer->trace = true;
}

void answer_status_error(struct answer *answer, int status, const char *message)
{
    const char *error = status == 400   ? "InvalidArgumentError"
                        : status == 404 ? "NotFoundError"
                        : status == 500 ? "InternalError"
                                        : "ChromaError";
    answer_error(answer, status, error, "%s", message);
}

void answer_headers(const struct answer *answer, size_t body_size, struct buf *out)
{
    if (answer->content_type != NULL) {
        buf_append_text(out, "content-type: ");
        buf_append_text(out, answer->content_type);
        buf_append_text(out, "\r\n");
    }
    if (answer->trace) {
        buf_append_text(out, "chroma-trace-id: 00000000000000000000000000000000\r\n");
    }
    if (answer->allow != NULL) {
        buf_printf(out, "allow: %s\r\n", answer->allow);
    }
    if (answer->location != NULL) {
        buf_printf(out, "location: %s\r\n", answer->location);
    }
    char digits[24];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + body_size % 10);
        body_size /= 10;
    } while (body_size > 0);
    buf_append_text(out, "content-length: ");
    buf_append(out, digits + at, sizeof(digits) - at);
    buf_append_text(out, "\r\n");
}

/* Characters as Rust's ryu lays them out for an f32: serde_json writes embeddings and distances with it. */
void write_float(struct buf *out, float value)
{
    char text[DECIMAL_TEXT_BYTES];
    if (!isfinite(value)) {
        buf_append_text(out, "null");
        return;
    }
    if (fabsf(value) < 1e7F && value == floorf(value)) {
        (void)snprintf(text, sizeof(text), "%s%d.0", signbit(value) && value == 0.0F ? "-" : "", (int)value);
        buf_append_text(out, text);
        return;
    }
    struct decimal shortest;
    decimal_of_float(value, &shortest);
    decimal_print(&shortest, -6, 13, true, text);
    buf_append_text(out, text);
}

void write_embedding(struct json_writer *w, const float *values, size_t count)
{
    struct buf *out = w->out;
    json_put_raw(w, STR("["));
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_append_char(out, ',');
        }
        write_float(out, values[i]);
    }
    buf_append_char(out, ']');
}
