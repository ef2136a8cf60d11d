/* The reference part of docs/scenarios.md, written from the tables; a test holds the file to it. */
#include "harness/scenario/keys.h"

#include "base/buf.h"

static const struct {
    const char *section;
    const char *title;
    const char *words;
} sections[] = {
    { "scenario", "The file", "Keys at the top level, in the order in which they are read." },
    { "limits", "limits", "Reaching one makes the run INVALID." },
    { "topology", "topology", "" },
    { "instance", "topology.primary, topology.replica", "" },
    { "expect_if", "expect_if", "Each entry has `when`, and `then` or `waive` or both." },
    { "balancer", "topology.lb",
      "Every other key is a setting of walproxy in lower case (docs/settings.md). URLs, ports, folders, "
      "tokens "
      "and TLS are the engine's; another balancer has no settings here." },
    { "phase", "phases", "Each entry has `for`, or `until` and `max`." },
    { "load", "load",
      "`name: { ... }`, as many as needed; the name appears in metrics: `load.<name>.latency`." },
    { "fault", "faults",
      "`at` (with or without `for`) or `during` says when. Keys that are not in this table are the mock's "
      "(docs/faults.md) and are checked by it." },
    { "restart", "faults: restart", "" },
    { "alerts", "alerts", "Each holds rules by their names, or maps that say when." },
    { "alert", "alerts: must_fire, must_clear, never_fire",
      "`during`, or `within` and `after`, or neither." },
    { "step", "steps", "Each entry has `request` or `run`." },
    { "request", "steps: request", "" },
    { "claim", "expect, steps: assert",
      "Each entry is an expression, or a map with these keys when it proves something that the runbook "
      "says." },
};

/* "|" would end a table's cell. */
static void put_cell(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|') {
            buf_append_char(out, '\\');
        }
        buf_append_char(out, *text);
    }
}

void reference_rows(struct buf *out, const struct key_row *rows, size_t count, const char *section)
{
    buf_append_text(out, "| key | value | meaning |\n|---|---|---|\n");
    for (size_t i = 0; i < count; i++) {
        const struct key_row *row = &rows[i];
        if (strcmp(row->section, section) != 0) {
            continue;
        }
        buf_printf(out, "| `%s`%s | ", row->key, row->required ? " (required)" : "");
        put_cell(out, row->value);
        buf_append_text(out, " | ");
        put_cell(out, row->meaning);
        buf_append_text(out, " |\n");
    }
    buf_append_char(out, '\n');
}

static void put_section(struct buf *out, size_t index)
{
    buf_printf(out, "### %s\n\n", sections[index].title);
    if (sections[index].words[0] != '\0') {
        buf_printf(out, "%s\n\n", sections[index].words);
    }
    reference_rows(out, key_table, key_table_size, sections[index].section);
}

void scenario_reference(struct buf *out)
{
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        put_section(out, i);
    }
    buf_append_text(out, "### Invariants\n\n");
    for (size_t i = 0; i < INVARIANT_COUNT; i++) {
        buf_printf(out, "%s`%s`", i == 0 ? "" : ", ", scenario_invariant_names[i]);
    }
    buf_append_text(out, "\n\n### Metrics\n\n| metric | unit | meaning |\n|---|---|---|\n");
    for (size_t i = 0; i < metric_table_size; i++) {
        const struct metric_row *row = &metric_table[i];
        bool load = strncmp(row->name, "load.*.", 7) == 0;
        buf_printf(out, "| `%s%s` | %s | ", load ? "load.<name>." : "", load ? row->name + 7 : row->name,
                   row->unit);
        put_cell(out, row->meaning);
        buf_append_text(out, " |\n");
    }
}
