/* Reads: which instance may answer (rule 1), fail-over, and what is translated on the way back. */
#ifndef WALDRILL_PROXY_CORE_READS_H
#define WALDRILL_PROXY_CORE_READS_H

#include "proxy/core/state.h"

void read_route(struct core *core, struct client *client);
/* To the primary alone, never queued (rule 24); and what Chroma is sure to refuse. */
void read_pass(struct core *core, struct client *client);
void read_head(struct core *core, struct call *call, const struct http_head *head);
void read_end(struct core *core, struct call *call, const struct core_event *event);
void read_out_of_time(struct core *core, struct client *client);
void read_forget(struct core *core, struct client *client); /* the client is going away */
/* Reads that waited look again: of that lane's records; NULL = those by name and of places. */
void reads_unpark(struct core *core, struct lane *lane);
void reads_unpark_all(struct core *core);

#endif
