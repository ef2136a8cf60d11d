/* From a file's path to an engine that may play: read, guard, look, tell, ask.
 *
 * Up to the engine's open nothing is asked of the target but questions: its status, its lists.  Whoever
 * cannot be asked (no terminal) has to be sure beforehand: --arm NAME --yes. */
#include "harness/target/target.h"

#include "base/buf.h"
#include "base/memory.h"
#include "harness/real/content.h"
#include "harness/real/control.h"
#include "harness/target/blast.h"
#include "harness/target/engine.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PREPARE_WORDS    ((size_t)1 << 20)
#define PREPARE_PROBLEMS 20

enum {
    STATUS_USAGE = 2,
    STATUS_UNARMED = 3,
    STATUS_INFRASTRUCTURE = 4,
    STATUS_CLEANUP = 5
}; /* docs/cli.md */

/* ---- reading ---- */

/* A token that stands in the file must not stand in a log of CI, too. */
static bool has_secret(const struct yaml_problems *problems)
{
    bool any = false;
    for (size_t i = 0; i < problems->count; i++) {
        any = any || strstr(problems->items[i].text, TARGET_TOKEN_WORDS) != NULL;
    }
    return any;
}

static struct target_file *read_file(const char *path)
{
    struct errmsg msg = { "" };
    struct yaml_problems problems = { 0 };
    struct buf out;
    size_t size = 0;
    char *text = scenario_read_file(path, &size, &msg);
    if (text == NULL) {
        (void)fprintf(stderr, "waldrill: cannot read %s\n", msg.text);
        return NULL;
    }
    struct target_file *file = target_file_parse(path, str_make(text, size), &problems);
    buf_init(&out, PREPARE_WORDS);
    if (problems.count > 0) {
        struct str shown = has_secret(&problems) ? STR("") : str_make(text, size);
        yaml_problems_print(&problems, path, shown, PREPARE_PROBLEMS, false, &out);
    }
    (void)fputs(buf_text(&out), stderr);
    buf_deinit(&out);
    yaml_problems_deinit(&problems);
    mem_free(text);
    return file;
}

/* ---- what the file adds to the scenario ---- */

static void add_settings(const struct target_file *file, struct scenario *s)
{
    for (size_t i = 0; i < file->setting_count; i++) {
        bool known = false;
        for (size_t k = 0; k < s->lb_setting_count; k++) {
            known = known || strcmp(s->lb_settings[k].name, file->settings[i].name) == 0;
        }
        if (!known) {
            s->lb_settings = mem_realloc(s->lb_settings, (s->lb_setting_count + 1) * sizeof(*s->lb_settings));
            s->lb_settings[s->lb_setting_count++] =
                (struct scenario_setting){ .name = mem_strdup(file->settings[i].name),
                                           .value = mem_strdup(file->settings[i].value) };
        }
    }
}

/* The scenario owns them from now on. */
static void move_stops(struct target_file *file, struct scenario *s)
{
    size_t count = s->stop_count + file->stop_count;
    if (file->stop_count == 0) {
        return;
    }
    s->stops = mem_realloc(s->stops, count * sizeof(*s->stops));
    for (size_t i = 0; i < file->stop_count; i++) {
        s->stops[s->stop_count] = file->stops[i];
        s->stops[s->stop_count++].line = 0; /* not a line of the scenario's file */
    }
    file->stop_count = 0;
}

/* ---- looking ---- */

static int look(const struct target_file *file, struct buf *out, struct errmsg *msg)
{
    struct buf answer;
    buf_init(&answer, PREPARE_WORDS * 64);
    int rv = control_look(file->places[TARGET_LB].url, "/status",
                          target_file_token(file, TARGET_LB, "/status"), &answer, msg);
    rv = rv == 0 ? 0 : error_wrap(msg, rv, "the balancer");
    buf_deinit(&answer);
    for (unsigned i = TARGET_PRIMARY; i < TARGET_PLACES && rv == 0; i++) {
        json_t *list;
        if (file->places[i].url == NULL) {
            continue;
        }
        struct content_source source = { file->places[i].url, file->chroma_token, CONTENT_DEFAULT_DATABASE };
        rv = content_list(&source, &list, msg);
        if (rv != 0) {
            rv = error_wrap(msg, rv, "the %s", target_place_names[i]);
            break;
        }
        buf_printf(out, "  %-9s holds %zu collections that stay as they are\n", target_place_names[i],
                   json_array_size(list));
        json_decref(list);
    }
    return rv;
}

/* ---- confirming ---- */

/* 0 when it may go on; else the exit status, after words. */
static int confirm(const struct target_file *file, const struct target_request *request)
{
    char line[128];
    if (request->armed != NULL && request->yes) {
        return 0;
    }
    if (isatty(STDIN_FILENO) != 1) {
        (void)fprintf(stderr, "waldrill: not armed, nothing was changed; to go on: --arm %s --yes\n",
                      file->name);
        return STATUS_UNARMED;
    }
    (void)fprintf(stderr, "Type the target's name to go on: ");
    (void)fflush(stderr);
    if (fgets(line, sizeof(line), stdin) == NULL || !str_equal(str_trim(str_of(line)), str_of(file->name))) {
        (void)fprintf(stderr, "waldrill: that is not %s; nothing was changed\n", file->name);
        return STATUS_USAGE;
    }
    return 0;
}

static int ready(struct target_file *file, const struct target_request *request, const struct scenario *s,
                 const char *refusal)
{
    struct errmsg msg = { "" };
    struct buf words;
    if (request->armed != NULL && strcmp(request->armed, file->name) != 0) {
        (void)fprintf(stderr, "waldrill: --arm %s, but %s is the target %s; nothing was changed\n",
                      request->armed, file->path, file->name);
        return STATUS_USAGE;
    }
    if (refusal[0] != '\0') {
        return 0; /* nothing will be played, and the verdict says why */
    }
    buf_init(&words, PREPARE_WORDS);
    blast_tell(file, s, &words);
    int rv = look(file, &words, &msg);
    (void)fputs(buf_text(&words), stderr);
    buf_deinit(&words);
    if (rv != 0) {
        (void)fprintf(stderr, "waldrill: %s\n", msg.text);
        return STATUS_INFRASTRUCTURE;
    }
    return confirm(file, request);
}

struct engine *target_engine_new(const struct target_request *request, struct scenario *s, int *status)
{
    struct errmsg refusal = { "" };
    struct target_file *file = read_file(request->path);
    if (file == NULL) {
        *status = STATUS_USAGE;
        return NULL;
    }
    (void)blast_refusal(file, s, &refusal);
    *status = ready(file, request, s, refusal.text);
    if (*status != 0) {
        target_file_free(file);
        return NULL;
    }
    add_settings(file, s);
    move_stops(file, s);
    return target_engine_make(file, s, request->work_dir, refusal.text);
}

/* ---- healing from outside ---- */

static int heal_with(const struct target_file *file, struct target_lock *lock, const char *work_dir)
{
    struct hurt *hurts = hurts_new(file, work_dir);
    struct buf told;
    struct buf trouble;
    buf_init(&told, PREPARE_WORDS);
    buf_init(&trouble, PREPARE_WORDS);
    struct heal heal = {
        .file = file, .mark = file->prefix, .hurts = hurts, .told = &told, .trouble = &trouble
    };
    lock_stopped(lock, heal.stopped);
    heal_places(&heal);
    heal_collections(&heal);
    heal_letters(&heal);
    int status = trouble.size == 0 ? 0 : STATUS_CLEANUP;
    (void)fputs(buf_text(&told), stdout);
    (void)fputs(buf_text(&trouble), stderr);
    if (status == 0) {
        lock_clear(lock);
        (void)printf("%s is healed\n", file->name);
    } else {
        (void)fprintf(stderr, "waldrill heal: %s is not healed\n", file->name);
    }
    buf_deinit(&told);
    buf_deinit(&trouble);
    mem_free(hurts);
    return status;
}

int target_heal(const char *path, const char *work_dir)
{
    struct target_lock lock = { .fd = -1 };
    struct errmsg msg = { "" };
    struct target_file *file = read_file(path);
    if (file == NULL) {
        return STATUS_USAGE;
    }
    int rv = lock_take(&lock, file, true, 0, &msg);
    if (rv == ERR_BUSY) {
        (void)fprintf(stderr, "a rehearsal is under way: it is asked to stop\n");
        rv = lock_ask_stop(file, &msg);
        rv = rv != 0 ? rv : lock_take(&lock, file, true, TARGET_HEAL_PATIENCE_MS, &msg);
        if (rv == ERR_BUSY) { /* it hangs; what it broke is mended all the same */
            (void)fprintf(stderr, "it does not stop; healing without it\n");
        }
    }
    int status = rv == 0 || rv == ERR_BUSY ? heal_with(file, &lock, work_dir) : STATUS_INFRASTRUCTURE;
    if (rv != 0) {
        (void)fprintf(stderr, "waldrill heal: %s\n", msg.text);
        status = status == 0 ? STATUS_CLEANUP : status;
    }
    lock_release(&lock);
    target_file_free(file);
    return status;
}
