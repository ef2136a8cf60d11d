#include "proxy/ctl/ctl.h"

#include "proxy/ctl/verbs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELP_LIMIT ((size_t)1 << 20)

static const struct {
    enum ctl_exit status;
    const char *meaning;
} exits[] = {
    { CTL_DONE, "done" },
    { CTL_REFUSED, "walproxy refused; its words are on stderr" },
    { CTL_USAGE, "a wrong command line; nothing was sent" },
    { CTL_UNREACHABLE, "no answer, or not walproxy's" },
    { CTL_NOT_DONE,
      "what was waited for was called off, or is not over within --timeout; compare: they differ" },
};

/* ---- help ---- */

static void put_exits(struct buf *out, const char *before, const char *between, const char *after)
{
    for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
        buf_printf(out, "%s%d%s%s%s", before, (int)exits[i].status, between, exits[i].meaning, after);
    }
}

static void put_help(struct buf *out)
{
    buf_append_text(out,
                    "walproxy ctl - what an operator asks of a running walproxy\n\n"
                    "usage: walproxy ctl [options] VERB ...\n\n");
    for (size_t i = 0; i < verb_count; i++) {
        char usage[64];
        (void)snprintf(usage, sizeof(usage), "%s %s", verbs[i].name, verbs[i].arguments);
        buf_printf(out, "  %-23s %s\n", usage, verbs[i].meaning);
    }
    buf_append_text(out, "\noptions, anywhere on the line:\n");
    options_help(out);
    buf_append_text(out,
                    "\nreplay is stuck, and a write is poison:\n"
                    "  walproxy ctl status                        # why not replaying, in words\n"
                    "  walproxy ctl letters                       # who refuses what, and why\n"
                    "  walproxy ctl letters show 17 --body > poison.json\n"
                    "  walproxy ctl letters edit 17 poison.json   # after mending it\n"
                    "  walproxy ctl letters retry 17\n"
                    "\nthe primary's machine needs a new disk:\n"
                    "  walproxy ctl failover replica              # waits until the replica lacks nothing\n"
                    "  walproxy ctl force primary down\n"
                    "  walproxy ctl force primary auto            # when it is back\n"
                    "  walproxy ctl failover primary\n"
                    "\nexit status:\n");
    put_exits(out, "  ", "  ", "\n");
}

static void put_usage(struct buf *out, const struct verb *verb)
{
    buf_printf(out, "usage: walproxy ctl [options] %s%s%s\n  %s\n  as: %s\n", verb->name,
               verb->arguments[0] == '\0' ? "" : " ", verb->arguments, verb->meaning, verb->example);
}

void ctl_manual(struct buf *out)
{
    buf_append_text(out, "| verb | what it does | as |\n|---|---|---|\n");
    for (size_t i = 0; i < verb_count; i++) {
        buf_printf(out, "| `%s%s%s` | %s | `", verbs[i].name, verbs[i].arguments[0] == '\0' ? "" : " ",
                   verbs[i].arguments, verbs[i].meaning);
        for (const char *c = verbs[i].example; *c != '\0'; c++) {
            buf_printf(out, *c == '|' ? "\\%c" : "%c", *c); /* a bar ends a cell */
        }
        buf_append_text(out, "` |\n");
    }
    buf_append_char(out, '\n');
    options_manual(out);
    buf_append_text(out, "\n| exit status | meaning |\n|---|---|\n");
    put_exits(out, "| ", " | ", " |\n");
}

/* To a stream; the status. */
static int print(FILE *stream, struct buf *out, int status)
{
    (void)fwrite(out->data, 1, out->size, stream);
    buf_deinit(out);
    return status;
}

/* ---- the command ---- */

static int complain(const struct errmsg *msg)
{
    (void)fprintf(stderr, "walproxy ctl: %s (walproxy ctl --help)\n", msg->text);
    return CTL_USAGE;
}

/* A token in clear text on the way to another machine is as good as published. */
static void warn_clear_token(const struct options *o)
{
    static const char *const near[] = { "http://127.", "http://localhost", "http://[::1]" };
    bool clear = o->token[0] != '\0' && strncmp(o->url, "http://", strlen("http://")) == 0;
    for (size_t i = 0; i < sizeof(near) / sizeof(near[0]); i++) {
        clear = clear && strncmp(o->url, near[i], strlen(near[i])) != 0;
    }
    if (clear) {
        (void)fprintf(stderr, "walproxy ctl: the token goes to another machine in clear text; use https\n");
    }
}

static int help(const struct options *o)
{
    struct buf out;
    size_t taken;
    const char *near;
    buf_init(&out, HELP_LIMIT);
    const struct verb *verb = o->word_count == 0 ? NULL : verbs_find(o->words, o->word_count, &taken, &near);
    if (verb == NULL) {
        put_help(&out);
    } else {
        put_usage(&out, verb);
    }
    return print(stdout, &out, CTL_DONE);
}

static int wrong_words(const struct options *o, const struct verb *verb, const char *near)
{
    struct buf out;
    buf_init(&out, HELP_LIMIT);
    if (verb == NULL) {
        buf_printf(&out, "walproxy ctl: \"%.60s\" is no verb%s%s (walproxy ctl --help)\n", o->words[0],
                   near == NULL ? "" : "; did you mean ", near == NULL ? "" : near);
    } else {
        if (near != NULL && strcmp(near, verb->name) != 0) {
            buf_printf(&out, "walproxy ctl: did you mean %s?\n", near);
        }
        put_usage(&out, verb);
    }
    return print(stderr, &out, CTL_USAGE);
}

int ctl_command(int argc, char **argv)
{
    static struct options o;
    struct errmsg msg = { "" };
    if (options_parse(&o, argc, argv, &msg) != 0) {
        return complain(&msg);
    }
    bool asked = o.word_count > 0 && strcmp(o.words[0], "help") == 0;
    if (asked) {
        o.word_count--;
        memmove(o.words, o.words + 1, o.word_count * sizeof(o.words[0]));
    }
    if (asked || o.help || o.word_count == 0) {
        int status = help(&o);
        return asked || o.help ? status : CTL_USAGE;
    }
    size_t taken;
    const char *near;
    const struct verb *verb = verbs_find(o.words, o.word_count, &taken, &near);
    if (verb == NULL || verb->words != o.word_count - taken) {
        return wrong_words(&o, verb, near);
    }
    const char *no_colour = getenv("NO_COLOR");
    struct session s = {
        .options = &o,
        .words = o.words + taken,
        .colour = (no_colour == NULL || no_colour[0] == '\0') && isatty(STDOUT_FILENO) == 1,
    };
    if (asking_open(&s.asking, &o, &msg) != 0) {
        (void)complain(&msg);
        return CTL_UNREACHABLE;
    }
    warn_clear_token(&o);
    int status = verb->run(&s);
    asking_close(s.asking);
    return status;
}
