/* The guide's blocks of shell and of Python.  They are run as they stand; only the hosts are those of the
 * run. */
#include "harness/runbook/runbook.h"

#include "base/buf.h"

#define BLOCK_MAX ((size_t)64 * 1024)

static const struct {
    const char *guide, *here;
} hosts[] = {
    { "https://chroma-load-balancer.onrender.com", "$LB" },
    { "https://chroma-primary.onrender.com", "$PRIMARY" },
    { "https://chroma-replica.onrender.com", "$REPLICA" },
};

static void put_line(struct buf *out, struct str line)
{
    while (line.size > 0) {
        size_t skipped = 0;
        for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]) && skipped == 0; i++) {
            if (str_starts(line, str_of(hosts[i].guide))) {
                buf_append_text(out, hosts[i].here);
                skipped = strlen(hosts[i].guide);
            }
        }
        if (skipped == 0) {
            buf_append_char(out, line.data[0]);
            skipped = 1;
        }
        line = str_make(line.data + skipped, line.size - skipped);
    }
    buf_append_char(out, '\n');
}

/* A line without the indentation of its fence. */
static struct str undent(struct str line, size_t indent)
{
    size_t cut = 0;
    while (cut < indent && cut < line.size && line.data[cut] == ' ') {
        cut++;
    }
    return str_make(line.data + cut, line.size - cut);
}

void runbook_blocks(const struct runbook *b, void (*each)(void *context, unsigned line, const char *text),
                    void *context)
{
    struct str rest = str_make(b->guide, b->guide_size);
    struct buf block;
    unsigned begun = 0; /* the line of the fence; 0 = outside */
    size_t indent = 0;
    buf_init(&block, BLOCK_MAX);
    for (unsigned number = 1; rest.data != NULL && rest.size > 0; number++) {
        struct str line = str_cut(rest, '\n', &rest);
        struct str text = str_trim(line);
        if (begun == 0 && (str_equal(text, STR("```bash")) || str_equal(text, STR("```python")))) {
            begun = number;
            indent = line.size - text.size;
            buf_clear(&block);
        } else if (begun > 0 && str_equal(text, STR("```"))) {
            each(context, begun, buf_text(&block));
            begun = 0;
        } else if (begun > 0) {
            put_line(&block, undent(line, indent));
        }
    }
    buf_deinit(&block);
}
