#include "proxy/ctl/options.h"

#include "base/suggest.h"
#include "base/units.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_DEFAULT    "http://127.0.0.1:8000"
#define FILE_BYTES_MAX ((size_t)64 << 20)
#define SECRET_MAX     ((size_t)OPTIONS_TEXT_MAX - 1)

enum kind { KIND_FLAG, KIND_TEXT, KIND_TOKEN, KIND_COUNT, KIND_DURATION };

static const struct option {
    const char *name;
    const char *argument; /* NULL = a flag */
    enum kind kind;
    size_t offset;
    const char *meaning;
} options[] = {
    { "--url", "URL", KIND_TEXT, offsetof(struct options, url),
      "where walproxy listens; WALPROXY_URL, else " URL_DEFAULT },
    { "--token", "@FILE", KIND_TOKEN, offsetof(struct options, token),
      "ADMIN_TOKEN from a file, or the token itself (others can see that in ps); else the variable "
      "ADMIN_TOKEN" },
    { "--ca", "FILE", KIND_TEXT, offsetof(struct options, ca),
      "the authority that signed walproxy's certificate; WALPROXY_CA" },
    { "--json", NULL, KIND_FLAG, offsetof(struct options, json), "the answer as it came, for programs" },
    { "--no-wait", NULL, KIND_FLAG, offsetof(struct options, no_wait),
      "do not stay until failover, resync or compare is over" },
    { "--force", NULL, KIND_FLAG, offsetof(struct options, force),
      "failover at once; retry over younger writes" },
    { "--body", NULL, KIND_FLAG, offsetof(struct options, body),
      "letters show: the body alone, to be mended" },
    { "--from", "LSN", KIND_COUNT, offsetof(struct options, from), "lists: from that one on" },
    { "--limit", "N", KIND_COUNT, offsetof(struct options, limit), "lists: so many at most" },
    { "--timeout", "TIME", KIND_DURATION, offsetof(struct options, timeout_ms),
      "for an answer (10s), and for the end of what is waited for (no end)" },
    { "--help", NULL, KIND_FLAG, offsetof(struct options, help), "this, or of a verb: how it is used" },
};

enum { OPTION_COUNT = sizeof(options) / sizeof(options[0]) };

int options_read_file(const char *path, struct buf *out, struct errmsg *msg)
{
    char chunk[4096];
    size_t n;
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (file == NULL) {
        return error_set(msg, ERR_IO, "cannot read \"%.300s\": %s", path, strerror(errno));
    }
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0 && !out->failed) {
        buf_append(out, chunk, n);
    }
    bool failed = ferror(file) != 0;
    if (file != stdin) {
        (void)fclose(file);
    }
    if (failed) {
        return error_set(msg, ERR_IO, "cannot read \"%.300s\"", path);
    }
    return out->failed ? error_set(msg, ERR_LIMIT, "\"%.300s\" is too large", path) : 0;
}

/* ---- values ---- */

static int set_text(const char *name, struct str value, char *out, struct errmsg *msg)
{
    if (value.size == 0 || value.size >= OPTIONS_TEXT_MAX || memchr(value.data, '\n', value.size) != NULL) {
        return error_set(msg, ERR_INVALID, "%s: expected one line, not empty", name);
    }
    memcpy(out, value.data, value.size);
    out[value.size] = '\0';
    return 0;
}

static int set_token(const char *name, const char *value, char *out, struct errmsg *msg)
{
    if (value[0] != '@') {
        return set_text(name, str_of(value), out, msg);
    }
    struct buf text;
    buf_init(&text, SECRET_MAX);
    int rc = options_read_file(value + 1, &text, msg);
    rc = rc != 0 ? error_wrap(msg, rc, "%s", name) : set_text(name, str_trim(buf_str(&text)), out, msg);
    buf_deinit(&text);
    return rc;
}

static int set(struct options *o, const struct option *option, const char *value, struct errmsg *msg)
{
    void *at = (char *)o + option->offset;
    struct errmsg why = { "" };
    uint64_t ns = 0;
    switch (option->kind) {
        case KIND_FLAG:
            *(bool *)at = true;
            return 0;
        case KIND_TEXT:
            return set_text(option->name, str_of(value), at, msg);
        case KIND_TOKEN:
            return set_token(option->name, value, at, msg);
        case KIND_COUNT:
            if (units_parse_u64(str_of(value), at, &why) != 0) {
                return error_set(msg, ERR_INVALID, "%s: %s", option->name, why.text);
            }
            return 0;
        case KIND_DURATION:
            if (units_parse_duration(str_of(value), NS_PER_S, &ns, &why) != 0 || ns < NS_PER_MS) {
                return error_set(msg, ERR_INVALID, "%s: expected a time, as 30, 30s or 5m", option->name);
            }
            *(uint64_t *)at = ns / NS_PER_MS;
            return 0;
    }
    return error_set(msg, ERR_INVALID, "%s", option->name);
}

/* ---- the line ---- */

static const struct option *find(struct str name)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (str_equal(name, str_of(options[i].name))) {
            return &options[i];
        }
    }
    return NULL;
}

static int unknown(struct str name, struct errmsg *msg)
{
    const char *names[OPTION_COUNT];
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        names[i] = options[i].name;
    }
    const char *near = suggest_name(name, names, OPTION_COUNT);
    return error_set(msg, ERR_NOT_FOUND, "%.*s: no such option%s%s", (int)(name.size < 60 ? name.size : 60),
                     name.data, near == NULL ? "" : "; did you mean ", near == NULL ? "" : near);
}

static int take_option(struct options *o, int argc, char **argv, int *i, struct errmsg *msg)
{
    struct str value = { NULL, 0 };
    struct str name = str_cut(str_of(argv[*i]), '=', &value);
    const struct option *option = find(str_equal(name, STR("-h")) ? STR("--help") : name);
    if (option == NULL) {
        return unknown(name, msg);
    }
    if (option->argument == NULL) {
        return value.data != NULL ? error_set(msg, ERR_INVALID, "%s takes no value", option->name)
                                  : set(o, option, "", msg);
    }
    const char *text = value.data;
    if (text == NULL) {
        if (*i + 1 >= argc) {
            return error_set(msg, ERR_INVALID, "%s needs %s", option->name, option->argument);
        }
        text = argv[++*i];
    }
    return set(o, option, text, msg);
}

static int take_environment(struct options *o, struct errmsg *msg)
{
    static const struct {
        const char *variable;
        const char *option;
    } pairs[] = { { "WALPROXY_URL", "--url" }, { "ADMIN_TOKEN", "--token" }, { "WALPROXY_CA", "--ca" } };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const char *value = getenv(pairs[i].variable);
        if (value != NULL && value[0] != '\0' && set(o, find(str_of(pairs[i].option)), value, msg) != 0) {
            return error_wrap(msg, ERR_INVALID, "%s", pairs[i].variable);
        }
    }
    return 0;
}

int options_parse(struct options *o, int argc, char **argv, struct errmsg *msg)
{
    bool words_only = false;
    memset(o, 0, sizeof(*o));
    (void)snprintf(o->url, sizeof(o->url), "%s", URL_DEFAULT);
    int rc = take_environment(o, msg);
    for (int i = 1; i < argc && rc == 0; i++) {
        if (!words_only && strcmp(argv[i], "--") == 0) {
            words_only = true;
        } else if (!words_only && argv[i][0] == '-' && argv[i][1] != '\0') {
            rc = take_option(o, argc, argv, &i, msg);
        } else if (o->word_count == OPTIONS_WORDS_MAX) {
            rc = error_set(msg, ERR_INVALID, "too many words at \"%.60s\"", argv[i]);
        } else {
            o->words[o->word_count++] = argv[i];
        }
    }
    size_t size = strlen(o->url);
    while (size > 0 && o->url[size - 1] == '/') {
        o->url[--size] = '\0';
    }
    return rc;
}

/* ---- help ---- */

void options_help(struct buf *out)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%s %s", options[i].name,
                       options[i].argument == NULL ? "" : options[i].argument);
        buf_printf(out, "  %-16s %s\n", name, options[i].meaning);
    }
}

void options_manual(struct buf *out)
{
    buf_append_text(out, "| option | meaning |\n|---|---|\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        buf_printf(out, "| `%s%s%s` | %s |\n", options[i].name, options[i].argument == NULL ? "" : " ",
                   options[i].argument == NULL ? "" : options[i].argument, options[i].meaning);
    }
}
