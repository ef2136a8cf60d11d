/* The pages that a gallery links to, inside it: one file that can be sent to somebody.
 *
 * Each is a JSON string in a script element of its own, named by its link; page/whole.js shows it in a frame
 * when the link is followed.  A page that cannot be read stays a link. */
#ifndef WALDRILL_REPORTS_WHOLE_H
#define WALDRILL_REPORTS_WHOLE_H

#include "base/buf.h"

/* link: as it stands in the gallery, below the folder.  False: it cannot be read, nothing is written. */
bool whole_add(struct buf *out, const char *folder, const char *link);
/* The frame they are shown in, and the script; behind all of them. */
void whole_end(struct buf *out);

#endif
