/* All files of a debrief, composed in memory and put into the folder together. */
#include "reports/debrief.h"

#include "reports/folder.h"

#define DEBRIEF_BYTES_MAX ((size_t)256 << 20)

const char *debrief_verdict(const struct drill *d)
{
    if (d->ended != NULL) {
        return "ended early";
    }
    return d->score.missed + d->score.wrong > 0 ? "not by the runbook"
           : d->score.late > 0                  ? "by the runbook, late"
                                                : "by the runbook";
}

int debrief_write(const char *directory, const struct results *results, const struct drill *drill,
                  struct errmsg *msg)
{
    enum { JSON, MARKDOWN, HTML, FILES };
    static const char *const names[FILES] = { "drill.json", "debrief.md", "debrief.html" };
    struct buf texts[FILES];
    struct folder_file files[FILES];
    int rv = folder_make(directory, msg);
    if (rv != 0) {
        return rv;
    }
    for (size_t i = 0; i < FILES; i++) {
        buf_init(&texts[i], DEBRIEF_BYTES_MAX);
    }
    debrief_json(&texts[JSON], results, drill);
    debrief_markdown(&texts[MARKDOWN], results, drill);
    debrief_html(&texts[HTML], results, drill);
    for (size_t i = 0; i < FILES; i++) {
        files[i] = (struct folder_file){ names[i], buf_str(&texts[i]) };
        if (texts[i].failed) {
            rv = error_set(msg, ERR_LIMIT, "%s would be larger than %zu MiB", names[i], texts[i].limit >> 20);
        }
    }
    rv = rv != 0 ? rv : folder_write(directory, files, FILES, msg);
    for (size_t i = 0; i < FILES; i++) {
        buf_deinit(&texts[i]);
    }
    return rv;
}
