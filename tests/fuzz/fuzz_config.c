/* Settings from anywhere: the lines are NAME=VALUE, flags, or (from a line "---" on) a YAML file that
 * --config names.  Refused with one line, or taken; what is taken is printed, and what is printed is taken
 * again and prints the same.  A secret is never printed. */
#include "base/check.h"
#include "base/memory.h"
#include "proxy/io/config.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES = 32 };

static char path[64];

static void remove_file(void)
{
    (void)unlink(path);
}

static const char *file_of(struct str text)
{
    if (path[0] == '\0') {
        (void)snprintf(path, sizeof(path), "/tmp/waldrill-fuzz-XXXXXX");
        int fd = mkstemp(path);
        CHECK(fd >= 0);
        (void)close(fd);
        (void)atexit(remove_file);
    }
    FILE *file = fopen(path, "we");
    CHECK(file != NULL);
    CHECK(fwrite(text.data, 1, text.size, file) == text.size && fclose(file) == 0);
    return path;
}

static char *print(const struct settings_draft *draft)
{
    struct buf out;
    buf_init(&out, 1u << 20);
    settings_print(draft, &out);
    CHECK(!out.failed);
    char *text = mem_strdup(buf_text(&out));
    buf_deinit(&out);
    return text;
}

/* Every row's value as text is a value of that row. */
static void take_again(const struct settings_draft *draft)
{
    struct settings_draft again;
    settings_draft_init(&again);
    for (size_t i = 0; i < settings_table_size; i++) {
        char text[SETTINGS_TEXT_MAX];
        const struct settings_row *row = &settings_table[i];
        settings_format(&draft->values, row, text, sizeof(text));
        if (row->type != SETTINGS_SECRET && text[0] != '\0') {
            CHECK(settings_set(&again, str_of(row->name), str_of(text), draft->source[i], NULL) == 0);
            char same[SETTINGS_TEXT_MAX];
            settings_format(&again.values, row, same, sizeof(same));
            CHECK(strcmp(text, same) == 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *environment[LINES + 1] = { NULL };
    char *argv[LINES + 3] = { NULL };
    size_t environment_count = 0;
    int argc = 0;
    struct str rest = str_make((const char *)data, size);
    while (rest.size > 0) {
        struct str line = str_cut(rest, '\n', &rest);
        if (str_equal(line, STR("---"))) {
            argv[argc++] = mem_strdup("--config");
            argv[argc++] = mem_strdup(file_of(rest));
            break;
        }
        char *text = mem_strndup(line.data, line.size);
        if (str_starts(line, STR("--")) && argc < LINES) {
            argv[argc++] = text;
        } else if (environment_count < LINES) {
            environment[environment_count++] = text;
        } else {
            mem_free(text);
        }
    }
    struct settings_draft draft;
    enum config_wish wish = CONFIG_RUN;
    struct errmsg msg = { "" };
    int rc = config_load(&draft, &wish, argc, argv, environment, &msg);
    CHECK(rc == 0 || (msg.text[0] != '\0' && strchr(msg.text, '\n') == NULL));
    if (rc == 0 && (wish == CONFIG_RUN || wish == CONFIG_PRINT)) {
        char *text = print(&draft);
        CHECK(draft.values.primary_auth[0] == '\0' || strstr(text, "PRIMARY_AUTH=(set)") != NULL);
        mem_free(text);
        take_again(&draft);
    }
    for (size_t i = 0; i < environment_count; i++) {
        mem_free(environment[i]);
    }
    for (int i = 0; i < argc; i++) {
        mem_free(argv[i]);
    }
    return 0;
}
