/* The two instances of a run: mockchroma's own servers, turned by the engine. */
#ifndef WALDRILL_HARNESS_LEAP_MOCKS_H
#define WALDRILL_HARNESS_LEAP_MOCKS_H

#include "harness/engine.h"
#include "harness/leap/place.h"

struct leap_mocks;

/* With the clock on.  origin_ns: the clock at scenario time 0.  history is borrowed; effects are added to it
 * as they become known. */
int leap_mocks_new(struct leap_mocks **out, const struct engine_setup *setup, const struct leap_place *place,
                   uint64_t origin_ns, struct history *history, struct errmsg *msg);
void leap_mocks_free(struct leap_mocks *m); /* NULL allowed; tells nothing more */
bool leap_mocks_has(const struct leap_mocks *m, enum engine_target instance);
bool leap_mocks_turn(struct leap_mocks *m);               /* false = they had nothing to do */
uint64_t leap_mocks_deadline(const struct leap_mocks *m); /* of the clock; UINT64_MAX = never */
size_t leap_mocks_held(const struct leap_mocks *m);       /* requests received and not answered whole */

/* Of an instance that is there. */
int leap_mocks_fault_add(struct leap_mocks *m, enum engine_target instance, struct str json, uint64_t *id,
                         uint64_t *touches, struct errmsg *msg);
int leap_mocks_fault_remove(struct leap_mocks *m, enum engine_target instance, uint64_t id, uint64_t *hits,
                            struct errmsg *msg);
void leap_mocks_fault_clear(struct leap_mocks *m);
void leap_mocks_kill(struct leap_mocks *m, enum engine_target instance);
void leap_mocks_start(struct leap_mocks *m, enum engine_target instance, enum mock_restart what,
                      uint64_t lost_ns);
void leap_mocks_content(const struct leap_mocks *m); /* fills history->content */

#endif
