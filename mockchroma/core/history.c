/* Restored from a backup: a server that comes back without its last seconds.
 *
 * Kept is a second server that lags behind (base) and the writes it has not seen.  To rewind, base
 * catches up to the moment wanted, or to the beginning of the window, and a copy of it becomes the server.
 * Writes beyond 64 MiB move into base as new ones come; many a server is never rewound, and it costs a second
 * application of each. */
#include "mockchroma/core/machine.h"
#include "base/memory.h"
#include "base/units.h"

#define HISTORY_BYTES ((size_t)64 * 1024 * 1024)
#define WINDOW_NS     (60 * NS_PER_S)

void mock_history_init(struct mock_history *h, const struct mock_options *options, struct prng prng,
                       struct text_pool *texts, uint64_t max_body_bytes)
{
    chroma_init(&h->base, prng, texts, options->allow_reset, max_body_bytes, NULL);
    TAILQ_INIT(&h->writes);
    h->bytes = 0;
    h->window_ns = options->lose_window_ns == 0 ? WINDOW_NS : options->lose_window_ns;
}

static size_t weight_of(const struct past_write *w)
{
    return sizeof(*w) + w->method.size + w->target.size + w->content_type.size + block_str(w->body).size;
}

static void drop(struct mock_history *h, struct past_write *w)
{
    TAILQ_REMOVE(&h->writes, w, next);
    h->bytes -= weight_of(w);
    block_unref(w->body);
    mem_free(w);
}

void mock_history_deinit(struct mock_history *h)
{
    struct past_write *w;
    while ((w = TAILQ_FIRST(&h->writes)) != NULL) {
        drop(h, w);
    }
    chroma_deinit(&h->base);
}

/* The oldest write happens to the base as it happened to the server. */
static void fold_oldest(struct mock_history *h)
{
    struct past_write *w = TAILQ_FIRST(&h->writes);
    struct chroma_route route = chroma_route(w->method, w->target, false);
    struct chroma_request request = {
        .route = &route,
        .target = w->target,
        .content_type = w->content_type,
        .body = w->body,
        .now_ns = w->applied_ns,
        .record_limit = w->record_limit,
    };
    struct answer answer = { 0 };
    struct effect effect;
    buf_init(&answer.body, (size_t)64 * 1024 * 1024);
    chroma_answer(&h->base, &request, &answer, &effect);
    buf_deinit(&answer.body);
    drop(h, w);
}

static struct str copy_text(char **at, struct str s)
{
    struct str copy = str_make(*at, s.size);
    if (s.data == NULL) {
        return s;
    }
    memcpy(*at, s.data, s.size);
    *at += s.size;
    return copy;
}

void mock_history_add(struct mock_history *h, const struct flight *f, int64_t record_limit, uint64_t now_ns)
{
    size_t size = f->method.size + f->target.size + f->content_type.size;
    struct past_write *w = mem_alloc(sizeof(*w) + size + 1);
    char *at = w->text;
    w->applied_ns = now_ns;
    w->record_limit = record_limit;
    w->body = block_ref(f->body);
    w->method = copy_text(&at, f->method);
    w->target = copy_text(&at, f->target);
    w->content_type = copy_text(&at, f->content_type);
    TAILQ_INSERT_TAIL(&h->writes, w, next);
    h->bytes += weight_of(w);
    while (h->bytes > HISTORY_BYTES) {
        fold_oldest(h);
    }
}

void mock_history_rewind(struct mock_history *h, struct chroma *chroma, uint64_t cutoff_ns)
{
    struct past_write *w;
    const struct past_write *last = TAILQ_LAST(&h->writes, past_list);
    uint64_t window_ns =
        last == NULL || last->applied_ns < h->window_ns ? 0 : last->applied_ns - h->window_ns;
    while ((w = TAILQ_FIRST(&h->writes)) != NULL &&
           (w->applied_ns <= cutoff_ns || w->applied_ns < window_ns)) {
        fold_oldest(h);
    }
    while ((w = TAILQ_FIRST(&h->writes)) != NULL) {
        drop(h, w);
    }
    /* Ids are drawn anew: a real server never hands out again those that the lost writes had. */
    h->base.store.prng = prng_split(&h->base.store.prng, "restored");
    store_copy(&chroma->store, &h->base.store);
}

void mock_history_restart(struct mock_history *h, const struct chroma *chroma)
{
    struct past_write *w;
    while ((w = TAILQ_FIRST(&h->writes)) != NULL) {
        drop(h, w);
    }
    store_copy(&h->base.store, &chroma->store);
}

void mock_history_forget_all(struct mock_history *h, struct chroma *chroma)
{
    store_reset(&chroma->store);
    mock_history_restart(h, chroma);
}
