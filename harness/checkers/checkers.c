/* The table of oracles, in the order of enum scenario_invariant, and what they share. */
#include "harness/checkers/checkers.h"

#include "base/memory.h"
#include "harness/checkers/evidence.h"
#include "harness/checkers/fates.h"
#include "harness/checkers/oracles.h"

struct prepared {
    struct evidence evidence; /* first, so that its address is ours */
    struct fates fates;
};

void checkers_prepare(struct checker_input *input)
{
    struct prepared *p = mem_alloc(sizeof(*p));
    evidence_init(&p->evidence, input);
    fates_init(&p->fates, &p->evidence, input);
    input->evidence = &p->evidence;
    input->fates = &p->fates;
}

void checkers_release(struct checker_input *input)
{
    union {
        const struct evidence *shown;
        struct prepared *own;
    } p = { .shown = input->evidence };
    input->evidence = NULL;
    input->fates = NULL;
    fates_deinit(&p.own->fates);
    evidence_deinit(&p.own->evidence);
    mem_free(p.own);
}

const struct checker checker_table[] = {
    { "conservation",
      "every acknowledged write is applied, pending or dead-lettered, and at the end nothing is pending",
      oracle_conservation },
    { "no_lost_ack", "nothing acknowledged is lost", oracle_no_lost_ack },
    { "no_double_effect", "no write takes effect again after a younger one", oracle_no_double_effect },
    { "order_per_lane", "writes keep the order in which their clients knew them", oracle_order_per_lane },
    { "converge", "both instances hold the same content at the end", oracle_converge },
    { "read_your_writes", "a read soon after a write shows it", oracle_read_your_writes },
    { "status_truthful", "/status says what is so", oracle_status_truthful },
    { "refused_not_applied", "what was refused was not done", oracle_refused_not_applied },
    { "not_denied", "a collection that is there is not denied", oracle_not_denied },
    { "bounded_recovery", "once everything is healed, everything gets where it belongs in bounded time",
      oracle_bounded_recovery },
    { "bounded_memory", "what waits stays within the bounds that were set", oracle_bounded_memory },
};
const size_t checker_table_size = sizeof(checker_table) / sizeof(checker_table[0]);
