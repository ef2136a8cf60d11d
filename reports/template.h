/* The frame of a page: a file with marks, {{name}}, that are filled in.  What all pages share (uPlot, the
 * style, the charts) is embedded by the build and known by its name; the rest is the caller's.
 *
 *   {{uplot_style}} {{page_style}} {{uplot_script}} {{page_charts}} {{page_lanes}} {{page_dom}}
 * {{page_timeline}}
 */
#ifndef WALDRILL_REPORTS_TEMPLATE_H
#define WALDRILL_REPORTS_TEMPLATE_H

#include "base/buf.h"
#include "base/str.h"

struct template_mark {
    const char *name;
    struct str text; /* as it is to stand there: already escaped */
};

/* Templates are ours: a mark that is not closed or not known is a programming error. */
void template_fill(struct buf *out, struct str template, const struct template_mark *marks, size_t count);

/* One of the shared parts, for a page that is served and takes them one by one. */
struct str template_part(const char *name);

#endif
