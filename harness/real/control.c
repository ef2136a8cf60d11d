/* One exchange with curl's easy interface; see the header. */
#include "harness/real/control.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdio.h>

#define CONTROL_TIMEOUT_MS 10000L
#define CONTROL_URL        512

static size_t control_receive(char *data, size_t size, size_t count, void *context)
{
    struct buf *answer = context;
    buf_append(answer, data, size * count);
    return answer->failed ? 0 : size * count;
}

/* The mock says what was wrong as {"error": ..., "message": ...}. */
static int control_refused(const char *method, const char *path, long status, struct buf *answer,
                           struct errmsg *msg)
{
    json_t *root = json_loadb(answer->data == NULL ? "" : answer->data, answer->size, 0, NULL);
    const char *words = json_string_value(json_object_get(root, "message"));
    if (words == NULL) {
        words = json_string_value(json_object_get(root, "error"));
    }
    int code = error_set(msg, status == 404 ? ERR_NOT_FOUND : ERR_INVALID, "%s %s: %ld %s", method, path,
                         status, words == NULL ? "" : words);
    json_decref(root);
    return code;
}

int control_send(const struct control_request *request, struct buf *answer, long *status, struct errmsg *msg)
{
    char url[CONTROL_URL];
    CURL *easy = curl_easy_init();
    if (easy == NULL) {
        return error_set(msg, ERR_NOMEM, "no curl handle");
    }
    buf_clear(answer);
    (void)snprintf(url, sizeof(url), "%s%s", request->base_url, request->path);
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    headers = curl_slist_append(headers, "Content-Type: application/json");
    if (request->token != NULL) {
        char line[CONTROL_URL];
        (void)snprintf(line, sizeof(line), "Authorization: Bearer %s", request->token);
        headers = curl_slist_append(headers, line);
    }
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                           request->timeout_ms == 0 ? CONTROL_TIMEOUT_MS : request->timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, control_receive);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
    if (request->body.size > 0) {
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.data);
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
    }
    (void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
    CURLcode rc = curl_easy_perform(easy);
    long code = 0;
    (void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
    int rv = 0;
    if (rc != CURLE_OK) {
        rv = error_set(msg, rc == CURLE_COULDNT_CONNECT ? ERR_REFUSED : ERR_IO, "%s %s: %s", request->method,
                       url, curl_easy_strerror(rc));
    } else if (code < 200 || code > 299) {
        rv = control_refused(request->method, request->path, code, answer, msg);
    }
    if (status != NULL) {
        *status = rc == CURLE_OK ? code : 0;
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    return rv;
}

int control_ask(const char *base_url, const char *method, const char *path, struct str body,
                struct buf *answer, struct errmsg *msg)
{
    const struct control_request request = {
        .base_url = base_url, .method = method, .path = path, .body = body
    };
    return control_send(&request, answer, NULL, msg);
}

int control_look(const char *base_url, const char *path, const char *token, struct buf *answer,
                 struct errmsg *msg)
{
    const struct control_request request = {
        .base_url = base_url, .method = "GET", .path = path, .token = token
    };
    return control_send(&request, answer, NULL, msg);
}
