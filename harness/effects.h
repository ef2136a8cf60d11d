/* From a mock's journal to the history: which of the harness's writes an entry carries out.  One place
 * for all engines, so that the oracles judge the same facts on each. */
#ifndef WALDRILL_HARNESS_EFFECTS_H
#define WALDRILL_HARNESS_EFFECTS_H

#include "harness/history.h"
#include "mockchroma/core/mock.h"

/* Adds one effect per record that the entry's write touched (one per request id for collection writes and
 * for refused ones); nothing for reads and for what was not carried out.  shift_ns is added to the entry's
 * times and makes them scenario time. */
void effects_note(struct history *history, uint32_t instance, uint64_t incarnation, int64_t shift_ns,
                  const struct mock_journal_entry *entry);
/* 17 of "doc-000017"; HISTORY_NONE = no record of ours. */
uint32_t effects_record(struct str id);
/* Is it the request id of a balancer's own copies? */
bool effects_is_copy(struct str request_id);
/* 17 of "wd-17"; 0 = not a tag of ours. */
uint64_t effects_tag(struct str request_id);

/* For a balancer that does not pass request ids on: writes without a mark of their own (of collections, and
 * deletions) are noted without a tag from now on (history->guesses) ... */
void effects_guess_untagged(struct history *history);
/* ... and at the end each is taken for the oldest operation of its kind, collection and record that had been
 * sent by then and has no effect on that instance yet. */
void effects_guess(struct history *history);

#endif
