#include "proxy/io/config.h"

#include "base/buf.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "base/yaml_tree.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CONFIG_FILE_BYTES_MAX (1024u * 1024u)

/* who: the flag or setting that named the file. */
static int read_file(const char *who, const char *path, struct buf *out, struct errmsg *msg)
{
    char chunk[4096];
    size_t n;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return error_set(msg, ERR_IO, "%s: cannot read \"%s\": %s", who, path, strerror(errno));
    }
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0 && !out->failed) {
        buf_append(out, chunk, n);
    }
    bool failed = ferror(file) != 0;
    int error = errno;
    (void)fclose(file);
    if (failed) {
        return error_set(msg, ERR_IO, "%s: cannot read \"%s\": %s", who, path, strerror(error));
    }
    return out->failed ? error_set(msg, ERR_LIMIT, "%s: \"%s\" is too large", who, path) : 0;
}

static int set_from_tree(struct settings_draft *draft, const char *path, const struct yaml_node *root,
                         struct errmsg *msg)
{
    if (yaml_is_null(root)) {
        return 0;
    }
    if (root->kind != YAML_MAP) {
        return error_set(msg, ERR_SYNTAX, "%s:%u:%u: expected settings, as \"check_interval: 30s\"", path,
                         root->line, root->column);
    }
    for (size_t i = 0; i < root->count; i++) {
        const struct yaml_node *key = root->keys[i];
        const struct yaml_node *value = root->items[i];
        if (value->kind != YAML_SCALAR) {
            return error_set(msg, ERR_SYNTAX, "%s:%u:%u: %s: expected one plain value", path, value->line,
                             value->column, key->text);
        }
        struct str text = yaml_is_null(value) ? STR("") : str_make(value->text, value->text_size);
        int rc = settings_set(draft, str_make(key->text, key->text_size), text, SETTINGS_FILE, msg);
        if (rc != 0) {
            const struct yaml_node *at = rc == ERR_NOT_FOUND ? key : value;
            return error_wrap(msg, rc, "%s:%u:%u", path, at->line, at->column);
        }
    }
    return 0;
}

static int load_file(struct settings_draft *draft, const char *path, struct errmsg *msg)
{
    struct yaml_problems problems = { 0 };
    struct buf source;
    buf_init(&source, CONFIG_FILE_BYTES_MAX);
    int rc = read_file("--config", path, &source, msg);
    if (rc == 0) {
        struct yaml_node *root = yaml_parse(buf_str(&source), &problems);
        if (problems.count > 0) {
            rc = error_set(msg, ERR_SYNTAX, "%s:%u:%u: %s", path, problems.items[0].line,
                           problems.items[0].column, problems.items[0].text);
        } else if (root != NULL) {
            rc = set_from_tree(draft, path, root, msg);
        }
        if (root != NULL) {
            yaml_free(root);
        }
    }
    yaml_problems_deinit(&problems);
    buf_deinit(&source);
    return rc;
}

/* A secret that stands in a file of its own, so that it need not be in an environment that others can read.
 */
static int read_secret(struct settings_draft *draft, const struct settings_row *row, struct errmsg *msg)
{
    const char *text = (const char *)&draft->values + row->offset;
    struct buf secret;
    buf_init(&secret, SETTINGS_SECRET_MAX);
    int rc = read_file(row->name, text + 1, &secret, msg);
    struct str value = str_trim(buf_str(&secret));
    if (rc == 0 && (value.size == 0 || value.data[0] == '@')) {
        rc = error_set(msg, ERR_INVALID, "%s: \"%s\" holds no credentials: expected %s", row->name, text + 1,
                       row->expected);
    }
    if (rc == 0) {
        rc = settings_set(draft, str_of(row->name), value, SETTINGS_FLAG, msg);
    }
    buf_deinit(&secret);
    return rc;
}

static int read_secrets(struct settings_draft *draft, struct errmsg *msg)
{
    for (size_t i = 0; i < settings_table_size; i++) {
        const struct settings_row *row = &settings_table[i];
        bool named = row->type == SETTINGS_SECRET && ((const char *)&draft->values + row->offset)[0] == '@';
        enum settings_source source = draft->source[i];
        int rc = named ? read_secret(draft, row, msg) : 0;
        if (rc != 0) {
            return rc;
        }
        draft->source[i] = source; /* where the name of the file came from */
    }
    return 0;
}

/* Only the table's own names are looked up, so other programs' variables do not matter. */
static int load_environment(struct settings_draft *draft, char *const environment[], struct errmsg *msg)
{
    for (size_t i = 0; environment[i] != NULL; i++) {
        struct str value;
        struct str name = str_cut(str_of(environment[i]), '=', &value);
        const struct settings_row *row = settings_find(name);
        if (row == NULL || !str_equal(name, str_of(row->name)) || value.size == 0) {
            continue;
        }
        int rc = settings_set(draft, name, value, SETTINGS_ENV, msg);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static bool find_wish(struct str flag, enum config_wish *wish)
{
    static const struct {
        const char *flag;
        enum config_wish wish;
    } wishes[] = {
        { "help", CONFIG_HELP },
        { "version", CONFIG_VERSION },
        { "print-config", CONFIG_PRINT },
        { "settings-markdown", CONFIG_MARKDOWN },
        { "prometheus-rules", CONFIG_RULES },
    };
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        if (str_equal(flag, str_of(wishes[i].flag))) {
            *wish = wishes[i].wish;
            return true;
        }
    }
    return false;
}

static int unknown_flag(struct str flag, struct errmsg *msg)
{
    static const char *const others[] = { "config", "help", "version", "print-config", "prometheus-rules" };
    const char *near = suggest_name(flag, others, sizeof(others) / sizeof(others[0]));
    if (near != NULL) {
        return error_set(msg, ERR_NOT_FOUND, "--%.*s: no such flag; did you mean --%s?",
                         (int)(flag.size & 63), flag.data, near);
    }
    return settings_set(&(struct settings_draft){ 0 }, flag, STR(""), SETTINGS_FLAG, msg);
}

/* One flag, with its value in the same argument or the next one. */
static int load_flag(struct settings_draft *draft, const char **path, struct str flag, struct str value,
                     struct errmsg *msg)
{
    const struct settings_row *row = settings_find(flag);
    if (row == NULL && !str_equal(flag, STR("config"))) {
        return unknown_flag(flag, msg);
    }
    if (value.data == NULL) {
        return error_set(msg, ERR_INVALID, "--%.*s: a value is missing: expected %s", STR_ARGS(flag),
                         row == NULL ? "the path of a YAML file" : row->expected);
    }
    if (row == NULL) {
        *path = value.data; /* the rest of an argument, so it ends with it */
        return 0;
    }
    return settings_set(draft, flag, value, SETTINGS_FLAG, msg);
}

static int load_flags(struct settings_draft *draft, enum config_wish *wish, const char **path, int argc,
                      char *const argv[], struct errmsg *msg)
{
    for (int i = 0; i < argc; i++) {
        struct str argument = str_of(argv[i]);
        struct str value;
        if (str_equal(argument, STR("-h"))) {
            *wish = CONFIG_HELP;
            continue;
        }
        if (!str_starts(argument, STR("--")) || argument.size == 2) {
            return error_set(msg, ERR_INVALID,
                             "\"%.60s\": expected a flag, as --check-interval 30s (see --help)", argv[i]);
        }
        struct str flag = str_cut(str_make(argument.data + 2, argument.size - 2), '=', &value);
        if (value.data == NULL && find_wish(flag, wish)) {
            continue;
        }
        bool known = settings_find(flag) != NULL || str_equal(flag, STR("config"));
        if (known && value.data == NULL && i + 1 < argc) {
            value = str_of(argv[++i]);
        }
        int rc = load_flag(draft, path, flag, value, msg);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

int config_load(struct settings_draft *draft, enum config_wish *wish, int argc, char *const argv[],
                char *const environment[], struct errmsg *msg)
{
    const char *path = NULL;
    settings_draft_init(draft);
    *wish = CONFIG_RUN;
    int rc = load_flags(draft, wish, &path, argc, argv, msg);
    if (rc != 0 || (*wish != CONFIG_RUN && *wish != CONFIG_PRINT && *wish != CONFIG_RULES)) {
        return rc;
    }
    if (*wish == CONFIG_RULES) { /* they are the same for every primary */
        rc = settings_set(draft, STR("PRIMARY_URL"), STR("http://primary"), SETTINGS_DEFAULT, msg);
    }
    rc = rc != 0 || path == NULL ? rc : load_file(draft, path, msg);
    if (rc == 0) {
        rc = load_environment(draft, environment, msg);
    }
    if (rc == 0) {
        rc = read_secrets(draft, msg);
    }
    return rc != 0 ? rc : settings_finish(draft, msg);
}

void config_help(struct buf *out)
{
    buf_append_text(
        out,
        "walproxy - load balancer and write-ahead-log proxy for a primary and a replica Chroma\n\n"
        "  walproxy --primary-url http://127.0.0.1:8001 --replica-url http://127.0.0.1:8002\n"
        "  walproxy wal ls|show|verify|export DIR   look into a log directory\n"
        "  walproxy ctl VERB                        ask a running walproxy: walproxy ctl --help\n\n"
        "Then: walproxy ctl status, or curl http://127.0.0.1:8000/status\n\n"
        "  --config FILE            settings from a YAML file, as \"check_interval: 30s\"\n"
        "  --print-config           show every setting in effect and where it came from\n"
        "  --settings-markdown      print the page docs/settings.md\n"
        "  --prometheus-rules       print alert rules for a Prometheus server\n"
        "  --version, --help\n\n"
        "Settings. Each is also an environment variable (CHECK_INTERVAL) and a key of the file\n"
        "(check_interval). A flag beats the environment, the environment beats the file.\n\n");
    settings_help(out);
    buf_append_text(
        out,
        "\nSignals: SIGTERM and SIGINT finish what is in flight and stop; a second one stops at once.\n"
        "Exit status: 0 stopped as asked, 2 wrong settings, 4 could not start or had to stop.\n");
}
