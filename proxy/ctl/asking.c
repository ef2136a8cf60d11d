#include "proxy/ctl/asking.h"

#include "base/memory.h"
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_MAX         ((size_t)256 << 20)
#define TIMEOUT_DEFAULT_MS 10000

struct asking {
    const struct options *options;
    CURL *curl;
    struct curl_slist *headers;
    char error[CURL_ERROR_SIZE];
};

static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct buf *body = context;
    buf_append(body, data, size * count);
    return body->failed ? 0 : size * count;
}

static bool add_header(struct asking *a, const char *line)
{
    struct curl_slist *more = curl_slist_append(a->headers, line);
    a->headers = more == NULL ? a->headers : more;
    return more != NULL;
}

int asking_open(struct asking **out, const struct options *options, struct errmsg *msg)
{
    char line[OPTIONS_TEXT_MAX + 32];
    struct asking *a = mem_alloc(sizeof(*a));
    a->options = options;
    a->curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_easy_init() : NULL;
    bool ok = a->curl != NULL && add_header(a, "Content-Type: application/json") && add_header(a, "Expect:");
    if (ok && options->token[0] != '\0') {
        (void)snprintf(line, sizeof(line), "Authorization: Bearer %s", options->token);
        ok = add_header(a, line);
    }
    if (!ok) {
        asking_close(a);
        return error_set(msg, ERR_NOMEM, "libcurl: cannot be set up");
    }
    uint64_t timeout_ms = options->timeout_ms == 0 ? TIMEOUT_DEFAULT_MS : options->timeout_ms;
    (void)curl_easy_setopt(a->curl, CURLOPT_HTTPHEADER, a->headers);
    (void)curl_easy_setopt(a->curl, CURLOPT_ERRORBUFFER, a->error);
    (void)curl_easy_setopt(a->curl, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(a->curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(a->curl, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    (void)curl_easy_setopt(a->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(a->curl, CURLOPT_PROXY, ""); /* a token is for walproxy alone */
    if (options->ca[0] != '\0') {
        (void)curl_easy_setopt(a->curl, CURLOPT_CAINFO, options->ca);
    }
    *out = a;
    return 0;
}

void asking_close(struct asking *a)
{
    if (a == NULL) {
        return;
    }
    curl_slist_free_all(a->headers);
    curl_easy_cleanup(a->curl);
    curl_global_cleanup();
    mem_free(a);
}

int asking_do(struct asking *a, const char *method, const char *target, struct str body, struct reply *reply,
              struct errmsg *msg)
{
    struct buf url;
    memset(reply, 0, sizeof(*reply));
    buf_init(&reply->body, ANSWER_MAX);
    buf_init(&url, (size_t)1 << 16);
    buf_printf(&url, "%s%s", a->options->url, target);
    a->error[0] = '\0';
    (void)curl_easy_setopt(a->curl, CURLOPT_URL, buf_text(&url));
    (void)curl_easy_setopt(a->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.size);
    (void)curl_easy_setopt(a->curl, CURLOPT_POSTFIELDS, body.data == NULL ? "" : body.data);
    if (strcmp(method, "GET") == 0) {
        (void)curl_easy_setopt(a->curl, CURLOPT_HTTPGET, 1L);
    }
    (void)curl_easy_setopt(a->curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(a->curl, CURLOPT_WRITEDATA, &reply->body);
    CURLcode code = curl_easy_perform(a->curl);
    buf_deinit(&url);
    if (code != CURLE_OK) {
        return error_set(msg, ERR_IO, "no answer from %.200s: %.200s", a->options->url,
                         a->error[0] == '\0' ? curl_easy_strerror(code) : a->error);
    }
    (void)curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &reply->status);
    reply->json =
        json_loadb(reply->body.data == NULL ? "" : reply->body.data, reply->body.size, JSON_DECODE_ANY, NULL);
    if (reply->json == NULL) {
        return error_set(msg, ERR_IO, "%.200s answered %ld, and not as walproxy does: is that its address?",
                         a->options->url, reply->status);
    }
    return 0;
}

void reply_release(struct reply *reply)
{
    json_decref(reply->json);
    buf_deinit(&reply->body);
    memset(reply, 0, sizeof(*reply));
}
