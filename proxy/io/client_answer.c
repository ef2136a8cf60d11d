/* The answer's side of a client: a whole reply, or the bytes of an instance's answer as they come.
 *
 * A cut must never look like the end of an answer: libmicrohttpd's own way to end with an error closes the
 * socket, which a client of a close-delimited answer takes for the end.  So the connection is reset first. */
#include "proxy/io/client.h"

#include "base/memory.h"
#include <sys/socket.h>

#define RELAY_BLOCK_BYTES 32768

/* Lines "Name: value\r\n" into a response; what libmicrohttpd writes itself is left out. */
static bool add_headers(struct MHD_Response *response, const struct http_header *headers, size_t count)
{
    struct buf text;
    bool ok = true;
    buf_init(&text, 65536);
    for (size_t i = 0; i < count && ok; i++) {
        if (http_header_is_hop_by_hop(headers[i].name) ||
            str_equal_nocase(headers[i].name, STR("content-length"))) {
            continue;
        }
        buf_clear(&text);
        buf_append_str(&text, headers[i].name);
        buf_append_char(&text, '\0');
        size_t value = text.size;
        buf_append_str(&text, headers[i].value);
        buf_append_char(&text, '\0');
        ok = !text.failed;
        if (ok) {
            /* A value it refuses (a tab, nothing at all) is left out; the answer stands without it. */
            (void)MHD_add_response_header(response, text.data, text.data + value);
        }
    }
    buf_deinit(&text);
    return ok;
}

static bool add_lines(struct MHD_Response *response, struct block *lines)
{
    struct http_header headers[CLIENT_HEADERS_MAX];
    size_t count = http_headers_parse(block_str(lines), headers, CLIENT_HEADERS_MAX);
    return add_headers(response, headers, count);
}

static void release_body(void *context)
{
    block_unref(context);
}

static void give_up(struct client *client)
{
    client->cut = true;
    if (client->response != NULL) {
        MHD_destroy_response(client->response);
        client->response = NULL;
    }
}

void client_build_reply(struct client *client, int status, struct block *headers, struct block *body)
{
    static char empty[1];
    client->status = status;
    client->response = body == NULL ? MHD_create_response_from_buffer(0, empty, MHD_RESPMEM_PERSISTENT)
                                    : MHD_create_response_from_buffer_with_free_callback_cls(
                                          body->size, body->data, release_body, body);
    if (client->response == NULL) {
        give_up(client);
        return;
    }
    (void)block_ref(body);
    if (!add_lines(client->response, headers)) {
        give_up(client);
    }
}

static ssize_t read_relay(void *context, uint64_t position, char *out, size_t room)
{
    struct client *client = context;
    (void)position;
    if (client->cut || (client->relay->ended && client->relay->broken && relay_held(client->relay) == 0)) {
        client->cut = true;
        client_reset_connection(client);
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    size_t n = relay_read(client->relay, out, room);
    if (n > 0) {
        return (ssize_t)n;
    }
    if (client->relay->ended) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    client->suspended = true;
    MHD_suspend_connection(client->connection);
    return 0;
}

void client_build_relay(struct client *client, const struct http_head *head, struct relay *relay,
                        struct block *headers)
{
    uint64_t size = head->content_length < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)head->content_length;
    client->status = head->status;
    client->relay = relay;
    relay->reader = client;
    relay->wake_reader = client_wake;
    client->response = MHD_create_response_from_callback(size, RELAY_BLOCK_BYTES, read_relay, client, NULL);
    if (client->response == NULL || !add_headers(client->response, head->headers, head->header_count) ||
        !add_lines(client->response, headers)) {
        give_up(client);
    }
}

enum MHD_Result client_queue_answer(struct client *client)
{
    client->phase = CLIENT_PHASE_ANSWERED;
    if (client->cut) {
        client_reset_connection(client);
        return MHD_NO;
    }
    enum MHD_Result rc = MHD_queue_response(client->connection, (unsigned)client->status, client->response);
    MHD_destroy_response(client->response); /* our reference; the connection holds its own */
    client->response = NULL;
    return rc;
}

/* Dissolving the association of a TCP socket sends a reset at once and throws away what was queued. */
void client_reset_connection(struct client *client)
{
    const union MHD_ConnectionInfo *info =
        client->connection == NULL
            ? NULL
            : MHD_get_connection_info(client->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info != NULL) {
        struct sockaddr none = { .sa_family = AF_UNSPEC };
        (void)connect(info->connect_fd, &none, sizeof(none));
    }
}

void client_drop(struct client *client)
{
    if (client->response != NULL) {
        MHD_destroy_response(client->response);
    }
    if (client->relay != NULL) {
        relay_leave(client->relay);
        relay_unref(client->relay);
    }
    block_unref(client->body);
    buf_deinit(&client->gathered);
    mem_free(client->target);
    mem_free(client);
}
