/* Marks: how the proxy knows an instance again (rule 5).
 *
 * Each instance carries a collection "mark" in the tenant and database "walproxy", whose metadata holds the
 * id of this log and an LSN: everything accepted up to there had been carried out when it was written.  It
 * is rewritten every ten seconds when there is something newer to say, and read at every return:
 *
 *   the same or newer   what came after it may be lost all the same: verify that
 *   older               the instance was restored from a backup: what came after it is lost
 *   missing             the instance is empty, or new: everything has to be copied there
 *   of another log      refuse, unless ADOPT is set
 *
 * Nothing is written to an instance between its return and the reading of its mark.  The log keeps what
 * stands behind the oldest mark, so that a restarted proxy knows what to verify. */
#ifndef WALDRILL_PROXY_CORE_MARK_H
#define WALDRILL_PROXY_CORE_MARK_H

#include "proxy/core/records.h"
#include "proxy/core/state.h"

#define MARK_TENANT "walproxy"

void mark_init(struct core *core);
/* The log has been read: gives it an id when it has none yet. */
void mark_start(struct core *core);
/* The log tells of a mark that was written, of a doubt that came after it. */
void mark_recover_seen(struct core *core, unsigned instance);
void mark_recover_doubt(struct core *core, const struct record_doubt *record);
/* It refused a connection: whatever answers next has begun anew. */
void mark_refused(struct core *core, unsigned instance);
/* Contact was lost: the mark must be read again. */
void mark_forget(struct core *core, unsigned instance);
/* Reads it; ends in health_marked or health_mark_failed. */
void mark_check(struct core *core, unsigned instance);
void mark_durable(struct core *core); /* more of the log is on disk */
void mark_timer(struct core *core, unsigned instance);
void mark_end(struct core *core, struct call *call, const struct core_event *event);
/* Found in the log. */
void mark_recover(struct core *core, const struct record_mark *record);
/* Records from lsn on are needed; perhaps older ones too, to know what stands behind the marks.  The first
 * that is needed; a mark that could be newer is rewritten at once. */
uint64_t mark_pins(struct core *core, uint64_t lsn);
/* Is this the tenant that clients must not see?  Percent-encoded as sent. */
bool mark_hides(struct str tenant);

#endif
