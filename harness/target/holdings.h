/* What the instances of a target hold: a digest for each collection that is not a rehearsal's, and the list
 * of those that are. */
#ifndef WALDRILL_HARNESS_TARGET_HOLDINGS_H
#define WALDRILL_HARNESS_TARGET_HOLDINGS_H

#include "base/digest.h"
#include "harness/target/file.h"

#define HOLDING_KEY                                                                         \
    "waldrill_run" /* in the metadata of a rehearsal's collections; its value names the run \
                    */
#define HOLDING_NAME_MAX 600

struct holding {
    char *name; /* "tenant/database/collection" */
    uint64_t records;
    char digest[DIGEST_TEXT_SIZE + 1]; /* of all records, whatever their order, and of what describes it */
};
struct holdings {
    struct holding *list; /* sorted by name */
    size_t count;
    uint64_t records;
};

/* Reads all collections of an instance that do not carry the mark.  out is empty before. */
int holdings_read(const struct target_file *file, enum engine_target instance, struct holdings *out,
                  struct errmsg *msg);
void holdings_free(struct holdings *h);
/* What differs, as one line ("staging/main/docs has 11 records, had 10; ..."); false = nothing does. */
bool holdings_differ(const struct holdings *before, const struct holdings *after, char *out, size_t size);

/* Names of collections in the default database that begin with mark and carry HOLDING_KEY in their metadata.
 * unmarked: how many begin with it and do not.  names: freed with holdings_names_free. */
int holdings_marked(const struct target_file *file, enum engine_target place, const char *mark, char ***names,
                    size_t *count, size_t *unmarked, struct errmsg *msg);
void holdings_names_free(char **names, size_t count);

#endif
