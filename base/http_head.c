/* Headers as data: finding, storing, and the pieces of a target. */
#include "base/http_head.h"

struct str http_header_find(const struct http_header *headers, size_t count, const char *name)
{
    struct str wanted = str_of(name);
    for (size_t i = 0; i < count; i++) {
        if (str_equal_nocase(headers[i].name, wanted)) {
            /* present but empty must not look absent */
            return headers[i].value.data == NULL ? STR("") : headers[i].value;
        }
    }
    return str_make(NULL, 0);
}

bool http_is_token(struct str name)
{
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bool usual = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
        if (!usual && (c == '\0' || strchr("!#$%&'*+.^_`|~", c) == NULL)) {
            return false;
        }
    }
    return name.size > 0;
}

static bool is_field_value(struct str value)
{
    for (size_t i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

/* A header that could split the head (CR or LF inside) is left out: nobody may smuggle one in. */
void http_headers_write(struct buf *out, const struct http_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!http_is_token(headers[i].name) || !is_field_value(headers[i].value)) {
            continue;
        }
        buf_append_str(out, headers[i].name);
        buf_append_text(out, ": ");
        buf_append_str(out, headers[i].value);
        buf_append_text(out, "\r\n");
    }
}

size_t http_headers_parse(struct str lines, struct http_header *out, size_t capacity)
{
    size_t count = 0;
    while (count < capacity && lines.size > 0) {
        struct str rest;
        struct str line = str_cut(lines, '\n', &rest);
        if (rest.data == NULL || line.size == 0 || line.data[line.size - 1] != '\r') {
            break;
        }
        line.size--;
        struct str value;
        struct str name = str_cut(line, ':', &value);
        if (value.data == NULL || !http_is_token(name) || !is_field_value(value)) {
            break;
        }
        out[count++] = (struct http_header){ name, str_trim(value) };
        lines = rest;
    }
    return count;
}

bool http_header_is_hop_by_hop(struct str name)
{
    static const char *const names[] = { "connection", "keep-alive", "transfer-encoding",
                                         "te",         "trailer",    "upgrade" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (str_equal_nocase(name, str_of(names[i]))) {
            return true;
        }
    }
    struct str proxy = STR("proxy-");
    return name.size >= proxy.size && str_equal_nocase(str_make(name.data, proxy.size), proxy);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool http_percent_decode(struct str text, char *out, size_t size, size_t *length)
{
    size_t at = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '%') {
            int high = i + 2 < text.size ? hex_value(text.data[i + 1]) : -1;
            int low = i + 2 < text.size ? hex_value(text.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (at + 1 >= size) {
            return false;
        }
        out[at++] = c;
    }
    if (at >= size) {
        return false;
    }
    out[at] = '\0';
    *length = at;
    return true;
}

void http_percent_encode(struct buf *out, struct str segment)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < segment.size; i++) {
        unsigned char c = (unsigned char)segment.data[i];
        bool unreserved = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          c == '-' || c == '.' || c == '_' || c == '~';
        if (unreserved) {
            buf_append_char(out, (char)c);
        } else {
            char encoded[3] = { '%', hex[c >> 4], hex[c & 15] };
            buf_append(out, encoded, sizeof(encoded));
        }
    }
}

struct str http_query_find(struct str query, const char *name)
{
    struct str wanted = str_of(name);
    while (query.size > 0) {
        struct str rest;
        struct str pair = str_cut(query, '&', &rest);
        struct str value;
        struct str key = str_cut(pair, '=', &value);
        if (str_equal(key, wanted)) {
            return value.data == NULL ? STR("") : value;
        }
        query = rest;
    }
    return str_make(NULL, 0);
}

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        { 100, "Continue" },
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 206, "Partial Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 303, "See Other" },
        { 304, "Not Modified" },
        { 307, "Temporary Redirect" },
        { 308, "Permanent Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 411, "Length Required" },
        { 412, "Precondition Failed" },
        { 413, "Payload Too Large" },
        { 414, "URI Too Long" },
        { 415, "Unsupported Media Type" },
        { 422, "Unprocessable Entity" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
        { 507, "Insufficient Storage" },
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status) {
            return reasons[i].text;
        }
    }
    return "Unknown";
}
