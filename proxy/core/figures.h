/* The figures that /status, /metrics and /alerts have in common: computed once, at one place, so that no two
 * of them ever disagree about the same instant. Nothing here changes the core. */
#ifndef WALDRILL_PROXY_CORE_FIGURES_H
#define WALDRILL_PROXY_CORE_FIGURES_H

#include "proxy/core/state.h"

struct figures {
    uint64_t pending;           /* acknowledged writes that the primary does not have */
    const struct entry *oldest; /* of these, borrowed; NULL = none */
    double oldest_s;            /* its age; -1 = none */
    uint64_t failed; /* as pending ones count against the primary; dead letters wherever they are */
    uint64_t dead;
    bool replaying;
    bool replay_stuck;     /* replaying, without progress for longer than CHECK_INTERVAL */
    double progress_age_s; /* since the primary last got a pending write; 0 = none is pending */
    bool memory_warning;
    unsigned healthy; /* instances */
};

void figures_take(const struct core *core, struct figures *out);

#endif
