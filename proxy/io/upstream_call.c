/* A call: from the core's request to libcurl's options, and libcurl's callbacks back to bytes.
 *
 * What "bytes left" means: libcurl counts what it handed to the socket.  Where that is not certain (a
 * body was read but perhaps not sent), the answer is yes.  A call is only ever CALL_REFUSED when no
 * connection could be made: then nothing can have reached the instance, and nobody is there. */
#include "proxy/io/upstream_call.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include <stdio.h>
#include <string.h>

/* Names that libcurl writes itself, or that belong to the other connection. */
static bool header_is_ours(struct str name)
{
    return http_header_is_hop_by_hop(name) || str_equal_nocase(name, STR("content-length")) ||
           str_equal_nocase(name, STR("expect")) || str_equal_nocase(name, STR("host"));
}

static bool add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer == NULL) {
        return false;
    }
    *list = longer;
    return true;
}

static bool add_headers(struct upstream_call *call, struct str lines)
{
    struct http_header headers[UPSTREAM_HEADERS_MAX];
    size_t count = http_headers_parse(lines, headers, UPSTREAM_HEADERS_MAX);
    struct buf line;
    bool accept = false;
    bool type = false;
    bool ok = true;
    buf_init(&line, UPSTREAM_HEAD_BYTES_MAX);
    for (size_t i = 0; i < count && ok; i++) {
        if (header_is_ours(headers[i].name)) {
            continue;
        }
        accept = accept || str_equal_nocase(headers[i].name, STR("accept"));
        type = type || str_equal_nocase(headers[i].name, STR("content-type"));
        buf_clear(&line);
        buf_append_str(&line, headers[i].name);
        /* libcurl drops "Name:" and sends "Name;" as an empty header. */
        buf_append_text(&line, headers[i].value.size == 0 ? ";" : ": ");
        buf_append_str(&line, headers[i].value);
        const char *text = buf_text(&line);
        ok = !line.failed && add_header(&call->headers, text);
    }
    buf_deinit(&line);
    /* A name with nothing after the colon takes away what libcurl would add by itself. */
    ok = ok && add_header(&call->headers, "Expect:");
    ok = ok && (accept || add_header(&call->headers, "Accept:"));
    return ok && (type || add_header(&call->headers, "Content-Type:"));
}

static bool target_ok(struct str target)
{
    if (target.size == 0 || target.data[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < target.size; i++) {
        unsigned char c = (unsigned char)target.data[i];
        if (c <= ' ' || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool method_ok(struct str method, size_t room)
{
    if (method.size == 0 || method.size >= room) {
        return false;
    }
    for (size_t i = 0; i < method.size; i++) {
        if (method.data[i] < 'A' || method.data[i] > 'Z') {
            return false;
        }
    }
    return true;
}

struct upstream_call *upstream_call_new(const struct upstream_request *request, const char **detail)
{
    struct str lines;
    struct str target;
    struct str first = str_cut(block_str(request->request), '\n', &lines);
    struct upstream_call *call = mem_alloc(sizeof(*call));
    struct str method = str_cut(first, ' ', &target);
    call->id = request->call;
    call->head_first = request->head_first;
    call->mode = request->head_first ? CALL_MODE_UNDECIDED : CALL_MODE_COLLECT;
    call->limit = request->answer_limit;
    call->body = block_ref(request->body);
    call->head.content_length = -1;
    buf_init(&call->head_lines, UPSTREAM_HEAD_BYTES_MAX);
    *detail = "";
    if (!method_ok(method, sizeof(call->method)) || !target_ok(target)) {
        *detail = "not a request that HTTP can carry";
        return call;
    }
    memcpy(call->method, method.data, method.size);
    call->target = mem_strndup(target.data, target.size);
    call->relay = relay_new();
    if (call->relay == NULL || !add_headers(call, lines)) {
        *detail = "out of memory";
        return call;
    }
    call->relay->wake_writer = upstream_note_unpause;
    call->relay->writer = call;
    return call;
}

void upstream_call_free(struct upstream_call *call)
{
    CHECK(call->easy == NULL);
    curl_slist_free_all(call->headers);
    block_unref(call->body);
    relay_unref(call->relay);
    buf_deinit(&call->head_lines);
    mem_free(call->target);
    mem_free(call);
}

static size_t read_body(char *out, size_t size, size_t count, void *context)
{
    struct upstream_call *call = context;
    size_t room = size * count;
    size_t left = call->body->size - call->body_read;
    size_t n = left < room ? left : room;
    memcpy(out, call->body->data + call->body_read, n);
    call->body_read += n;
    return n;
}

/* One header line of the answer's head. */
static bool keep_header(struct upstream_call *call, struct str line)
{
    struct str value;
    struct str name = str_cut(line, ':', &value);
    name = str_trim(name);
    value = str_trim(value);
    if (value.data == NULL || name.size == 0) {
        return true; /* not a header: nothing we could pass on */
    }
    if (str_equal_nocase(name, STR("content-length"))) {
        uint64_t length = 0;
        if (units_parse_u64(value, &length, NULL) == 0 && length <= INT64_MAX) {
            call->head.content_length = (int64_t)length;
        }
    }
    struct http_header header = { name, value };
    http_headers_write(&call->head_lines, &header, 1);
    return !call->head_lines.failed;
}

static void begin_head(struct upstream_call *call, struct str line)
{
    struct str rest;
    uint64_t status = 0;
    (void)str_cut(line, ' ', &rest);
    struct str number = str_cut(str_trim(rest), ' ', &rest);
    if (units_parse_u64(number, &status, NULL) != 0 || status > 999) {
        status = 0;
    }
    buf_clear(&call->head_lines);
    call->head.status = (int)status;
    call->head.content_length = -1;
}

static size_t take_header(char *data, size_t size, size_t count, void *context)
{
    struct upstream_call *call = context;
    struct str line = str_trim(str_make(data, size * count));
    if (call->head_complete) {
        return size * count; /* trailers */
    }
    if (str_starts(line, STR("HTTP/"))) {
        begin_head(call, line);
    } else if (line.size > 0) {
        return keep_header(call, line) ? size * count : 0;
    } else if (call->head.status >= 200) { /* a 1xx is followed by another head */
        call->head_complete = true;
        call->head.header_count =
            http_headers_parse(buf_str(&call->head_lines), call->head_headers, UPSTREAM_HEADERS_MAX);
        call->head.headers = call->head_headers;
        if (call->head_first) {
            upstream_note_due(call);
        }
    }
    return size * count;
}

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct upstream_call *call = context;
    bool collect = call->mode == CALL_MODE_COLLECT;
    size_t limit = collect ? (size_t)call->limit : RELAY_CREDIT_BYTES;
    switch (relay_write(call->relay, data, size * count, limit, !collect)) {
        case RELAY_TAKEN:
            return size * count;
        case RELAY_WAIT:
            return CURL_WRITEFUNC_PAUSE;
        case RELAY_FULL:
            break;
    }
    (void)snprintf(call->detail, sizeof(call->detail), "the answer is larger than %llu bytes",
                   (unsigned long long)call->limit);
    return 0;
}

/* A write that is sent again on a new connection is a second write, so libcurl must not be able to:
 * with a body it would have to rewind the read callback, which has no seek function (error 65); without
 * one it re-sends silently when a kept connection turns out dead, hence a fresh connection.  What it still
 * does by itself is to begin again when the connection died before any byte of the body left: the first
 * request was never whole then, so nobody can have carried it out. */
static bool set_method(struct upstream_call *call, CURL *e)
{
    bool safe = strcmp(call->method, "GET") == 0 || strcmp(call->method, "HEAD") == 0;
    bool ok = true;
    if (call->body != NULL) {
        ok = curl_easy_setopt(e, CURLOPT_POST, 1L) == CURLE_OK &&
             curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body->size) == CURLE_OK &&
             curl_easy_setopt(e, CURLOPT_READFUNCTION, read_body) == CURLE_OK &&
             curl_easy_setopt(e, CURLOPT_READDATA, call) == CURLE_OK;
    } else if (strcmp(call->method, "HEAD") == 0) {
        ok = curl_easy_setopt(e, CURLOPT_NOBODY, 1L) == CURLE_OK;
    } else if (!safe && strcmp(call->method, "DELETE") != 0) {
        ok = curl_easy_setopt(e, CURLOPT_POST, 1L) == CURLE_OK &&
             curl_easy_setopt(e, CURLOPT_POSTFIELDS, "") == CURLE_OK &&
             curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0) == CURLE_OK;
    }
    if (!safe && call->body == NULL) {
        ok = ok && curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
    }
    return ok && curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, call->method) == CURLE_OK;
}

bool upstream_call_prepare(struct upstream_call *call, CURL *e, CURLU *url, bool fresh)
{
    bool ok = curl_easy_setopt(e, CURLOPT_CURLU, url) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_REQUEST_TARGET, call->target) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, UPSTREAM_CONNECT_MS) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_HTTPHEADER, call->headers) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_HEADERDATA, call) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_WRITEDATA, call) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_ERRORBUFFER, call->said) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_PRIVATE, call) == CURLE_OK && set_method(call, e);
    return ok && (!fresh || curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK);
}

static bool has_sent(const struct upstream_call *call)
{
    long head = 0;
    curl_off_t body = 0;
    if (call->easy == NULL || call->body_read > 0) {
        return call->easy != NULL;
    }
    if (curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &head) != CURLE_OK ||
        curl_easy_getinfo(call->easy, CURLINFO_SIZE_UPLOAD_T, &body) != CURLE_OK) {
        return true;
    }
    return head > 0 || body > 0;
}

static void describe(struct upstream_call *call, CURLcode code)
{
    long number = 0;
    if (call->detail[0] != '\0') {
        return;
    }
    const char *text = curl_easy_strerror(code);
    bool tls = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
               code == CURLE_SSL_CACERT_BADFILE;
    if (tls) {
        (void)snprintf(call->detail, sizeof(call->detail), "TLS: %.200s",
                       call->said[0] == '\0' ? text : call->said);
        return;
    }
    if (code == CURLE_COULDNT_CONNECT &&
        curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &number) == CURLE_OK && number != 0) {
        text = strerrordesc_np((int)number);
    }
    (void)snprintf(call->detail, sizeof(call->detail), "%s", text == NULL ? "unknown error" : text);
}

static void finish(struct upstream_call *call, enum call_outcome outcome)
{
    CHECK(!call->finished);
    call->finished = true;
    call->outcome = outcome;
    if (call->relay != NULL) {
        relay_end(call->relay, outcome != CALL_ANSWERED);
    }
}

/* There was a connection, and it failed: a kept one, perhaps, that had been closed before a byte was sent. */
static bool was_connected(CURLcode code)
{
    return code == CURLE_SEND_ERROR || code == CURLE_SEND_FAIL_REWIND || code == CURLE_RECV_ERROR ||
           code == CURLE_GOT_NOTHING;
}

void upstream_call_conclude(struct upstream_call *call, CURLcode code)
{
    call->bytes_left = code == CURLE_OK || has_sent(call);
    if (code == CURLE_OK && call->head_complete) {
        finish(call, CALL_ANSWERED);
        return;
    }
    describe(call, code == CURLE_OK ? CURLE_WEIRD_SERVER_REPLY : code);
    finish(call, call->bytes_left || was_connected(code) ? CALL_BROKEN : CALL_REFUSED);
}

void upstream_call_cut(struct upstream_call *call, enum call_outcome outcome, const char *detail)
{
    call->bytes_left = has_sent(call);
    (void)snprintf(call->detail, sizeof(call->detail), "%s", detail);
    finish(call, outcome);
}
