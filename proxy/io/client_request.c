/* The request's side of a client: its head to the core, its body into one block.
 *
 * A body is read to its end even when the answer is known already, up to a bound, because closing with
 * unread bytes makes the kernel send a reset that can overtake the answer.  A client that waits for
 * "100 Continue" is answered at once instead, and one that means to send more than the bound is cut off. */
#include "proxy/io/client.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/io/io_clock.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#define DISCARD_BYTES_MAX (64ull * 1024 * 1024)
#define BODY_SECONDS_MAX  300u

struct head_reader {
    struct http_header headers[CLIENT_HEADERS_MAX];
    size_t count;
    bool too_many;
};

static enum MHD_Result take_header(void *context, enum MHD_ValueKind kind, const char *key, size_t key_size,
                                   const char *value, size_t value_size)
{
    struct head_reader *reader = context;
    (void)kind;
    if (reader->count == CLIENT_HEADERS_MAX) {
        reader->too_many = true;
        return MHD_NO;
    }
    reader->headers[reader->count].name = str_make(key, key_size);
    reader->headers[reader->count].value = str_make(value == NULL ? "" : value, value_size);
    reader->count++;
    return MHD_YES;
}

static bool peer_is_loopback(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info == NULL || info->client_addr == NULL) {
        return false;
    }
    if (info->client_addr->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, info->client_addr, sizeof(v4));
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    if (info->client_addr->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, info->client_addr, sizeof(v6));
        return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && v6.sin6_addr.s6_addr[12] == 127);
    }
    return info->client_addr->sa_family == AF_UNIX; /* of this machine, like those of the loopback */
}

/* "127.0.0.1:4242", "[::1]:4242"; "" when it cannot be told. */
static void peer_text(struct MHD_Connection *connection, char *out, size_t size)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char host[INET6_ADDRSTRLEN] = "";
    out[0] = '\0';
    if (info == NULL || info->client_addr == NULL) {
        return;
    }
    if (info->client_addr->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, info->client_addr, sizeof(v4));
        (void)inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
        (void)snprintf(out, size, "%s:%u", host, ntohs(v4.sin_port));
    } else if (info->client_addr->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, info->client_addr, sizeof(v6));
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
        (void)snprintf(out, size, "[%s]:%u", host, ntohs(v6.sin6_port));
    }
}

/* Tells the core of the request; what it borrows lives in libmicrohttpd's memory during the call. */
static void announce(struct client *client, const char *method)
{
    struct head_reader reader = { .count = 0 };
    struct http_head head = { .method = str_of(method), .target = str_of(client->target) };
    (void)MHD_get_connection_values_n(client->connection, MHD_HEADER_KIND, take_header, &reader);
    client->announced = true;
    client->body_until_ns = io_clock_real_ns() + BODY_SECONDS_MAX * NS_PER_S;
    struct str length = http_header_find(reader.headers, reader.count, "content-length");
    client->chunked = http_header_find(reader.headers, reader.count, "transfer-encoding").data != NULL;
    if (!client->chunked && length.data != NULL &&
        units_parse_u64(str_trim(length), &client->length, NULL) != 0) {
        client->length = UINT64_MAX; /* libmicrohttpd has refused such a request before */
    }
    client->expects_continue =
        str_equal_nocase(http_header_find(reader.headers, reader.count, "expect"), STR("100-continue"));
    if (reader.too_many) {
        client->announced = false;
        client_build_reply(client, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, NULL, NULL);
        return;
    }
    head.headers = reader.headers;
    head.header_count = reader.count;
    head.content_length = client->chunked ? -1 : (int64_t)(client->length & INT64_MAX);
    struct core_event event = { .kind = CORE_EV_CLIENT_HEAD };
    event.u.client_head.client = client->id;
    event.u.client_head.head = &head;
    event.u.client_head.loopback = peer_is_loopback(client->connection);
    char peer[INET6_ADDRSTRLEN + 16];
    peer_text(client->connection, peer, sizeof(peer));
    event.u.client_head.peer = str_of(peer);
    client_tell(client, &event);
}

static void tell_body(struct client *client, struct block *body, bool too_large, bool failed)
{
    struct core_event event = { .kind = CORE_EV_CLIENT_BODY };
    CHECK(!client->body_told);
    client->body_told = true;
    event.u.client_body.client = client->id;
    event.u.client_body.body = body;
    event.u.client_body.too_large = too_large;
    event.u.client_body.failed = failed;
    client_tell(client, &event);
}

static void drop_body(struct client *client)
{
    block_unref(client->body);
    client->body = NULL;
    buf_deinit(&client->gathered);
    buf_init(&client->gathered, 0);
}

static bool spoken(const struct client *client)
{
    return client->cut || client->response != NULL;
}

static enum MHD_Result suspend(struct client *client)
{
    client->suspended = true;
    MHD_suspend_connection(client->connection);
    return MHD_YES;
}

/* An answer that is queued in the handler's first call costs the connection, even without a body to come:
 * so it waits for the last call, unless the client should not send its body at all. */
static enum MHD_Result answer_before_body(struct client *client)
{
    if (!client->cut && !client->expects_continue && client->length <= DISCARD_BYTES_MAX) {
        client->phase = CLIENT_PHASE_DISCARD;
        return MHD_YES;
    }
    return client_queue_answer(client);
}

/* The core has seen the head: go by what it said. */
static enum MHD_Result after_head(struct client *client)
{
    if (!spoken(client) && client->collect && !client->body_told) {
        if (client->length > client->limit) {
            tell_body(client, NULL, true, false);
        } else {
            client->phase = CLIENT_PHASE_BODY;
            buf_init(&client->gathered, (size_t)client->limit);
            return MHD_YES;
        }
    }
    return spoken(client) ? answer_before_body(client) : suspend(client);
}

/* Keeps a piece of the body; false when it cannot be kept, the core has been told then. */
static bool keep_piece(struct client *client, const char *data, size_t size)
{
    if (client->chunked) {
        buf_append(&client->gathered, data, size);
        if (!client->gathered.failed) {
            return true;
        }
        bool large = client->received > client->limit;
        drop_body(client);
        tell_body(client, NULL, large, !large);
        return false;
    }
    if (client->body == NULL) {
        /* Memory that is not written to costs nothing yet, so a client pays by sending. */
        client->body = block_new((size_t)client->length);
        if (client->body == NULL) {
            tell_body(client, NULL, false, true);
            return false;
        }
    }
    CHECK(client->received <= client->length);
    memcpy(client->body->data + (client->received - size), data, size);
    return true;
}

static enum MHD_Result take_piece(struct client *client, const char *data, size_t *size)
{
    client->received += *size;
    if (io_clock_real_ns() > client->body_until_ns || client->cut) {
        client_reset_connection(client);
        return MHD_NO;
    }
    if (client->phase == CLIENT_PHASE_BODY && spoken(client)) {
        drop_body(client); /* answered before the body was whole, by a deadline say */
        client->phase = CLIENT_PHASE_DISCARD;
    }
    if (client->phase == CLIENT_PHASE_BODY && !keep_piece(client, data, *size)) {
        client->phase = CLIENT_PHASE_DISCARD;
    }
    if (client->phase == CLIENT_PHASE_DISCARD && client->received > DISCARD_BYTES_MAX + client->limit) {
        client_reset_connection(client);
        return MHD_NO;
    }
    *size = 0;
    return MHD_YES;
}

static enum MHD_Result end_of_body(struct client *client)
{
    if (client->phase == CLIENT_PHASE_BODY && !client->body_told && !spoken(client)) {
        struct block *body = client->body;
        bool failed = false;
        if (client->chunked && client->gathered.size > 0) {
            body = block_from_buf(&client->gathered);
            failed = body == NULL;
        }
        client->body = NULL;
        drop_body(client);
        client->phase = CLIENT_PHASE_WAIT;
        tell_body(client, body, false, failed);
        block_unref(body);
    }
    client->phase = CLIENT_PHASE_WAIT;
    return spoken(client) ? client_queue_answer(client) : suspend(client);
}

enum MHD_Result client_handle(struct client *client, const char *method, const char *data, size_t *size)
{
    switch (client->phase) {
        case CLIENT_PHASE_HEAD:
            if (!client->announced && !spoken(client)) {
                announce(client, method);
            }
            return after_head(client);
        case CLIENT_PHASE_BODY:
        case CLIENT_PHASE_DISCARD:
            return *size > 0 ? take_piece(client, data, size) : end_of_body(client);
        case CLIENT_PHASE_WAIT:
            return spoken(client) ? client_queue_answer(client) : suspend(client);
        case CLIENT_PHASE_ANSWERED:
            return MHD_YES;
    }
    return MHD_NO;
}
