/* Known-bad cores, for testing the oracles: present only in builds with WALDRILL_MUTANTS, never in a
 * release.  Each breaks one promise on purpose; MUTANT(core, X) is constant false elsewhere. */
#ifndef WALDRILL_PROXY_CORE_MUTANTS_H
#define WALDRILL_PROXY_CORE_MUTANTS_H

#define MUTANT_TABLE(X)                                                                                  \
    X(MUTANT_DROP_QUEUE, "drop_queue", "no_lost_ack", "forgets the queue when the primary is back")      \
    X(MUTANT_OVERTAKE, "overtake", "order_per_lane", "sends new writes before older ones of their lane") \
    X(MUTANT_NO_FENCE, "no_fence", "no_double_effect",                                                   \
      "moves on after an ambiguous write without its fence")                                             \
    X(MUTANT_ACK_BEFORE_DURABLE, "ack_before_durable", "no_lost_ack", "answers before the log is on disk")

enum mutant {
    MUTANT_NONE,
#define X(id, name, promise, meaning) id,
    MUTANT_TABLE(X)
#undef X
};

#ifdef WALDRILL_MUTANTS
#define MUTANT(core, which) ((core)->mutant == (which))
#else
#define MUTANT(core, which) false
#endif

#endif
