/* Snapshots of the store, kept in memory until the process ends. */
#include "mockchroma/core/machine.h"
#include "base/memory.h"
#include "base/suggest.h"

#define SNAPSHOTS_NAMED 32 /* in a message */

static struct snapshot *find(struct mock *m, struct str name)
{
    struct snapshot *s;
    STAILQ_FOREACH (s, &m->snapshots, next) {
        if (str_equal(str_of(s->name), name)) {
            return s;
        }
    }
    return NULL;
}

void mock_snapshot(struct mock *m, struct str name)
{
    struct snapshot *s = find(m, name);
    if (s == NULL) {
        s = mem_alloc(sizeof(*s));
        s->name = mem_strndup(name.data, name.size);
        store_init(&s->store, m->chroma.store.prng, m->chroma.store.texts);
        STAILQ_INSERT_TAIL(&m->snapshots, s, next);
    }
    store_copy(&s->store, &m->chroma.store);
}

int mock_restore(struct mock *m, uint64_t now_ns, struct str name, struct errmsg *msg)
{
    const char *names[SNAPSHOTS_NAMED];
    size_t count = 0;
    const struct snapshot *s = find(m, name);
    m->now_ns = now_ns > m->now_ns ? now_ns : m->now_ns;
    if (s != NULL) {
        /* UUIDs minted after it are not minted again for something else. */
        struct prng ids = m->chroma.store.prng;
        store_copy(&m->chroma.store, &s->store);
        m->chroma.store.prng = ids;
        mock_history_restart(&m->history, &m->chroma);
        return 0;
    }
    STAILQ_FOREACH (s, &m->snapshots, next) {
        if (count < SNAPSHOTS_NAMED) {
            names[count++] = s->name;
        }
    }
    const char *near = suggest_name(name, names, count);
    return error_set(msg, ERR_NOT_FOUND, "there is no snapshot \"%.*s\"%s%s%s", STR_ARGS(name),
                     near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
                     near == NULL ? "" : "\"?");
}

void snapshots_deinit(struct mock *m)
{
    struct snapshot *s;
    while ((s = STAILQ_FIRST(&m->snapshots)) != NULL) {
        STAILQ_REMOVE_HEAD(&m->snapshots, next);
        store_deinit(&s->store);
        mem_free(s->name);
        mem_free(s);
    }
}
