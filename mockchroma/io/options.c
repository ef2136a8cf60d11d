/* One table of options drives parsing and help. */
#include "mockchroma/io/options.h"
#include "base/suggest.h"
#include "base/units.h"
#include "mockchroma/core/latency.h"
#include <netdb.h>

enum option_id {
    OPT_PORT,
    OPT_HOST,
    OPT_CONTROL_PORT,
    OPT_CONTROL_HOST,
    OPT_UPSTREAM,
    OPT_SEED,
    OPT_NAME,
    OPT_LATENCY,
    OPT_TAG_KEY,
    OPT_TIME_SCALE,
    OPT_MAX_BODY,
    OPT_PORT_FILE,
    OPT_ALLOW_RESET,
    OPT_HELP,
    OPT_HELP_FAULTS,
    OPT_VERSION
};

static const struct {
    const char *name;
    const char *value; /* NULL: a switch */
    const char *help;
} table[] = {
    [OPT_PORT] = { "--port", "N", "where it serves; 0 = any free port (default 8000)" },
    [OPT_HOST] = { "--host", "ADDRESS", "numeric IPv4 address to serve on (default 127.0.0.1)" },
    [OPT_CONTROL_PORT] = { "--control-port", "N", "where it is controlled; 0 = any free port (default 0)" },
    [OPT_CONTROL_HOST] = { "--control-host", "ADDRESS", "address of the control API (default 127.0.0.1)" },
    [OPT_UPSTREAM] = { "--upstream", "URL",
                       "a gateway: the faults stand before a real Chroma, as http://127.0.0.1:8001" },
    [OPT_SEED] = { "--seed", "N", "everything random: UUIDs, shares, latencies (default 1)" },
    [OPT_NAME] = { "--name", "TEXT", "how status calls it (default chroma)" },
    [OPT_LATENCY] = { "--latency", "PROFILE", "how long it works: none, measured-small, ... (default none)" },
    [OPT_TAG_KEY] = { "--tag-key", "KEY", "metadata key whose integer the journal tells for each record" },
    [OPT_TIME_SCALE] = { "--time-scale", "X",
                         "schedules of faults and the journal's clock run X times faster; work does not "
                         "(default 1)" },
    [OPT_MAX_BODY] = { "--max-body", "SIZE", "largest request body (default 40MiB, Chroma's)" },
    [OPT_PORT_FILE] = { "--port-file", "FILE", "writes \"PORT CONTROL_PORT\" there once it listens" },
    [OPT_ALLOW_RESET] = { "--allow-reset", NULL, "POST /api/v2/reset works" },
    [OPT_HELP] = { "--help", NULL, "this text" },
    [OPT_HELP_FAULTS] = { "--help-faults", NULL, "every fault with an example" },
    [OPT_VERSION] = { "--version", NULL, "the version" },
};
enum { OPTIONS = sizeof(table) / sizeof(table[0]) };

void options_help(struct buf *out)
{
    buf_append_text(out,
                    "mockchroma - a Chroma v2 server that fails on command\n\n"
                    "usage: mockchroma --port 8001 --control-port 9001\n\n");
    for (size_t i = 0; i < OPTIONS; i++) {
        size_t width = strlen(table[i].name) + (table[i].value == NULL ? 0 : strlen(table[i].value) + 1);
        buf_printf(out, "  %s%s%s%*s %s\n", table[i].name, table[i].value == NULL ? "" : " ",
                   table[i].value == NULL ? "" : table[i].value, width < 24 ? (int)(24 - width) : 1, "",
                   table[i].help);
    }
    buf_printf(
        out,
        "\nlatency profiles: %s\n\n"
        "Once it listens it prints one line, \"listening http://HOST:PORT control http://HOST:PORT\".\n"
        "Break it, look, and mend it:\n"
        "  curl -X POST localhost:9001/faults -d '{\"do\":\"refuse\",\"for\":\"30s\"}'\n"
        "  curl -X POST localhost:9001/faults -d '{\"do\":\"respond\",\"status\":503,\"share\":\"20%%\"}'\n"
        "  curl localhost:9001/journal\n"
        "  curl -X DELETE localhost:9001/faults\n\n"
        "Ends on SIGTERM or SIGINT with exit status 0; 2 = wrong option, 4 = cannot listen.\n",
        latency_names());
}

static int parse_port(struct str value, uint16_t *out, struct errmsg *msg)
{
    uint64_t number;
    if (units_parse_u64(value, &number, NULL) != 0 || number > 65535) {
        return error_set(msg, ERR_INVALID, "\"%.*s\" is no port; write 0 to 65535", STR_ARGS(value));
    }
    *out = (uint16_t)number;
    return 0;
}

static int parse_scale(const char *value, double *out, struct errmsg *msg)
{
    double scale;
    if (units_parse_double(str_of(value), &scale, NULL) != 0 || !(scale >= 1 && scale <= 1000)) {
        return error_set(msg, ERR_INVALID, "\"%s\" is no time scale; write a factor from 1 to 1000", value);
    }
    *out = scale;
    return 0;
}

/* Looked up once, here: nothing on the loop may wait for a name. */
static int parse_upstream(const char *value, struct options *out, struct errmsg *msg)
{
    struct str rest;
    struct str text = str_of(value);
    struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    char host[256];
    uint64_t port;
    if (!str_starts(text, STR("http://"))) {
        return error_set(msg, ERR_INVALID, "\"%s\" is no http:// URL; write http://127.0.0.1:8001", value);
    }
    text = str_cut(str_make(text.data + 7, text.size - 7), '/', &rest);
    struct str name = str_cut(text, ':', &text);
    if (rest.size > 0 || name.size == 0 || name.size >= sizeof(host) || text.data == NULL ||
        units_parse_u64(text, &port, NULL) != 0 || port == 0 || port > 65535) {
        return error_set(msg, ERR_INVALID, "\"%s\" must be http://HOST:PORT and no more", value);
    }
    memcpy(host, name.data, name.size);
    host[name.size] = '\0';
    int rc = getaddrinfo(host, NULL, &hints, &found);
    if (rc != 0) {
        return error_set(msg, ERR_INVALID, "no IPv4 address for \"%s\": %s", host, gai_strerror(rc));
    }
    memcpy(&out->upstream_address, found->ai_addr, sizeof(out->upstream_address));
    freeaddrinfo(found);
    out->upstream_address.sin_port = htons((uint16_t)port);
    out->upstream = value;
    out->mock.gateway = true;
    return 0;
}

static int take_value(enum option_id id, const char *value, struct options *out, struct errmsg *msg)
{
    switch (id) {
        case OPT_PORT:
            return parse_port(str_of(value), &out->port, msg);
        case OPT_CONTROL_PORT:
            return parse_port(str_of(value), &out->control_port, msg);
        case OPT_HOST:
            out->host = value;
            return 0;
        case OPT_CONTROL_HOST:
            out->control_host = value;
            return 0;
        case OPT_UPSTREAM:
            return parse_upstream(value, out, msg);
        case OPT_SEED:
            return units_parse_u64(str_of(value), &out->mock.seed, msg);
        case OPT_NAME:
            out->mock.name = value;
            return 0;
        case OPT_LATENCY:
            out->mock.latency = value;
            return latency_profile_find(value, msg) == NULL ? ERR_INVALID : 0;
        case OPT_TAG_KEY:
            out->mock.tag_key = value;
            return 0;
        case OPT_TIME_SCALE:
            return parse_scale(value, &out->mock.time_scale, msg);
        case OPT_MAX_BODY:
            return units_parse_size(str_of(value), true, &out->mock.max_body_bytes, msg);
        case OPT_PORT_FILE:
            out->port_file = value;
            return 0;
        case OPT_ALLOW_RESET:
            out->mock.allow_reset = true;
            return 0;
        case OPT_HELP:
            out->what = OPTIONS_HELP;
            return 0;
        case OPT_HELP_FAULTS:
            out->what = OPTIONS_HELP_FAULTS;
            return 0;
        case OPT_VERSION:
            break;
    }
    out->what = OPTIONS_VERSION;
    return 0;
}

static int unknown(struct str name, struct errmsg *msg)
{
    const char *names[OPTIONS];
    for (size_t i = 0; i < OPTIONS; i++) {
        names[i] = table[i].name;
    }
    const char *near = suggest_name(name, names, OPTIONS);
    return error_set(msg, ERR_INVALID, "unknown option \"%.*s\"%s%s%s", STR_ARGS(name),
                     near == NULL ? "; see --help" : "; did you mean \"", near == NULL ? "" : near,
                     near == NULL ? "" : "\"?");
}

int options_parse(int argc, char **argv, struct options *out, struct errmsg *msg)
{
    *out = (struct options){
        .mock = { .time_scale = 1,
                  .seed = 1,
                  .name = "chroma",
                  .latency = "none",
                  .max_body_bytes = MOCK_MAX_BODY_BYTES },
        .host = "127.0.0.1",
        .control_host = "127.0.0.1",
        .port = 8000,
    };
    for (int i = 1; i < argc; i++) {
        struct str inline_value;
        struct str name = str_cut(str_of(argv[i]), '=', &inline_value);
        size_t id = 0;
        while (id < OPTIONS && !str_equal(name, str_of(table[id].name))) {
            id++;
        }
        if (id == OPTIONS) {
            return unknown(name, msg);
        }
        const char *value = inline_value.data;
        if (table[id].value == NULL && value != NULL) {
            return error_set(msg, ERR_INVALID, "%s takes no value", table[id].name);
        }
        if (table[id].value != NULL && value == NULL) {
            if (i + 1 == argc) {
                return error_set(msg, ERR_INVALID, "%s needs a value: %s", table[id].name, table[id].help);
            }
            value = argv[++i];
        }
        int rc = take_value((enum option_id)id, value, out, msg);
        if (rc != 0) {
            return error_wrap(msg, rc, "%s", table[id].name);
        }
    }
    if (out->upstream != NULL && (strcmp(out->mock.latency, "none") != 0 || out->mock.allow_reset)) {
        return error_set(msg, ERR_INVALID, "%s has no meaning with --upstream: the server behind has its own",
                         out->mock.allow_reset ? "--allow-reset" : "--latency");
    }
    return 0;
}
