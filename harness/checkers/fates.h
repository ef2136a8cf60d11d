/* What became of each acknowledged write on an instance, told apart so that losing is only what nobody
 * asked for: a record whose collection was deleted later is not lost. */
#ifndef WALDRILL_HARNESS_CHECKERS_FATES_H
#define WALDRILL_HARNESS_CHECKERS_FATES_H

#include "harness/checkers/evidence.h"

enum fate {
    FATE_APPLIED,
    FATE_SUPERSEDED, /* something not older made it invisible: a deletion of its collection, a reset, or
                        a younger write of the record on an instance that was refilled */
    FATE_NEVER,      /* no trace of it */
    FATE_REFUSED,    /* the instance refused it */
    FATE_MISPLACED,  /* applied to another collection or record */
    FATE_FORGOTTEN,  /* taken away by a restart and never applied again */
    FATE_WIPED,      /* taken away by an older deletion of its collection that was carried out again */
    FATE_COUNT
};

struct fates {
    uint8_t *of[INSTANCE_COUNT];            /* enum fate by operation; meaningful for acknowledged writes */
    uint64_t missing[INSTANCE_COUNT];       /* acknowledged writes with a fate from FATE_NEVER on */
    uint32_t first_missing[INSTANCE_COUNT]; /* the one acknowledged first; HISTORY_NONE */
    uint64_t acknowledged;
    bool borrowed; /* what it points to belongs to the input's fates */
};

/* What checkers_prepare has made ready is borrowed, else made. */
void fates_init(struct fates *f, const struct evidence *e, const struct checker_input *input);
void fates_deinit(struct fates *f);

#endif
