/* walproxy's settings as plain values, after parsing and checking.  One table (settings_table in
 * settings_table.c) names every setting with its type, default, bounds and meaning: the environment, the
 * flags, the YAML file, --help, --print-config and docs/settings.md all come from it. */
#ifndef WALDRILL_PROXY_CORE_SETTINGS_H
#define WALDRILL_PROXY_CORE_SETTINGS_H

#include "base/error.h"
#include "base/log_line.h"
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SETTINGS_TEXT_MAX   512
#define SETTINGS_SECRET_MAX 2048
#define SETTINGS_NAME_SIZE  16
#define SETTINGS_MAX        64 /* of them */

enum wal_mode { WAL_MODE_FILE, WAL_MODE_MEMORY };
enum yes_no { SETTING_NO, SETTING_YES };
enum when_none_up { WHEN_NONE_UP_QUEUE, WHEN_NONE_UP_REFUSE };
enum ack_policy { ACK_POLICY_APPLIED, ACK_POLICY_DURABLE };

struct settings {
    char primary_url[SETTINGS_TEXT_MAX];
    char replica_url[SETTINGS_TEXT_MAX];    /* "" = no replica */
    char primary_auth[SETTINGS_SECRET_MAX]; /* rule 23; "" = none, settings_auth_line reads it */
    char replica_auth[SETTINGS_SECRET_MAX];
    char admin_token[SETTINGS_SECRET_MAX]; /* access.h; "" = none */
    char status_token[SETTINGS_SECRET_MAX];
    char tls_cert[SETTINGS_TEXT_MAX]; /* paths; "" = none */
    char tls_key[SETTINGS_TEXT_MAX];
    char upstream_ca[SETTINGS_TEXT_MAX];
    char listen[SETTINGS_TEXT_MAX]; /* host:port, [address]:port for IPv6 */
    char host[SETTINGS_TEXT_MAX];   /* after settings_finish: listen's host, without brackets */
    uint64_t port;                  /* after settings_finish: listen's port; 0 = any free one */
    char load_profile[16];          /* "", low, medium, high */
    uint64_t consistency_window_ns;
    double read_replica_ratio; /* 0..1 */
    uint64_t request_timeout_ns;
    uint64_t check_interval_ns;
    uint64_t failure_threshold;
    uint64_t recovery_threshold;
    enum wal_mode wal_mode;
    char wal_dir[SETTINGS_TEXT_MAX];
    uint64_t wal_segment_bytes;
    uint64_t wal_memory_bytes;
    enum yes_no adopt;       /* rule 5 */
    uint64_t wal_max_bytes;  /* rule 20 */
    uint64_t wal_max_writes; /* rule 20 */
    uint64_t wal_retain_ns;
    double throttle_start; /* share of the quota */
    uint64_t throttle_max_delay_ns;
    enum when_none_up when_none_up;
    enum ack_policy ack_policy; /* rule 21 */
    uint64_t replay_max_attempts;
    uint64_t replay_batch_records; /* rule 10 */
    uint64_t replay_batch_bytes;
    double replay_rate; /* writes a second; 0 = adaptive */
    uint64_t max_body_bytes;
    uint64_t max_connections;
    enum log_level log_level;
    enum log_format log_format;
    char audit_log[SETTINGS_TEXT_MAX]; /* a file; "" = none */
    uint64_t audit_retain;             /* rotated files of it */
    double time_scale;                 /* >= 1 */
};

/* Where a value came from, in rising order. */
enum settings_source { SETTINGS_DEFAULT, SETTINGS_PROFILE, SETTINGS_FILE, SETTINGS_ENV, SETTINGS_FLAG };

enum settings_type {
    SETTINGS_TEXT,     /* char[SETTINGS_TEXT_MAX] */
    SETTINGS_ADDRESS,  /* the same, checked as host:port */
    SETTINGS_URL,      /* the same, checked; kept without a slash at the end */
    SETTINGS_SECRET,   /* char[SETTINGS_SECRET_MAX]; "@FILE" until the adapter has read it; never printed */
    SETTINGS_NAME,     /* char[SETTINGS_NAME_SIZE], one of choices, or "" */
    SETTINGS_DURATION, /* uint64_t, ns */
    SETTINGS_SIZE,     /* uint64_t, bytes */
    SETTINGS_COUNT,    /* uint64_t */
    SETTINGS_SHARE,    /* double, 0..1 */
    SETTINGS_FACTOR,   /* double */
    SETTINGS_CHOICE,   /* an enum: the place of the value in choices */
};

struct settings_row {
    const char *name; /* "CHECK_INTERVAL"; the flag is --check-interval, the YAML key check_interval */
    enum settings_type type;
    size_t offset;        /* in struct settings */
    const char *fallback; /* default, as a user would write it; NULL = required; "" = off */
    const char *expected; /* "a duration from 100ms to 1d, or plain seconds" */
    const char *meaning;  /* one line for --help */
    const char *choices;  /* "file|memory", NULL unless SETTINGS_CHOICE */
    double low;           /* bounds in the value's base unit (ns, bytes, ...) */
    double high;
};

extern const struct settings_row settings_table[];
extern const size_t settings_table_size;

/* A set of settings being put together; remembers where each value came from. */
struct settings_draft {
    struct settings values;
    enum settings_source source[SETTINGS_MAX];
};

void settings_draft_init(struct settings_draft *draft); /* all defaults; required ones empty */
/* name as in the table (any of NAME, name, name-with-dashes).  A value from a lower source never replaces
 * one from a higher.  The message is one line naming setting, value and what is expected; an unknown name
 * suggests the nearest. */
int settings_set(struct settings_draft *draft, struct str name, struct str value, enum settings_source source,
                 struct errmsg *msg);
/* Applies LOAD_PROFILE, then checks that required ones are there and that they fit together. */
int settings_finish(struct settings_draft *draft, struct errmsg *msg);
/* "NAME=value  # source" for every row. */
struct buf;
void settings_print(const struct settings_draft *draft, struct buf *out);
/* "authorization: Bearer TOKEN\r\n", or the header that is named; nothing for "". */
void settings_auth_line(const char *auth, struct buf *out);
/* The value of one row, as text that settings_set would accept; a secret is not told ("(set)"). */
void settings_format(const struct settings *values, const struct settings_row *row, char *out, size_t size);
/* Bytes of such a value in struct settings. */
size_t settings_value_size(enum settings_type type);
/* The row of that name in any of its spellings; NULL when there is none. */
const struct settings_row *settings_find(struct str name);
const char *settings_source_name(enum settings_source source);
/* The table for people: the settings part of --help, and docs/settings.md. */
void settings_help(struct buf *out);
void settings_markdown(struct buf *out);

#endif
