#include "proxy/ports/pump.h"

#include "base/check.h"

#define PUMP_ROOM 64

static void of_process(const struct process_port *port, const struct core_action *a)
{
    switch ((int)a->kind) { /* the others are not the process's */
        case CORE_ACT_LINE:
            port->line(port->context, a->u.line.level, a->u.line.text);
            break;
        case CORE_ACT_AUDIT:
            if (port->audit != NULL) {
                port->audit(port->context, a->u.line.text);
            }
            break;
        case CORE_ACT_LEVEL:
            if (port->level != NULL) {
                port->level(port->context, a->u.level.level);
            }
            break;
        case CORE_ACT_RELOAD:
            port->reload(port->context, a->u.reload.ticket);
            break;
        case CORE_ACT_COMMAND_DONE:
            if (port->answered != NULL) {
                port->answered(port->context, a->u.command_done.ticket, a->u.command_done.status,
                               a->u.command_done.body);
            }
            break;
        case CORE_ACT_STOPPED:
            port->stopped(port->context);
            break;
        default:
            break;
    }
}

static void carry_out(const struct ports *ports, const struct core_action *a)
{
    switch (a->kind) {
        case CORE_ACT_COLLECT:
            ports->client.collect(ports->client.context, a->u.collect.client, a->u.collect.limit);
            break;
        case CORE_ACT_REPLY:
            ports->client.reply(ports->client.context, a->u.reply.client, a->u.reply.status,
                                a->u.reply.headers, a->u.reply.body);
            break;
        case CORE_ACT_RELAY:
            ports->client.relay(ports->client.context, a->u.relay.client, a->u.relay.call,
                                a->u.relay.headers);
            break;
        case CORE_ACT_ABORT:
            ports->client.abort(ports->client.context, a->u.abort.client);
            break;
        case CORE_ACT_CALL: {
            struct upstream_request request = {
                .call = a->u.call.call,
                .instance = a->u.call.instance,
                .request = a->u.call.request,
                .body = a->u.call.body,
                .head_first = a->u.call.head_first,
                .fresh = a->u.call.fresh,
                .answer_limit = a->u.call.answer_limit,
            };
            ports->upstream.call(ports->upstream.context, &request);
            break;
        }
        case CORE_ACT_CALL_COLLECT:
            ports->upstream.collect(ports->upstream.context, a->u.call_collect.call, a->u.call_collect.limit);
            break;
        case CORE_ACT_CANCEL:
            ports->upstream.cancel(ports->upstream.context, a->u.cancel.call);
            break;
        case CORE_ACT_APPEND:
            ports->log.append(ports->log.context, a->u.append.lsn, a->u.append.type, a->u.append.meta,
                              a->u.append.body, a->u.append.sync);
            break;
        case CORE_ACT_READ:
            ports->log.read(ports->log.context, a->u.read.lsn);
            break;
        case CORE_ACT_TRIM:
            ports->log.trim(ports->log.context, a->u.trim.lsn);
            break;
        case CORE_ACT_LINE:
        case CORE_ACT_AUDIT:
        case CORE_ACT_LEVEL:
        case CORE_ACT_RELOAD:
        case CORE_ACT_COMMAND_DONE:
        case CORE_ACT_STOPPED:
            of_process(&ports->process, a);
            break;
    }
}

void pump_event(struct pump *pump, const struct core_event *event)
{
    struct core_action actions[PUMP_ROOM];
    size_t room = pump->room == 0 || pump->room > PUMP_ROOM ? PUMP_ROOM : pump->room;
    struct core_event next = *event;
    bool more = true;
    while (more) {
        size_t count = core_step(pump->core, &next, actions, room, &more);
        for (size_t i = 0; i < count; i++) {
            carry_out(&pump->ports, &actions[i]);
            core_action_release(&actions[i]);
        }
        next.kind = CORE_EV_TICK;
    }
}
