/* Growable bytes with a ceiling, and the reader that takes apart what was appended.
 *
 * One byte more than capacity is always allocated, so that buf_text can terminate a full buffer. */
#include "base/buf.h"

#include "base/check.h"
#include "base/memory.h"
#include <stdio.h>

enum { BUF_FIRST_BYTES = 64 };

void buf_init(struct buf *b, size_t limit)
{
    CHECK(limit < SIZE_MAX / 2);
    *b = (struct buf){ .limit = limit };
}

void buf_deinit(struct buf *b)
{
    mem_free(b->data);
    *b = (struct buf){ .limit = b->limit };
}

void buf_clear(struct buf *b)
{
    b->size = 0;
    b->failed = false;
}

static bool grow(struct buf *b, size_t size)
{
    if (b->failed || size > b->limit - b->size) {
        b->failed = true;
        return false;
    }
    size_t wanted = b->size + size;
    if (b->data != NULL && wanted <= b->capacity) {
        return true;
    }
    size_t capacity = b->capacity * 2;
    if (capacity < wanted) {
        capacity = wanted;
    }
    if (capacity < BUF_FIRST_BYTES) {
        capacity = BUF_FIRST_BYTES;
    }
    if (capacity > b->limit) {
        capacity = b->limit;
    }
    char *data = mem_try_realloc(b->data, capacity + 1);
    if (data == NULL) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->capacity = capacity;
    return true;
}

void buf_append(struct buf *b, const void *data, size_t size)
{
    if (grow(b, size) && size > 0) {
        memcpy(b->data + b->size, data, size);
        b->size += size;
    }
}

void buf_append_str(struct buf *b, struct str s)
{
    buf_append(b, s.data, s.size);
}

void buf_append_text(struct buf *b, const char *text)
{
    buf_append(b, text, strlen(text));
}

void buf_append_char(struct buf *b, char c)
{
    buf_append(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *format, va_list args)
{
    if (!grow(b, 0)) {
        return;
    }
    va_list again;
    va_copy(again, args);
    size_t room = b->capacity - b->size; /* mostly enough, and then once is enough */
    int length = vsnprintf(b->data + b->size, room + 1, format, args);
    if (length < 0) {
        b->failed = true;
    } else if ((size_t)length <= room) {
        b->size += (size_t)length;
    } else if (grow(b, (size_t)length)) {
        (void)vsnprintf(b->data + b->size, (size_t)length + 1, format, again);
        b->size += (size_t)length;
    }
    va_end(again);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vprintf(b, format, args);
    va_end(args);
}

static void append_little_endian(struct buf *b, uint64_t v, size_t size)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(v >> (8 * i));
    }
    buf_append(b, bytes, size);
}

void buf_append_u8(struct buf *b, uint8_t v)
{
    append_little_endian(b, v, 1);
}

void buf_append_u16(struct buf *b, uint16_t v)
{
    append_little_endian(b, v, 2);
}

void buf_append_u32(struct buf *b, uint32_t v)
{
    append_little_endian(b, v, 4);
}

void buf_append_u64(struct buf *b, uint64_t v)
{
    append_little_endian(b, v, 8);
}

void buf_append_lstr(struct buf *b, struct str s)
{
    if (s.size > UINT32_MAX) {
        b->failed = true;
        return;
    }
    buf_append_u32(b, (uint32_t)s.size);
    buf_append_str(b, s);
}

char *buf_reserve(struct buf *b, size_t size)
{
    return grow(b, size) ? b->data + b->size : NULL;
}

void buf_remove_front(struct buf *b, size_t size)
{
    CHECK(size <= b->size);
    if (size > 0) {
        memmove(b->data, b->data + size, b->size - size);
        b->size -= size;
    }
}

const char *buf_text(struct buf *b)
{
    if (b->failed || b->data == NULL) {
        return "";
    }
    b->data[b->size] = '\0';
    return b->data;
}

char *buf_take(struct buf *b)
{
    if (b->failed || b->data == NULL) {
        return mem_strdup("");
    }
    char *text = b->data;
    text[b->size] = '\0';
    *b = (struct buf){ .limit = b->limit };
    return text;
}

struct str buf_str(const struct buf *b)
{
    return b->failed ? str_make(NULL, 0) : str_make(b->data, b->size);
}

void reader_init(struct reader *r, const void *data, size_t size)
{
    *r = (struct reader){ .data = data, .size = size };
}

struct str reader_bytes(struct reader *r, size_t size)
{
    if (r->failed || size > r->size - r->at) {
        r->failed = true;
        return str_make(NULL, 0);
    }
    struct str bytes = str_make(r->data == NULL ? NULL : (const char *)r->data + r->at, size);
    r->at += size;
    return bytes;
}

static uint64_t read_little_endian(struct reader *r, size_t size)
{
    struct str bytes = reader_bytes(r, size);
    uint64_t v = 0;
    for (size_t i = 0; bytes.data != NULL && i < bytes.size; i++) {
        v |= (uint64_t)(uint8_t)bytes.data[i] << (8 * i);
    }
    return v;
}

uint8_t reader_u8(struct reader *r)
{
    return (uint8_t)read_little_endian(r, 1);
}

uint16_t reader_u16(struct reader *r)
{
    return (uint16_t)read_little_endian(r, 2);
}

uint32_t reader_u32(struct reader *r)
{
    return (uint32_t)read_little_endian(r, 4);
}

uint64_t reader_u64(struct reader *r)
{
    return read_little_endian(r, 8);
}

struct str reader_lstr(struct reader *r)
{
    uint32_t size = reader_u32(r);
    return reader_bytes(r, size);
}
