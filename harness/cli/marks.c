/* When things happen, as far as the file alone tells. */
#include "harness/cli/cli.h"

int64_t cli_phase_at(const struct scenario *s, uint32_t phase, bool end, bool *latest)
{
    uint64_t at = 0;
    size_t stop = end ? (size_t)phase + 1 : phase;
    for (size_t i = 0; i < stop; i++) {
        at += s->phases[i].until != NULL ? s->phases[i].max_ns : s->phases[i].for_ns;
        *latest = *latest || s->phases[i].until != NULL;
    }
    return (int64_t)at;
}

int64_t cli_mark_at(const struct scenario *s, const struct mark *mark, bool *latest)
{
    *latest = false;
    return (mark->phase == UINT32_MAX ? 0 : cli_phase_at(s, mark->phase, mark->end, latest)) +
           mark->offset_ns;
}
