/* The operations guide, embedded by the build, taken apart: its scenarios with their symptoms and the steps
 * of their response.  Whatever it says stands in it; this only finds the places. */
#ifndef WALDRILL_HARNESS_CONSOLE_GUIDE_H
#define WALDRILL_HARNESS_CONSOLE_GUIDE_H

#include "base/buf.h"
#include "base/str.h"

#define GUIDE_SCENARIOS 3
#define GUIDE_SYMPTOMS  3
#define GUIDE_STEPS     4

struct guide_step {
    struct str title; /* "Verify Primary Status" */
    struct str text;  /* Markdown, as it stands below the title */
};

struct guide_scenario {
    struct str title; /* "Primary Database Down" */
    struct str symptoms[GUIDE_SYMPTOMS];
    size_t symptom_count;
    struct guide_step steps[GUIDE_STEPS];
    size_t step_count;
    struct str rest; /* Markdown behind the steps: mitigation, expected behaviour */
};

struct guide {
    struct guide_scenario scenarios[GUIDE_SCENARIOS];
    size_t count;
};

struct str guide_text(void); /* the whole of it */
/* Slices are borrowed from text.  What has no room is left out: a test holds the guide to what is expected.
 */
void guide_read(struct str text, struct guide *out);
/* {"scenarios": [{"title", "symptoms", "steps": [{"title", "text"}], "rest"}], "text"} */
void guide_write(struct buf *out);

#endif
