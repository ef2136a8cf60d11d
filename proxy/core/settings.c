/* How a text becomes the value of a setting (settings_table.c lists them).
 *
 * A draft starts with the defaults.  Each source (file, environment, flags) is laid over it with
 * settings_set, in any order: a value remembers how high its source ranks and gives way only to the
 * same rank or a higher one.  settings_finish fills in the load profile, brings LISTEN, HOST and PORT
 * into line and checks what only shows when all values are known.  Nothing here reads a file or the
 * environment.  A refused value leaves the draft as it was. */
#include "proxy/core/settings.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/http_head.h"
#include "base/suggest.h"
#include "base/units.h"
#include <inttypes.h>
#include <stdio.h>

#define ROW_TEXT_MAX 80 /* of a wrong value, in a message */

static unsigned char name_fold(char c)
{
    if (c == '-') {
        return '_';
    }
    return (unsigned char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

static bool name_equal(struct str text, const char *name)
{
    struct str other = str_of(name);
    if (text.size != other.size) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (name_fold(text.data[i]) != name_fold(other.data[i])) {
            return false;
        }
    }
    return true;
}

const struct settings_row *settings_find(struct str name)
{
    for (size_t i = 0; i < settings_table_size; i++) {
        if (name_equal(name, settings_table[i].name)) {
            return &settings_table[i];
        }
    }
    return NULL;
}

static size_t row_index(const struct settings_row *row)
{
    CHECK(row >= settings_table && row < settings_table + settings_table_size);
    return (size_t)(row - settings_table);
}

/* The name in the table's own spelling, so that the nearest one is found from any of them. */
static int unknown_name(struct str name, struct errmsg *msg)
{
    const char *names[SETTINGS_MAX];
    char folded[64];
    size_t size = name.size < sizeof(folded) ? name.size : sizeof(folded);
    for (size_t i = 0; i < settings_table_size; i++) {
        names[i] = settings_table[i].name;
    }
    for (size_t i = 0; i < size; i++) {
        folded[i] = (char)name_fold(name.data[i]);
    }
    const char *near = suggest_name(str_make(folded, size), names, settings_table_size);
    if (near == NULL) {
        return error_set(msg, ERR_NOT_FOUND, "%.*s: no such setting (walproxy --help lists them)",
                         (int)(name.size < ROW_TEXT_MAX ? name.size : ROW_TEXT_MAX), name.data);
    }
    return error_set(msg, ERR_NOT_FOUND, "%.*s: no such setting; did you mean %s?",
                     (int)(name.size < ROW_TEXT_MAX ? name.size : ROW_TEXT_MAX), name.data, near);
}

/* A wrong value is quoted on one line whatever it holds; what looks like a URL with credentials is not. */
static void quote_value(struct str value, char out[ROW_TEXT_MAX + 8])
{
    size_t n = 0;
    if (value.size > 0 && memchr(value.data, '@', value.size) != NULL) {
        (void)snprintf(out, ROW_TEXT_MAX + 8, "(not shown)");
        return;
    }
    out[n++] = '"';
    for (size_t i = 0; i < value.size && i < ROW_TEXT_MAX; i++) {
        unsigned char c = (unsigned char)value.data[i];
        out[n++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    if (value.size > ROW_TEXT_MAX) {
        (void)snprintf(out + n, 5, "...\"");
        return;
    }
    out[n++] = '"';
    out[n] = '\0';
}

static int refuse(const struct settings_row *row, struct str value, const char *hint, struct errmsg *msg)
{
    char quoted[ROW_TEXT_MAX + 8];
    quote_value(value, quoted);
    return error_set(msg, ERR_INVALID, "%s: %s is not valid: expected %s%s%s%s", row->name, quoted,
                     row->expected, hint == NULL ? "" : "; did you mean ", hint == NULL ? "" : hint,
                     hint == NULL ? "" : "?");
}

static bool host_ok(struct str host, bool brackets)
{
    if (host.size == 0 || host.size > 253) {
        return false;
    }
    for (size_t i = 0; i < host.size; i++) {
        char c = host.data[i];
        bool digit = c >= '0' && c <= '9';
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!digit && !letter && c != '.' && !(brackets ? c == ':' : c == '-' || c == '_')) {
            return false;
        }
    }
    return true;
}

/* "host", "host:port", "[v6]:port".  *port_text has data NULL when there is none. */
static bool authority_split(struct str text, struct str *host, struct str *port)
{
    *port = (struct str){ NULL, 0 };
    if (text.size > 0 && text.data[0] == '[') {
        struct str rest;
        *host = str_cut(str_make(text.data + 1, text.size - 1), ']', &rest);
        if (rest.data == NULL || !host_ok(*host, true) || (rest.size > 0 && rest.data[0] != ':')) {
            return false;
        }
        if (rest.size > 0) {
            *port = str_make(rest.data + 1, rest.size - 1);
        }
        return true;
    }
    *host = str_cut(text, ':', port);
    return host_ok(*host, false);
}

static bool port_parse(struct str text, uint64_t low, uint64_t *out)
{
    uint64_t value = 0;
    if (text.size == 0 || text.size > 5 || units_parse_u64(text, &value, NULL) != 0) {
        return false;
    }
    if (value < low || value > 65535) {
        return false;
    }
    *out = value;
    return true;
}

static bool url_ok(struct str text)
{
    struct str host;
    struct str port;
    uint64_t number = 0;
    struct str rest;
    if (str_starts(text, STR("http://"))) {
        rest = str_make(text.data + 7, text.size - 7);
    } else if (str_starts(text, STR("https://"))) {
        rest = str_make(text.data + 8, text.size - 8);
    } else {
        return false;
    }
    if (!authority_split(rest, &host, &port)) {
        return false;
    }
    return port.data == NULL || port_parse(port, 1, &number);
}

static bool address_parse(struct str text, struct str *host, uint64_t *port)
{
    struct str port_text;
    return authority_split(text, host, &port_text) && port_text.data != NULL &&
           port_parse(port_text, 0, port);
}

/* The place of value in "a|b|c"; -1 when it is none of them, *near is then the nearest or NULL. */
static int choice_find(const char *choices, struct str value, char near[SETTINGS_NAME_SIZE])
{
    struct str rest = str_of(choices);
    size_t best = 3;
    near[0] = '\0';
    for (int i = 0; rest.data != NULL; i++) {
        struct str one = str_cut(rest, '|', &rest);
        if (str_equal_nocase(one, value)) {
            (void)snprintf(near, SETTINGS_NAME_SIZE, "%.*s", STR_ARGS(one));
            return i;
        }
        size_t distance = suggest_distance(one, value);
        if (distance < best) {
            best = distance;
            (void)snprintf(near, SETTINGS_NAME_SIZE, "%.*s", STR_ARGS(one));
        }
    }
    return -1;
}

static int set_text(const struct settings_row *row, struct str value, char *out, struct errmsg *msg)
{
    struct str host;
    uint64_t port = 0;
    bool ok =
        value.size < SETTINGS_TEXT_MAX && (value.size == 0 || memchr(value.data, '\0', value.size) == NULL);
    bool off = row->fallback != NULL && row->fallback[0] == '\0';
    if (row->type == SETTINGS_URL) {
        if (value.size > 0 && value.data[value.size - 1] == '/') {
            value.size--;
        }
        ok = ok && ((value.size == 0 && off) || url_ok(value));
    } else if (row->type == SETTINGS_ADDRESS) {
        ok = ok && address_parse(value, &host, &port);
    } else {
        ok = ok && (value.size > 0 || off);
    }
    if (!ok) {
        return refuse(row, value, NULL, msg);
    }
    if (value.size > 0) {
        memcpy(out, value.data, value.size);
    }
    out[value.size] = '\0';
    return 0;
}

/* Never quoted in a message.  What comes from a file is checked when it has been read (settings_set again).
 */
static int set_secret(const struct settings_row *row, struct str value, char *out, struct errmsg *msg)
{
    bool ok = value.size < SETTINGS_SECRET_MAX;
    for (size_t i = 0; ok && i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];
        ok = c >= 0x20 && c != 0x7f;
    }
    if (!ok) {
        return error_set(msg, ERR_INVALID, "%s: the value is not valid: expected %s", row->name,
                         row->expected);
    }
    if (value.size > 0) {
        memcpy(out, value.data, value.size);
    }
    out[value.size] = '\0';
    return 0;
}

void settings_auth_line(const char *auth, struct buf *out)
{
    struct http_header header;
    if (auth[0] == '\0') {
        return;
    }
    header.name = str_cut(str_of(auth), ':', &header.value);
    if (header.value.data == NULL || !http_is_token(header.name)) {
        header = (struct http_header){ .name = STR("authorization"), .value = str_of(auth) };
    }
    header.value = str_trim(header.value);
    http_headers_write(out, &header, 1);
}

static int set_choice(const struct settings_row *row, struct str value, void *out, struct errmsg *msg)
{
    char near[SETTINGS_NAME_SIZE] = "";
    int place = value.size == 0 ? -1 : choice_find(row->choices, value, near);
    if (row->type == SETTINGS_NAME) {
        if (value.size > 0 && place < 0) {
            return refuse(row, value, near[0] == '\0' ? NULL : near, msg);
        }
        memcpy(out, near, SETTINGS_NAME_SIZE);
        return 0;
    }
    if (place < 0) {
        return refuse(row, value, near[0] == '\0' ? NULL : near, msg);
    }
    *(unsigned *)out = (unsigned)place;
    return 0;
}

static int set_whole(const struct settings_row *row, struct str value, uint64_t *out, struct errmsg *msg)
{
    uint64_t number = 0;
    int rc;
    if (row->type == SETTINGS_DURATION) {
        rc = units_parse_duration(value, NS_PER_S, &number, NULL);
    } else if (row->type == SETTINGS_SIZE) {
        rc = units_parse_size(value, true, &number, NULL);
    } else {
        rc = units_parse_u64(value, &number, NULL);
    }
    if (rc != 0 || (double)number < row->low || (double)number > row->high) {
        return refuse(row, value, NULL, msg);
    }
    *out = number;
    return 0;
}

static int set_real(const struct settings_row *row, struct str value, double *out, struct errmsg *msg)
{
    double number = 0;
    int rc = row->type == SETTINGS_SHARE ? units_parse_share(value, true, &number, NULL)
                                         : units_parse_double(value, &number, NULL);
    if (rc != 0 || !(number >= row->low && number <= row->high)) {
        return refuse(row, value, NULL, msg);
    }
    *out = number;
    return 0;
}

/* What a value of that type takes in struct settings. */
size_t settings_value_size(enum settings_type type)
{
    switch (type) {
        case SETTINGS_TEXT:
        case SETTINGS_ADDRESS:
        case SETTINGS_URL:
            return SETTINGS_TEXT_MAX;
        case SETTINGS_SECRET:
            return SETTINGS_SECRET_MAX;
        case SETTINGS_NAME:
            return SETTINGS_NAME_SIZE;
        case SETTINGS_CHOICE:
            return sizeof(unsigned);
        case SETTINGS_DURATION:
        case SETTINGS_SIZE:
        case SETTINGS_COUNT:
            return sizeof(uint64_t);
        case SETTINGS_SHARE:
        case SETTINGS_FACTOR:
            return sizeof(double);
    }
    return 0;
}

/* at: room for value_size bytes, of its own and aligned. */
static int parse_value(const struct settings_row *row, struct str value, void *at, struct errmsg *msg)
{
    switch (row->type) {
        case SETTINGS_TEXT:
        case SETTINGS_ADDRESS:
        case SETTINGS_URL:
            return set_text(row, value, at, msg);
        case SETTINGS_SECRET:
            return set_secret(row, value, at, msg);
        case SETTINGS_NAME:
        case SETTINGS_CHOICE:
            return set_choice(row, value, at, msg);
        case SETTINGS_DURATION:
        case SETTINGS_SIZE:
        case SETTINGS_COUNT:
            return set_whole(row, value, at, msg);
        case SETTINGS_SHARE:
        case SETTINGS_FACTOR:
            return set_real(row, value, at, msg);
    }
    return error_set(msg, ERR_INVALID, "%s: no such type", row->name);
}

void settings_draft_init(struct settings_draft *draft)
{
    memset(draft, 0, sizeof(*draft));
    for (size_t i = 0; i < settings_table_size; i++) {
        const struct settings_row *row = &settings_table[i];
        if (row->fallback != NULL) {
            CHECK(parse_value(row, str_of(row->fallback), (char *)&draft->values + row->offset, NULL) == 0);
        }
    }
}

int settings_set(struct settings_draft *draft, struct str name, struct str value, enum settings_source source,
                 struct errmsg *msg)
{
    const struct settings_row *row = settings_find(name);
    if (row == NULL) {
        return unknown_name(name, msg);
    }
    union {
        char text[SETTINGS_SECRET_MAX];
        uint64_t whole;
        double real;
        unsigned choice;
    } checked = { { 0 } };
    int rc = parse_value(row, str_trim(value), &checked, msg);
    if (rc != 0) {
        return rc;
    }
    /* A value that loses is checked all the same: a wrong line in the file is wrong under a flag too. */
    if (source >= draft->source[row_index(row)]) {
        memcpy((char *)&draft->values + row->offset, &checked, settings_value_size(row->type));
        draft->source[row_index(row)] = source;
    }
    return 0;
}

/* The tuning table of the operations guide. */
static const struct {
    const char *profile;
    const char *name;
    const char *value;
} profile_table[] = {
    { "low", "CONSISTENCY_WINDOW", "30s" },    { "low", "READ_REPLICA_RATIO", "0.5" },
    { "low", "REQUEST_TIMEOUT", "30s" },       { "low", "CHECK_INTERVAL", "60s" },
    { "medium", "CONSISTENCY_WINDOW", "20s" }, { "medium", "READ_REPLICA_RATIO", "0.7" },
    { "medium", "REQUEST_TIMEOUT", "15s" },    { "medium", "CHECK_INTERVAL", "30s" },
    { "high", "CONSISTENCY_WINDOW", "10s" },   { "high", "READ_REPLICA_RATIO", "0.8" },
    { "high", "REQUEST_TIMEOUT", "10s" },      { "high", "CHECK_INTERVAL", "15s" },
};

static enum settings_source *source_of(struct settings_draft *draft, const char *name)
{
    const struct settings_row *row = settings_find(str_of(name));
    CHECK(row != NULL);
    return &draft->source[row_index(row)];
}

static void apply_profile(struct settings_draft *draft)
{
    for (size_t i = 0; i < sizeof(profile_table) / sizeof(profile_table[0]); i++) {
        if (strcmp(profile_table[i].profile, draft->values.load_profile) == 0) {
            CHECK(settings_set(draft, str_of(profile_table[i].name), str_of(profile_table[i].value),
                               SETTINGS_PROFILE, NULL) == 0);
        }
    }
}

/* HOST and PORT are other spellings of the halves of LISTEN: the higher source holds, and the same
 * source must not say two things. */
static int join_listen(struct settings_draft *draft, struct errmsg *msg)
{
    struct settings *v = &draft->values;
    enum settings_source *listen = source_of(draft, "LISTEN");
    enum settings_source *host = source_of(draft, "HOST");
    enum settings_source *port = source_of(draft, "PORT");
    struct str listen_host;
    uint64_t listen_port = 0;
    CHECK(address_parse(str_of(v->listen), &listen_host, &listen_port));
    bool host_differs = !str_equal(listen_host, str_of(v->host));
    bool port_differs = listen_port != v->port;
    if ((host_differs && *host == *listen) || (port_differs && *port == *listen)) {
        return error_set(msg, ERR_INVALID,
                         "LISTEN: \"%s\" contradicts %s (both from the %s): give one of them", v->listen,
                         host_differs && *host == *listen ? "HOST" : "PORT", settings_source_name(*listen));
    }
    if (*host < *listen) {
        memmove(v->host, listen_host.data, listen_host.size);
        v->host[listen_host.size] = '\0';
        *host = *listen;
    }
    if (*port < *listen) {
        v->port = listen_port;
        *port = *listen;
    }
    bool v6 = strchr(v->host, ':') != NULL;
    char joined[SETTINGS_TEXT_MAX + 16];
    int size = snprintf(joined, sizeof(joined), v6 ? "[%s]:%" PRIu64 : "%s:%" PRIu64, v->host, v->port);
    if (!host_ok(str_of(v->host), v6) || size < 0 || (size_t)size >= sizeof(v->listen)) {
        return refuse(settings_find(STR("HOST")), str_of(v->host), NULL, msg);
    }
    memcpy(v->listen, joined, (size_t)size + 1);
    *listen = *host > *port ? *host : *port;
    return 0;
}

int settings_finish(struct settings_draft *draft, struct errmsg *msg)
{
    struct settings *v = &draft->values;
    apply_profile(draft);
    for (size_t i = 0; i < settings_table_size; i++) {
        const struct settings_row *row = &settings_table[i];
        if (row->fallback == NULL && ((const char *)v + row->offset)[0] == '\0') {
            return error_set(msg, ERR_INVALID, "%s: not set: expected %s", row->name, row->expected);
        }
    }
    if (str_equal_nocase(str_of(v->primary_url), str_of(v->replica_url))) {
        return error_set(msg, ERR_INVALID,
                         "REPLICA_URL: \"%s\" is the primary itself: expected another instance",
                         v->replica_url);
    }
    if (v->wal_segment_bytes > v->wal_max_bytes / 4) {
        return error_set(msg, ERR_INVALID,
                         "WAL_SEGMENT_BYTES: %" PRIu64
                         " is too large: expected at most a quarter of WAL_MAX_BYTES (%" PRIu64 ")",
                         v->wal_segment_bytes, v->wal_max_bytes);
    }
    if (v->max_body_bytes > v->wal_memory_bytes || v->max_body_bytes > v->wal_max_bytes) {
        return error_set(msg, ERR_INVALID,
                         "MAX_BODY_BYTES: %" PRIu64
                         " is too large: expected at most WAL_MEMORY_BYTES (%" PRIu64
                         ") and WAL_MAX_BYTES (%" PRIu64 ")",
                         v->max_body_bytes, v->wal_memory_bytes, v->wal_max_bytes);
    }
    if (v->ack_policy == ACK_POLICY_DURABLE && v->wal_mode == WAL_MODE_MEMORY) {
        return error_set(
            msg, ERR_INVALID,
            "ACK_POLICY: \"durable\" promises what WAL_MODE=memory cannot keep: expected applied, "
            "or WAL_MODE=file");
    }
    if (strchr(v->admin_token, ' ') != NULL || strchr(v->status_token, ' ') != NULL) {
        const char *name = strchr(v->admin_token, ' ') != NULL ? "ADMIN_TOKEN" : "STATUS_TOKEN";
        return error_set(msg, ERR_INVALID, "%s: the value is not valid: expected %s", name,
                         settings_find(str_of(name))->expected);
    }
    if ((v->tls_cert[0] == '\0') != (v->tls_key[0] == '\0')) {
        return error_set(msg, ERR_INVALID, "%s: not set: expected with %s",
                         v->tls_cert[0] == '\0' ? "TLS_CERT" : "TLS_KEY",
                         v->tls_cert[0] == '\0' ? "TLS_KEY" : "TLS_CERT");
    }
    return join_listen(draft, msg);
}
