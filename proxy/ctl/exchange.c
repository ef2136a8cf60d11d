#include "proxy/ctl/exchange.h"

#include "base/http_head.h"
#include "proxy/ctl/ctl.h"
#include "proxy/ctl/show.h"
#include "proxy/ctl/table.h"
#include <stdio.h>

#define TEXT_MAX ((size_t)64 << 20)

static void tell_refusal(const struct session *s, const struct reply *reply)
{
    struct buf b;
    const char *message = show_text(reply->json, "message");
    buf_init(&b, TEXT_MAX);
    table_say(&b, false, TONE_PLAIN, message == NULL ? "refused" : message);
    (void)fprintf(stderr, "walproxy ctl: %s (%ld)\n", buf_text(&b), reply->status);
    if (reply->status == 401) {
        (void)fprintf(stderr, s->options->token[0] == '\0'
                                  ? "  it wants a token: --token @FILE, or ADMIN_TOKEN in the environment\n"
                                  : "  the token that was given is not its ADMIN_TOKEN\n");
    }
    buf_deinit(&b);
}

int exchange(struct session *s, const char *method, const char *target, struct str body, struct reply *reply)
{
    struct errmsg msg = { "" };
    if (asking_do(s->asking, method, target, body, reply, &msg) != 0) {
        (void)fprintf(stderr, "walproxy ctl: %s\n", msg.text);
        reply_release(reply);
        return CTL_UNREACHABLE;
    }
    if (reply->status < 200 || reply->status > 299) {
        if (s->options->json) {
            exchange_json(reply);
        }
        tell_refusal(s, reply);
        reply_release(reply);
        return CTL_REFUSED;
    }
    return CTL_DONE;
}

struct str exchange_path(struct buf *out, const char *before, const char *typed, const char *after)
{
    buf_append_text(out, before);
    http_percent_encode(out, str_of(typed));
    buf_append_text(out, after);
    return buf_str(out);
}

void exchange_page(struct buf *out, const struct options *o)
{
    char separator = '?';
    if (o->from > 0) {
        buf_printf(out, "%cfrom=%llu", separator, (unsigned long long)o->from);
        separator = '&';
    }
    if (o->limit > 0) {
        buf_printf(out, "%climit=%llu", separator, (unsigned long long)o->limit);
    }
}

void exchange_json(const struct reply *reply)
{
    (void)fwrite(reply->body.data, 1, reply->body.size, stdout);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
}

void exchange_print(struct buf *out)
{
    (void)fwrite(out->data, 1, out->size, stdout);
    (void)fflush(stdout);
}

void exchange_show(const struct session *s, const struct reply *reply, show_cb *show)
{
    struct buf out;
    if (s->options->json) {
        exchange_json(reply);
        return;
    }
    buf_init(&out, TEXT_MAX);
    show(&out, s->colour, reply->json);
    exchange_print(&out);
    buf_deinit(&out);
}
