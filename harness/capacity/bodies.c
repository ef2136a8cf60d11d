#include "harness/capacity/bodies.h"

#include "base/base64.h"
#include "base/check.h"
#include "base/decimal.h"
#include "base/memory.h"
#include "base/prng.h"
#include "base/uuid.h"

#define BODY_BYTES_MAX ((size_t)1 << 30)
#define SAMPLES        3u
#define HALF_STEPS     (UINT64_C(1) << 23)
#define STEPS          (UINT64_C(1) << 24) /* of a number: what a 32-bit float can tell apart */

const char *const body_encoding_names[] = { "json", "base64", NULL };

static float draw(struct prng *prng)
{
    return (float)prng_below(prng, STEPS) / (float)HALF_STEPS - 1.0F;
}

static void put_array(struct buf *out, const struct body_shape *shape, struct prng *prng)
{
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < shape->dimension; i++) {
        struct decimal digits;
        char text[DECIMAL_TEXT_BYTES];
        /* Embeddings are about as long as 1 altogether: small numbers, all digits significant. */
        decimal_of_double((double)(draw(prng) / 19.6F), &digits);
        decimal_print(&digits, -5, 16, false, text);
        buf_append_text(out, i == 0 ? "" : ",");
        buf_append_text(out, text);
    }
    buf_append_char(out, ']');
}

static void put_base64(struct buf *out, const struct body_shape *shape, struct prng *prng)
{
    float *numbers = mem_alloc_array(shape->dimension + 1, sizeof(*numbers));
    for (uint32_t i = 0; i < shape->dimension; i++) {
        numbers[i] = draw(prng);
    }
    buf_append_char(out, '"');
    base64_encode(out, str_make((const char *)(const void *)numbers, shape->dimension * sizeof(*numbers)));
    buf_append_char(out, '"');
    mem_free(numbers);
}

static void put_list(struct buf *out, const char *name, const struct body_shape *shape, struct prng *prng,
                     void (*put)(struct buf *out, const struct body_shape *shape, struct prng *prng))
{
    buf_printf(out, "%s\"%s\":[", out->data[out->size - 1] == '{' ? "" : ",", name);
    for (uint32_t i = 0; i < shape->records; i++) {
        buf_append_text(out, i == 0 ? "" : ",");
        put(out, shape, prng);
    }
    buf_append_char(out, ']');
}

static void put_id(struct buf *out, const struct body_shape *shape, struct prng *prng)
{
    (void)shape;
    unsigned long long high = prng_next(prng);
    unsigned long long low = prng_next(prng);
    buf_printf(out, "\"%08llx-%04llx-%04llx-%04llx-%012llx\"", high >> 32, (high >> 16) & 0xffff,
               high & 0xffff, low >> 48, low & 0xffffffffffff);
}

static void put_embedding(struct buf *out, const struct body_shape *shape, struct prng *prng)
{
    (shape->encoding == BODY_JSON ? put_array : put_base64)(out, shape, prng);
}

static void put_metadata(struct buf *out, const struct body_shape *shape, struct prng *prng)
{
    (void)shape;
    buf_printf(out, "{\"source\":\"handbook.md\",\"page\":%llu}", (unsigned long long)prng_below(prng, 1000));
}

static void put_document(struct buf *out, const struct body_shape *shape, struct prng *prng)
{
    (void)prng;
    buf_append_char(out, '"');
    for (uint32_t i = 0; i < shape->document_bytes; i++) {
        buf_append_char(out, i % 6 == 5 ? ' ' : 'w');
    }
    buf_append_char(out, '"');
}

void body_write(struct buf *out, const struct body_shape *shape, uint64_t seed)
{
    struct prng prng;
    prng_seed(&prng, seed);
    buf_append_char(out, '{');
    put_list(out, "ids", shape, &prng, put_id);
    if (shape->dimension > 0) {
        put_list(out, "embeddings", shape, &prng, put_embedding);
    }
    put_list(out, "metadatas", shape, &prng, put_metadata);
    if (shape->document_bytes > 0) {
        put_list(out, "documents", shape, &prng, put_document);
    }
    buf_append_char(out, '}');
}

double body_bytes(const struct body_shape *shape)
{
    double sum = 0;
    for (uint64_t seed = 1; seed <= SAMPLES; seed++) {
        struct buf body;
        buf_init(&body, BODY_BYTES_MAX);
        body_write(&body, shape, seed);
        CHECK(!body.failed);
        sum += (double)body.size;
        buf_deinit(&body);
    }
    return sum / SAMPLES;
}
