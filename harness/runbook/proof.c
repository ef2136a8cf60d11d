/* Claims are read from the scenarios, facts from results; an id counts as proved when a check that claims it
 * held and none failed. */
#include "harness/runbook/proof.h"

#include "base/buf.h"
#include "base/memory.h"
#include <stdint.h>
#include <string.h>

#define PLACE_MAX ((size_t)4096)

void proofs_init(struct proofs *p, const struct runbook *book)
{
    *p = (struct proofs){ .book = book, .count = book->id_count };
    p->items = mem_alloc_array(book->id_count + 1, sizeof(*p->items));
    for (size_t i = 0; i < p->count; i++) {
        p->items[i] = (struct proof){ .id = &book->ids[i], .scenario = SIZE_MAX };
    }
}

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(texts[i]);
    }
    mem_free(texts);
}

void proofs_deinit(struct proofs *p)
{
    for (size_t i = 0; i < p->count; i++) {
        mem_free(p->items[i].saw);
    }
    mem_free(p->items);
    free_texts(p->unknown, p->unknown_count);
    free_texts(p->unrun, p->unrun_count);
    *p = (struct proofs){ 0 };
}

static void add_place(char ***list, size_t *count, const char *path, unsigned line, struct str what)
{
    struct buf text;
    buf_init(&text, PLACE_MAX);
    buf_printf(&text, "%s:%u%s%.*s", path, line, what.size == 0 ? "" : ": ", STR_ARGS(what));
    *list = mem_realloc(*list, (*count + 1) * sizeof(**list));
    (*list)[(*count)++] = mem_strdup(buf_text(&text));
    buf_deinit(&text);
}

/* A claim by request or expectation takes the place of one by command, never the other way round. */
static void claim(struct proofs *p, size_t index, const struct scenario *s, const char *ids, unsigned line,
                  bool command)
{
    struct str rest = str_of(ids == NULL ? "" : ids);
    while (rest.data != NULL && rest.size > 0) {
        struct str id = str_cut(rest, ' ', &rest);
        const struct runbook_id *known = runbook_find(p->book, id);
        if (known == NULL) {
            add_place(&p->unknown, &p->unknown_count, s->path, line, id);
            continue;
        }
        struct proof *proof = &p->items[known - p->book->ids];
        if (proof->scenario == SIZE_MAX || (proof->needs_command && !command)) {
            proof->scenario = index;
            proof->line = line;
            proof->needs_command = command;
        }
    }
}

void proofs_claim(struct proofs *p, size_t index, const struct scenario *s)
{
    for (size_t i = 0; i < s->expect_count; i++) {
        claim(p, index, s, s->expects[i].proves, s->expects[i].line, false);
    }
    for (size_t i = 0; i < s->step_count; i++) {
        const struct scenario_step *step = &s->steps[i];
        claim(p, index, s, step->proves, step->line, step->run != NULL);
        for (size_t k = 0; k < step->assertion_count; k++) {
            claim(p, index, s, step->assertions[k].proves, step->assertions[k].line, step->run != NULL);
        }
    }
}

struct block_search {
    struct proofs *p;
    struct scenario *const *scenarios;
};

static void find_block(void *context, unsigned line, const char *text)
{
    const struct block_search *search = context;
    for (size_t i = 0; i < search->p->book->scenario_count; i++) {
        const struct scenario *s = search->scenarios[i];
        for (size_t k = 0; k < s->step_count; k++) {
            if (s->steps[k].run != NULL && strstr(s->steps[k].run, text) != NULL) {
                return;
            }
        }
    }
    add_place(&search->p->unrun, &search->p->unrun_count, search->p->book->guide_path, line, STR(""));
}

void proofs_blocks(struct proofs *p, struct scenario *const *scenarios)
{
    struct block_search search = { .p = p, .scenarios = scenarios };
    runbook_blocks(p->book, find_block, &search);
}

void proofs_note(struct proofs *p, const struct results *r)
{
    for (size_t i = 0; i < r->assertion_count; i++) {
        const struct assertion_result *a = &r->assertions[i];
        for (size_t k = 0; a->proves != NULL && k < p->count; k++) {
            struct proof *proof = &p->items[k];
            if (!runbook_in(a->proves, proof->id->id)) {
                continue;
            }
            proof->passed += a->passed && !a->skipped ? 1 : 0;
            proof->skipped += a->skipped ? 1 : 0;
            proof->failed += !a->passed && !a->skipped ? 1 : 0;
            if (!a->passed && !a->skipped && proof->saw == NULL) {
                proof->saw = mem_strdup(a->saw == NULL ? "" : a->saw);
            }
        }
    }
}
