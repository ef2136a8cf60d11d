/* The settings as text for people: --print-config, --help and docs/settings.md, all from the one
 * table, so that none of them can name a setting that is not read. */
#include "base/buf.h"
#include "base/check.h"
#include "base/units.h"
#include "proxy/core/settings_live.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINE_WIDTH 100

const char *settings_source_name(enum settings_source source)
{
    switch (source) {
        case SETTINGS_DEFAULT:
            return "default";
        case SETTINGS_PROFILE:
            return "profile";
        case SETTINGS_FILE:
            return "file";
        case SETTINGS_ENV:
            return "environment";
        case SETTINGS_FLAG:
            return "flag";
    }
    return "?";
}

static struct str choice_at(const char *choices, unsigned place)
{
    struct str rest = str_of(choices);
    struct str one = { NULL, 0 };
    for (unsigned i = 0; i <= place; i++) {
        CHECK(rest.data != NULL);
        one = str_cut(rest, '|', &rest);
    }
    return one;
}

/* The largest unit that loses nothing, so that the text gives the same value back. */
static void format_size(uint64_t bytes, char *out, size_t size)
{
    static const char *const units[] = { "", "KiB", "MiB", "GiB" };
    size_t unit = 0;
    while (unit < 3 && bytes > 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    (void)snprintf(out, size, "%" PRIu64 "%s", bytes, units[unit]);
}

void settings_format(const struct settings *values, const struct settings_row *row, char *out, size_t size)
{
    const void *at = (const char *)values + row->offset;
    switch (row->type) {
        case SETTINGS_TEXT:
        case SETTINGS_ADDRESS:
        case SETTINGS_URL:
        case SETTINGS_NAME:
            (void)snprintf(out, size, "%s", (const char *)at);
            return;
        case SETTINGS_SECRET:
            (void)snprintf(out, size, "%s", ((const char *)at)[0] == '\0' ? "" : "(set)");
            return;
        case SETTINGS_DURATION:
            units_format_duration(*(const uint64_t *)at, out, size);
            return;
        case SETTINGS_SIZE:
            format_size(*(const uint64_t *)at, out, size);
            return;
        case SETTINGS_COUNT:
            (void)snprintf(out, size, "%" PRIu64, *(const uint64_t *)at);
            return;
        case SETTINGS_SHARE:
        case SETTINGS_FACTOR:
            (void)snprintf(out, size, "%.15g", *(const double *)at);
            return;
        case SETTINGS_CHOICE:
            (void)snprintf(out, size, "%.*s", STR_ARGS(choice_at(row->choices, *(const unsigned *)at)));
            return;
    }
}

void settings_print(const struct settings_draft *draft, struct buf *out)
{
    for (size_t i = 0; i < settings_table_size; i++) {
        char value[SETTINGS_TEXT_MAX];
        settings_format(&draft->values, &settings_table[i], value, sizeof(value));
        buf_printf(out, "%s=%s  # %s\n", settings_table[i].name, value,
                   settings_source_name(draft->source[i]));
    }
}

static void flag_name(const struct settings_row *row, char *out, size_t size)
{
    size_t n = 0;
    for (const char *c = row->name; *c != '\0' && n + 1 < size; c++) {
        out[n++] = *c == '_' ? '-' : (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    }
    out[n] = '\0';
}

static const char *default_text(const struct settings_row *row)
{
    if (row->fallback == NULL) {
        return "required";
    }
    return row->fallback[0] == '\0' ? "none" : row->fallback;
}

void settings_help(struct buf *out)
{
    for (size_t i = 0; i < settings_table_size; i++) {
        const struct settings_row *row = &settings_table[i];
        char flag[64];
        flag_name(row, flag, sizeof(flag));
        buf_printf(out, "  --%-22s %s\n  %-24s %s (%s)\n", flag, row->meaning, "", row->expected,
                   default_text(row));
    }
}

static const char acknowledgement[] =
    "With `ACK_POLICY=durable` an add, an upsert, an update or a delete by ids is answered (with\n"
    "`X-Wal-Status: durable`) once it is safe in the log, before any instance has it. Only what Chroma is\n"
    "sure to accept is answered so: the body is understood completely, its lists are equally long, its\n"
    "vectors have the dimension the collection is known to have. All else asks an instance first:\n"
    "collections, deletes by filter, the first write of a collection, anything that looks wrong. What comes\n"
    "with such a write as credentials is judged by nobody. Readers within the consistency window wait for\n"
    "an instance that has it. `WAL_MODE=memory` cannot keep such a promise and is refused together with it.\n"
    "\n";

static const char credentials[] =
    "`PRIMARY_AUTH` and `REPLICA_AUTH` are what walproxy shows for itself: in replay, in what follows to "
    "the\n"
    "other instance, in probes and copies. A client's own credentials go with its live attempt and are kept\n"
    "nowhere; a client without any gets none of ours. But what no instance can judge is judged by nobody: a\n"
    "write that is queued while both are down, or whose client left before it was sent, is carried out "
    "under\n"
    "ours. Where that matters, authenticate clients in front of walproxy. `@FILE` keeps a secret out of the\n"
    "environment; `--print-config` shows \"(set)\".\n"
    "\n";

static void put_reload(struct buf *out)
{
    size_t width = 0;
    buf_append_text(
        out,
        "## Reading them again\n\n"
        "SIGHUP, `walproxy ctl reload` and `POST /admin/reload` read flags, environment and file once "
        "more (a\n"
        "process cannot be given another environment, so the file is what changes). Settings that are "
        "wrong\n"
        "change nothing. Without a restart these are taken over; what else differs is named in the "
        "log and in\n"
        "the answer, and waits for a restart:\n\n");
    for (size_t i = 0; i < settings_table_size; i++) {
        if (settings_is_live(&settings_table[i])) {
            const char *name = settings_table[i].name;
            bool wraps = width + strlen(name) + 4 > LINE_WIDTH;
            buf_printf(out, "%s`%s`", width == 0 ? "" : wraps ? ",\n" : ", ", name);
            width = (wraps ? 0 : width) + strlen(name) + 4;
        }
    }
    buf_append_text(out, ".\n\n");
}

void settings_markdown(struct buf *out)
{
    buf_append_text(
        out,
        "# Settings of walproxy\n\n"
        "This page is printed by `walproxy --settings-markdown`; a test holds it to the table in\n"
        "`proxy/core/settings_table.c`.\n\n"
        "Each setting is an environment variable (`CHECK_INTERVAL=30`), a flag (`--check-interval 30`) and a "
        "key\n"
        "of the YAML file that `--config FILE` names (`check_interval: 30`). In rising order: default, load\n"
        "profile, file, environment, flag. `walproxy --print-config` shows every value in effect and where "
        "it\n"
        "came from. An empty environment variable counts as not set. Plain numbers mean seconds or bytes.\n\n"
        "A wrong value ends the program at once with exit status 2 and one line that names the setting, the\n"
        "value and what is expected.\n\n"
        "| setting | default | expected | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < settings_table_size; i++) {
        const struct settings_row *row = &settings_table[i];
        buf_printf(out, "| `%s` | %s | %s | %s |\n", row->name, default_text(row), row->expected,
                   row->meaning);
    }
    buf_append_text(out,
                    "\n`HOST` and `PORT` are the halves of `LISTEN`: whichever comes from the higher source "
                    "holds, and two\n"
                    "different values from the same source are refused.\n\n");
    buf_append_text(out, acknowledgement);
    buf_append_text(out, credentials);
    put_reload(out);
    buf_append_text(out,
                    "## Load profiles\n\n"
                    "`LOAD_PROFILE` sets these four where nothing else does (the tuning table of the "
                    "operations guide).\n\n"
                    "| setting | low | medium | high |\n|---|---|---|---|\n");
    static const char *const profiles[] = { "low", "medium", "high" };
    static const char *const tuned[] = { "CONSISTENCY_WINDOW", "READ_REPLICA_RATIO", "REQUEST_TIMEOUT",
                                         "CHECK_INTERVAL" };
    for (size_t i = 0; i < sizeof(tuned) / sizeof(tuned[0]); i++) {
        buf_printf(out, "| `%s` |", tuned[i]);
        for (size_t p = 0; p < sizeof(profiles) / sizeof(profiles[0]); p++) {
            struct settings_draft draft;
            char value[SETTINGS_TEXT_MAX];
            settings_draft_init(&draft);
            CHECK(settings_set(&draft, STR("PRIMARY_URL"), STR("http://primary"), SETTINGS_FLAG, NULL) == 0);
            CHECK(settings_set(&draft, STR("LOAD_PROFILE"), str_of(profiles[p]), SETTINGS_FLAG, NULL) == 0);
            CHECK(settings_finish(&draft, NULL) == 0);
            settings_format(&draft.values, settings_find(str_of(tuned[i])), value, sizeof(value));
            buf_printf(out, " %s |", value);
        }
        buf_append_char(out, '\n');
    }
}
