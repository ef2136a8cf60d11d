/* The end of a rehearsal, whatever it is: mend, take the record, remove what was made, compare what was
 * there.
 *
 * Others may write to a target at the same time.  Where every instance stands behind a gateway their writes
 * are in its journal: one is enough to make the run INVALID (its counts are not ours alone), and a difference
 * is then nobody's in particular.  Without such a difference explained, data that changed fails the run. */
#include "harness/target/engine.h"

#include "base/memory.h"
#include "harness/real/content.h"
#include "harness/results.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define END_WORDS   ((size_t)1 << 20)
#define END_CONTENT ((size_t)1 << 30)
#define END_LINE    1024

bool target_has_journals(struct engine *e)
{
    const struct target_engine *t = target_of(e);
    bool all = !t->commands;
    for (unsigned i = TARGET_PRIMARY; i < TARGET_PLACES; i++) {
        all = all && (t->file->places[i].url == NULL || t->file->places[i].gateway != NULL);
    }
    return all;
}

int target_pull(struct target_engine *t, struct history *into, struct errmsg *msg)
{
    int rv = 0;
    for (unsigned i = TARGET_PRIMARY; i < TARGET_PLACES && rv == 0; i++) {
        if (t->file->places[i].gateway != NULL) {
            rv = journal_pull(&t->journals[i - 1], t->file->places[i].gateway, into, msg);
        }
    }
    return rv;
}

static void take_content(struct target_engine *t)
{
    for (unsigned i = TARGET_PRIMARY; i < TARGET_PLACES; i++) {
        struct buf content;
        struct errmsg msg = { "" };
        if (t->file->places[i].url == NULL) {
            continue;
        }
        struct content_source source = { .base_url = t->file->places[i].url,
                                         .token = t->file->chroma_token,
                                         .database = CONTENT_DEFAULT_DATABASE };
        buf_init(&content, END_CONTENT);
        if (content_read(&source, t->marks.mark, &content, &msg) == 0) {
            mem_free(t->history->content[i - 1]);
            t->history->content[i - 1] = buf_take(&content);
        } else {
            buf_printf(&t->trouble, "reading the %s: %s\n", target_place_names[i], msg.text);
        }
        buf_deinit(&content);
    }
}

static void compare(struct target_engine *t)
{
    struct history others; /* what came after the record was taken is not judged */
    struct errmsg msg = { "" };
    history_init(&others);
    if (target_pull(t, &others, &msg) != 0) {
        buf_printf(&t->trouble, "the last of the journals: %s\n", msg.text);
    }
    history_deinit(&others);
    t->foreign = t->journals[0].foreign + t->journals[1].foreign;
    t->compared = true;
    for (unsigned i = TARGET_PRIMARY; i < TARGET_PLACES; i++) {
        struct holdings after;
        char line[END_LINE];
        if (t->file->places[i].url == NULL) {
            continue;
        }
        if (holdings_read(t->file, (enum engine_target)i, &after, &msg) != 0) {
            t->compared = false;
            buf_printf(&t->changed, "%s cannot be read: %s; ", target_place_names[i], msg.text);
            continue;
        }
        if (holdings_differ(&t->before[i - 1], &after, line, sizeof(line))) {
            buf_printf(&t->changed, "%s: %s; ", target_place_names[i], line);
        }
        holdings_free(&after);
    }
}

void target_end(struct target_engine *t, bool with_content)
{
    struct errmsg msg = { "" };
    if (!t->opened || t->ended) {
        return;
    }
    t->ended = true;
    struct heal heal = {
        .file = t->file, .mark = t->marks.mark, .hurts = t->hurts, .told = &t->told, .trouble = &t->trouble
    };
    lock_stopped(&t->lock, heal.stopped);
    heal_places(&heal);
    if (target_pull(t, t->history, &msg) != 0) {
        buf_printf(&t->trouble, "the journals: %s\n", msg.text);
    }
    if (with_content) {
        take_content(t);
    }
    heal.trouble = &t->left;
    heal_collections(&heal);
    heal_letters(&heal);
    compare(t);
    if (t->trouble.size == 0 && t->left.size == 0) {
        lock_clear(&t->lock);
    }
    keeper_dismiss(&t->keeper);
    lock_release(&t->lock);
    signals_restore();
}

static struct assertion_result *say(struct results *results, enum assertion_kind kind, const char *name,
                                    bool passed, const char *expected, const char *saw)
{
    struct assertion_result *a = results_add_assertion(results, kind, name, 0);
    a->passed = passed;
    a->expected = mem_strdup(expected);
    a->saw = mem_strndup(saw, strnlen(saw, END_LINE));
    return a;
}

/* Lines as one. */
static const char *in_a_line(struct buf *lines)
{
    for (size_t i = 0; i < lines->size; i++) {
        if (lines->data[i] == '\n') {
            lines->data[i] = i + 1 == lines->size ? '.' : ';';
        }
    }
    return buf_text(lines);
}

void target_judge(struct engine *e, struct results *results)
{
    struct target_engine *t = target_of(e);
    char words[END_LINE];
    (void)snprintf(words, sizeof(words), "waldrill run %s --target %s --arm %s", results->path, t->file->path,
                   t->file->name);
    results->reproduce = mem_strdup(words);
    if (!t->opened) {
        return;
    }
    target_end(t, false);
    bool mended = t->trouble.size == 0;
    bool gone = t->left.size == 0;
    (void)say(results, ASSERT_CLEANUP, "everything that was broken on the target is mended", mended,
              "no fault left, everything started and answering",
              mended ? "no fault left, everything started and answering" : in_a_line(&t->trouble));
    (void)snprintf(words, sizeof(words), "no collection that begins with %s on any instance", t->marks.mark);
    (void)say(results, ASSERT_CLEANUP, "nothing of the rehearsal is left behind", gone, words,
              gone ? words : in_a_line(&t->left));
    (void)snprintf(words, sizeof(words),
                   "%zu and %zu collections, %" PRIu64 " and %" PRIu64 " records, as before",
                   t->before[0].count, t->before[1].count, t->before[0].records, t->before[1].records);
    struct assertion_result *same =
        say(results, ASSERT_INVARIANT, "the data that was there is unchanged on every instance",
            t->changed.size == 0, words, t->changed.size == 0 ? words : in_a_line(&t->changed));
    same->skipped = t->changed.size > 0 && t->foreign > 0 && t->compared;
    if (target_has_journals(e)) {
        (void)snprintf(
            words, sizeof(words), "%" PRIu64 " writes of others, the first to %.64s", t->foreign,
            t->journals[0].foreign > 0 ? t->journals[0].foreign_name : t->journals[1].foreign_name);
        (void)say(results, ASSERT_VALIDITY, "nobody else wrote meanwhile", t->foreign == 0, "no other write",
                  t->foreign == 0 ? "no other write" : words);
    }
}
