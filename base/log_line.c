/* One fact, one line.  In logfmt a value is quoted when it holds anything but plain characters; in
 * both formats control characters are escaped, so that a value can never begin a line of its own. */
#include "base/log_line.h"

#include "base/json_writer.h"
#include <stdio.h>

static const char *const level_names[] = { "debug", "info", "warn", "error" };

const char *log_level_name(enum log_level level)
{
    return (unsigned)level < sizeof(level_names) / sizeof(level_names[0]) ? level_names[level] : "unknown";
}

bool log_level_parse(struct str text, enum log_level *level)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (str_equal_nocase(text, str_of(level_names[i]))) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* A value alone, quoted and escaped as JSON does it. */
static void append_json_string(struct buf *out, struct str value)
{
    struct json_writer w;
    json_writer_init(&w, out, 0);
    json_put_str(&w, value);
}

static bool needs_quotes(struct str value)
{
    for (size_t i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\') {
            return true;
        }
    }
    return value.size == 0;
}

static void begin_pair(struct buf *out, enum log_format format, const char *key)
{
    if (format == LOG_FORMAT_JSON) {
        buf_append_char(out, ',');
        append_json_string(out, str_of(key));
        buf_append_char(out, ':');
    } else {
        buf_append_char(out, ' ');
        buf_append_text(out, key);
        buf_append_char(out, '=');
    }
}

void log_line_str(struct buf *out, enum log_format format, const char *key, struct str value)
{
    begin_pair(out, format, key);
    if (format == LOG_FORMAT_JSON || needs_quotes(value)) {
        append_json_string(out, value);
    } else {
        buf_append_str(out, value);
    }
}

void log_line_u64(struct buf *out, enum log_format format, const char *key, uint64_t value)
{
    begin_pair(out, format, key);
    buf_printf(out, "%llu", (unsigned long long)value);
}

void log_line_begin(struct buf *out, enum log_format format, int64_t wall_ms, enum log_level level,
                    const char *component, const char *event)
{
    char time_text[25];
    log_format_time(wall_ms, time_text);
    if (format == LOG_FORMAT_JSON) {
        buf_append_text(out, "{\"ts\":\"");
        buf_append_text(out, time_text);
        buf_append_char(out, '"');
    } else {
        buf_append_text(out, "ts=");
        buf_append_text(out, time_text);
    }
    log_line_str(out, format, "level", str_of(log_level_name(level)));
    log_line_str(out, format, "comp", str_of(component));
    log_line_str(out, format, "event", str_of(event));
}

void log_line_end(struct buf *out, enum log_format format)
{
    buf_append_text(out, format == LOG_FORMAT_JSON ? "}\n" : "\n");
}

/* Days since 1970-01-01 to year, month, day; Howard Hinnant's civil_from_days. */
static void civil_date(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468; /* count from 0000-03-01, so that the leap day ends the year */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned day_of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted_month = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    *month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    *year = (int64_t)year_of_era + era * 400 + (*month <= 2 ? 1 : 0);
}

void log_format_time(int64_t wall_ms, char text[25])
{
    static const int64_t day_ms = INT64_C(86400000);
    /* RFC 3339 has four digits for the year: what is outside is shown as its edge. */
    static const int64_t first_ms = INT64_C(-62167219200000);
    static const int64_t last_ms = INT64_C(253402300799999);
    wall_ms = wall_ms < first_ms ? first_ms : wall_ms > last_ms ? last_ms : wall_ms;
    int64_t days = wall_ms / day_ms - (wall_ms % day_ms < 0 ? 1 : 0);
    unsigned rest = (unsigned)(wall_ms - days * day_ms);
    int64_t year;
    unsigned month;
    unsigned day;
    civil_date(days, &year, &month, &day);
    (void)snprintf(text, 25, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)year % 10000, month % 100,
                   day % 100, rest / 3600000 % 24, rest / 60000 % 60, rest / 1000 % 60, rest % 1000);
}
