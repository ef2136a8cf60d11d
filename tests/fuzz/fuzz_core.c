/* The proxy's core between clients and instances that say anything.
 *
 * The input is a script, a command a line (its first byte):
 *
 *   C METHOD TARGET[ BODY]   a client asks           H NAME: VALUE   a header of the next request or answer
 *   A N STATUS[ BODY]        instance call N is answered, of those open
 *   B N                      its connection breaks   R N             it is refused
 *   T N                      N tenths of a second pass
 *   L N                      client N leaves         D               everything in the log is durable
 *   F                        the log fails           X               the process dies and starts on what is
 * durable M N                      an operator's command
 *
 * Whatever it says: each client is answered at most once, LSNs rise by one, what the core wrote it can read,
 * and every block comes back. */
#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include "proxy/ports/pump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CALLS = 256, CLIENTS = 64, RECORDS = 1024, HEADERS = 8, COMMANDS = 400 };

struct call {
    uint64_t id;
    bool cancelled, head_first, collect, relayed;
};

struct client {
    uint64_t id;
    struct str body;
    bool collects, ended, relays;
    uint64_t call;
};

struct record {
    uint64_t lsn;
    uint8_t type;
    struct block *meta, *body;
};

static struct {
    struct pump pump;
    struct settings settings;
    uint64_t now_ns, next_client;
    struct call calls[CALLS]; /* open ones */
    size_t call_count;
    struct client clients[CLIENTS]; /* those not over */
    size_t client_count;
    struct record records[RECORDS];
    size_t record_count, durable_count;
    uint64_t reads[RECORDS];
    size_t read_count;
    struct http_header headers[HEADERS];
    size_t header_count;
    bool failed, full, stopped;
} world;

/* ---- what the core wants ---- */

static struct client *client_of(uint64_t id)
{
    for (size_t i = 0; i < world.client_count; i++) {
        if (world.clients[i].id == id) {
            return &world.clients[i];
        }
    }
    CHECK(false); /* it speaks of a client that is over */
    return NULL;
}

static struct call *call_of(uint64_t id)
{
    for (size_t i = 0; i < world.call_count; i++) {
        if (world.calls[i].id == id) {
            return &world.calls[i];
        }
    }
    CHECK(false);
    return NULL;
}

static void want_collect(void *context, uint64_t client, uint64_t limit)
{
    (void)context;
    (void)limit;
    client_of(client)->collects = true;
}

static void want_reply(void *context, uint64_t client, int status, struct block *headers, struct block *body)
{
    (void)context;
    (void)headers;
    (void)body;
    struct client *c = client_of(client);
    CHECK(!c->ended && !c->relays);
    CHECK(status >= 100 && status <= 599);
    c->ended = true;
}

static void want_relay(void *context, uint64_t client, uint64_t call, struct block *headers)
{
    (void)context;
    (void)headers;
    struct client *c = client_of(client);
    CHECK(!c->ended && !c->relays);
    c->relays = true;
    c->call = call;
    call_of(call)->relayed = true;
}

static void want_abort(void *context, uint64_t client)
{
    (void)context;
    struct client *c = client_of(client);
    CHECK(!c->ended);
    c->ended = true;
}

static void want_call(void *context, const struct upstream_request *request)
{
    (void)context;
    world.full = world.full || world.call_count == CALLS;
    if (!world.full) {
        world.calls[world.call_count++] =
            (struct call){ .id = request->call, .head_first = request->head_first };
    }
}

static void want_call_collect(void *context, uint64_t call, uint64_t limit)
{
    (void)context;
    (void)limit;
    call_of(call)->collect = true;
}

static void want_cancel(void *context, uint64_t call)
{
    (void)context;
    call_of(call)->cancelled = true;
}

static void want_append(void *context, uint64_t lsn, uint8_t type, struct block *meta, struct block *body,
                        bool sync)
{
    (void)context;
    (void)sync;
    CHECK(world.record_count == 0 || lsn == world.records[world.record_count - 1].lsn + 1);
    world.full = world.full || world.record_count + 1 == RECORDS;
    world.records[world.record_count++] =
        (struct record){ .lsn = lsn, .type = type, .meta = block_ref(meta), .body = block_ref(body) };
}

static void want_read(void *context, uint64_t lsn)
{
    (void)context;
    world.full = world.full || world.read_count + 1 == RECORDS;
    world.reads[world.read_count++] = lsn;
}

static void want_trim(void *context, uint64_t lsn)
{
    (void)context;
    (void)lsn; /* a log keeps whole segments, so a restart may find more */
}

static void want_line(void *context, enum log_level level, struct block *text)
{
    (void)context;
    (void)level;
    (void)text;
}

static void want_reload(void *context, uint64_t ticket)
{
    (void)context;
    (void)ticket;
}

static void want_stop(void *context)
{
    (void)context;
    world.stopped = true;
}

/* ---- what happens ---- */

static void tell(struct core_event *event)
{
    if (!world.full) {
        event->now_ns = world.now_ns;
        event->wall_ms = INT64_C(1767225600000) + (int64_t)(world.now_ns / NS_PER_MS);
        pump_event(&world.pump, event);
    }
}

static void end_call(size_t at, enum call_outcome outcome, int status, struct str text)
{
    struct call call = world.calls[at];
    struct http_head head = { .status = status,
                              .headers = world.headers,
                              .header_count = world.header_count,
                              .content_length = (int64_t)text.size };
    if (outcome == CALL_ANSWERED && call.head_first) {
        struct core_event event = { .kind = CORE_EV_CALL_HEAD };
        event.u.call_head.call = call.id;
        event.u.call_head.head = &head;
        tell(&event);
        call = *call_of(call.id);
        outcome = call.cancelled ? CALL_CANCELLED : outcome;
    }
    for (size_t i = 0; i < world.call_count; i++) { /* it may stand elsewhere now */
        if (world.calls[i].id == call.id) {
            world.calls[i] = world.calls[--world.call_count];
        }
    }
    bool collected = outcome == CALL_ANSWERED && !call.relayed && text.size > 0;
    struct block *body = collected ? block_copy(text.data, text.size) : NULL;
    struct core_event event = { .kind = CORE_EV_CALL_END };
    event.u.call_end.call = call.id;
    event.u.call_end.outcome = outcome;
    event.u.call_end.bytes_left = outcome != CALL_REFUSED;
    event.u.call_end.head = outcome == CALL_ANSWERED && !call.head_first ? &head : NULL;
    event.u.call_end.body = body;
    event.u.call_end.detail = "";
    tell(&event);
    block_unref(body);
    for (size_t i = 0; i < world.client_count; i++) {
        struct client *c = &world.clients[i];
        c->ended = c->ended || (c->relays && c->call == call.id && outcome == CALL_ANSWERED);
    }
}

static void client_over(size_t at, bool delivered)
{
    uint64_t id = world.clients[at].id;
    world.clients[at] = world.clients[--world.client_count];
    struct core_event event = { .kind = CORE_EV_CLIENT_DONE };
    event.u.client_done.client = id;
    event.u.client_done.delivered = delivered;
    tell(&event);
}

static void give_body(struct client *c)
{
    struct block *body = c->body.size == 0 ? NULL : block_copy(c->body.data, c->body.size);
    struct core_event event = { .kind = CORE_EV_CLIENT_BODY };
    c->collects = false;
    event.u.client_body.client = c->id;
    event.u.client_body.body = body;
    tell(&event);
    block_unref(body);
}

static void read_back(uint64_t lsn)
{
    struct core_event event = { .kind = CORE_EV_LOG_READ };
    event.u.log_read.lsn = lsn;
    event.u.log_read.failed = true;
    event.u.log_read.detail = "not there";
    for (size_t i = 0; i < world.durable_count; i++) {
        if (world.records[i].lsn == lsn) {
            event.u.log_read.failed = false;
            event.u.log_read.type = world.records[i].type;
            event.u.log_read.meta = world.records[i].meta;
            event.u.log_read.body = world.records[i].body;
        }
    }
    tell(&event);
}

/* True when something was owed. */
static bool settle_one(void)
{
    for (size_t i = 0; i < world.call_count; i++) {
        if (world.calls[i].cancelled) {
            end_call(i, CALL_CANCELLED, 0, STR(""));
            return true;
        }
    }
    for (size_t i = 0; i < world.client_count; i++) {
        if (world.clients[i].ended) {
            client_over(i, true);
            return true;
        }
        if (world.clients[i].collects) {
            give_body(&world.clients[i]);
            return true;
        }
    }
    if (world.read_count > 0) {
        read_back(world.reads[--world.read_count]);
        return true;
    }
    return false;
}

static void durable(void)
{
    if (world.record_count > world.durable_count && !world.failed) {
        world.durable_count = world.record_count;
        struct core_event event = { .kind = CORE_EV_LOG_DURABLE };
        event.u.log_durable.lsn = world.records[world.record_count - 1].lsn;
        event.u.log_durable.log_bytes = 1000;
        tell(&event);
    }
}

/* ---- a life ---- */

static void start(void)
{
    static const struct ports ports = {
        .client = { NULL, want_collect, want_reply, want_relay, want_abort },
        .upstream = { NULL, want_call, want_call_collect, want_cancel },
        .log = { NULL, want_append, want_read, want_trim },
        .process = { .line = want_line, .reload = want_reload, .stopped = want_stop },
    };
    world.pump = (struct pump){ .core = core_new(&world.settings, 1), .ports = ports, .room = 1 };
    size_t count = world.durable_count;
    for (size_t i = 0; i < count; i++) {
        struct core_event event = { .kind = CORE_EV_RECORD };
        event.u.record.lsn = world.records[i].lsn;
        event.u.record.type = world.records[i].type;
        event.u.record.meta = block_str(world.records[i].meta);
        event.u.record.body = block_str(world.records[i].body);
        event.u.record.first = i == 0;
        tell(&event);
    }
    struct core_event event = { .kind = CORE_EV_START };
    tell(&event);
}

static void drop_records(size_t from)
{
    for (size_t i = from; i < world.record_count; i++) {
        block_unref(world.records[i].meta);
        block_unref(world.records[i].body);
    }
    world.record_count = from;
}

static void die(void)
{
    core_free(world.pump.core);
    world.call_count = world.client_count = world.read_count = 0;
    world.failed = world.stopped = false;
}

/* ---- the script ---- */

static struct http_head request_head(struct str line, struct str *body)
{
    struct str method = str_cut(line, ' ', &line);
    struct str target = str_cut(line, ' ', body);
    return (struct http_head){ .method = method,
                               .target = target,
                               .headers = world.headers,
                               .header_count = world.header_count,
                               .content_length = (int64_t)body->size };
}

static void ask(struct str line)
{
    struct str body;
    struct http_head head = request_head(line, &body);
    if (world.client_count == CLIENTS || head.method.size == 0 || head.target.size == 0 ||
        head.target.data[0] != '/') {
        return; /* libmicrohttpd has refused that */
    }
    struct core_event event = { .kind = CORE_EV_CLIENT_HEAD };
    world.clients[world.client_count++] = (struct client){ .id = ++world.next_client, .body = body };
    event.u.client_head.client = world.next_client;
    event.u.client_head.head = &head;
    event.u.client_head.loopback = true;
    tell(&event);
}

static void header(struct str line)
{
    struct str value;
    struct str name = str_cut(line, ':', &value);
    if (world.header_count < HEADERS && http_is_token(name)) {
        world.headers[world.header_count++] = (struct http_header){ name, str_trim(value) };
    }
}

static uint64_t number(struct str *line)
{
    uint64_t n = 0;
    (void)units_parse_u64(str_cut(*line, ' ', line), &n, NULL);
    return n;
}

static void answer(char what, struct str line)
{
    size_t at = world.call_count == 0 ? 0 : (size_t)(number(&line) % world.call_count);
    if (world.call_count == 0) {
        return;
    }
    if (what == 'A') {
        int status = 100 + (int)(number(&line) % 500);
        end_call(at, CALL_ANSWERED, status < 200 ? status + 100 : status, line);
    } else {
        end_call(at, what == 'B' ? CALL_BROKEN : CALL_REFUSED, 0, STR(""));
    }
}

static void order(struct str line)
{
    struct core_event event = { .kind = CORE_EV_COMMAND };
    event.u.command.command = (enum core_command)(number(&line) % CORE_COMMAND_RELOAD);
    event.u.command.level = LOG_INFO;
    event.u.command.ticket = 1;
    event.u.command.lsn = number(&line);
    event.u.command.body = block_copy(line.data, line.size);
    tell(&event);
    block_unref(event.u.command.body);
}

static void pass(struct str line)
{
    uint64_t until = world.now_ns + number(&line) % 36000 * 100 * NS_PER_MS;
    for (unsigned turns = 0; turns < 200 && core_deadline(world.pump.core) <= until && !world.full; turns++) {
        uint64_t at = core_deadline(world.pump.core);
        world.now_ns = at > world.now_ns ? at : world.now_ns;
        struct core_event event = { .kind = CORE_EV_TICK };
        tell(&event);
        while (!world.full && settle_one()) {
        }
    }
    world.now_ns = until;
    struct core_event event = { .kind = CORE_EV_TICK };
    tell(&event);
}

static void play(struct str line)
{
    char what = line.size == 0 ? '\0' : line.data[0];
    struct str rest = line.size < 2 ? STR("") : str_make(line.data + 2, line.size - 2);
    struct core_event event = { .kind = CORE_EV_LOG_FAILED };
    event.u.log_failed.detail = "No space left on device";
    switch (what) {
        case 'C':
            ask(rest);
            break;
        case 'H':
            header(rest);
            return; /* it stays for the next command */
        case 'A':
        case 'B':
        case 'R':
            answer(what, rest);
            break;
        case 'T':
            pass(rest);
            break;
        case 'L':
            if (world.client_count > 0) {
                client_over((size_t)(number(&rest) % world.client_count), false);
            }
            break;
        case 'D':
            durable();
            break;
        case 'F':
            if (!world.failed) {
                world.failed = true;
                tell(&event);
            }
            break;
        case 'M':
            order(rest);
            break;
        case 'X':
            die();
            drop_records(world.durable_count);
            start();
            break;
        default:
            return;
    }
    world.header_count = 0;
}

static void init(void)
{
    struct settings_draft draft;
    settings_draft_init(&draft);
    CHECK(settings_set(&draft, STR("PRIMARY_URL"), STR("http://127.0.0.1:1"), SETTINGS_ENV, NULL) == 0);
    CHECK(settings_set(&draft, STR("REPLICA_URL"), STR("http://127.0.0.1:2"), SETTINGS_ENV, NULL) == 0);
    CHECK(settings_set(&draft, STR("LOG_LEVEL"), STR("debug"), SETTINGS_ENV, NULL) == 0);
    CHECK(settings_finish(&draft, NULL) == 0);
    memset(&world, 0, sizeof(world));
    world.settings = draft.values;
    world.settings.wal_segment_bytes = 4000; /* checkpoints come often */
    world.now_ns = NS_PER_S;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = str_make((const char *)data, size);
    init();
    size_t live = block_bytes_live();
    start();
    for (unsigned n = 0; n < COMMANDS && rest.size > 0 && !world.full && !world.stopped; n++) {
        play(str_cut(rest, '\n', &rest));
        while (!world.full && settle_one()) {
        }
    }
    die();
    drop_records(0);
    CHECK(block_bytes_live() == live);
    return 0;
}
