/* Writes of a rehearsal that an instance refused for good stay in the balancer as dead letters, and would
 * stay there for a person to find.  They are given up, and only they: a letter names its collection. */
#include "harness/target/heal.h"

#include "harness/real/control.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define LETTERS_PAGE  500
#define LETTERS_BYTES ((size_t)64 << 20)

static int ask(const struct heal *h, const char *method, const char *path, struct buf *answer, long *status,
               struct errmsg *msg)
{
    const struct control_request request = { .base_url = h->file->places[TARGET_LB].url,
                                             .method = method,
                                             .path = path,
                                             .token = target_file_token(h->file, TARGET_LB, path) };
    return control_send(&request, answer, status, msg);
}

/* Gives up those of a page that are ours; *from is then where the next begins, 0 = nowhere. */
static int give_up_page(const struct heal *h, const char *text, uint64_t *from, size_t *given_up,
                        struct errmsg *msg)
{
    json_t *root = json_loads(text, 0, NULL);
    const json_t *list = json_object_get(root, "dead_letters");
    struct buf answer;
    size_t index;
    const json_t *letter;
    int rv = 0;
    buf_init(&answer, LETTERS_BYTES);
    *from = 0;
    json_array_foreach(list, index, letter)
    {
        const char *name = json_string_value(json_object_get(letter, "collection"));
        uint64_t lsn = (uint64_t)json_integer_value(json_object_get(letter, "lsn"));
        char path[96];
        *from = json_array_size(list) == LETTERS_PAGE ? lsn + 1 : 0;
        if (rv == 0 && name != NULL && strncmp(name, h->mark, strlen(h->mark)) == 0) {
            (void)snprintf(path, sizeof(path), "/admin/dead-letters/%llu", (unsigned long long)lsn);
            rv = ask(h, "DELETE", path, &answer, NULL, msg);
            *given_up += rv == 0 ? 1 : 0;
        }
    }
    buf_deinit(&answer);
    json_decref(root);
    return rv;
}

/* Those that nobody lets us see are told of, when there are any. */
static void letters_unseen(struct heal *h)
{
    struct buf answer;
    buf_init(&answer, LETTERS_BYTES);
    int rv = ask(h, "GET", "/status", &answer, NULL, NULL);
    json_t *root = rv != 0 ? NULL : json_loads(buf_text(&answer), 0, NULL);
    json_int_t count =
        json_integer_value(json_object_get(json_object_get(root, "write_ahead_log"), "dead_letters"));
    if (count > 0) {
        buf_printf(h->trouble,
                   "the balancer has %lld dead letters, and without its admin_token nobody knows whose\n",
                   (long long)count);
    }
    json_decref(root);
    buf_deinit(&answer);
}

void heal_letters(struct heal *h)
{
    struct errmsg msg = { "" };
    struct buf answer;
    uint64_t from = 0;
    size_t given_up = 0;
    long status = 0;
    int rv;
    buf_init(&answer, LETTERS_BYTES);
    do {
        char path[96];
        (void)snprintf(path, sizeof(path), "/admin/dead-letters?from=%llu&limit=%d", (unsigned long long)from,
                       LETTERS_PAGE);
        rv = ask(h, "GET", path, &answer, &status, &msg);
        rv = rv != 0 ? rv : give_up_page(h, buf_text(&answer), &from, &given_up, &msg);
    } while (rv == 0 && from > 0);
    buf_deinit(&answer);
    if (rv == 0 && given_up > 0) {
        buf_printf(h->told, "%zu dead letters of the rehearsal are given up\n", given_up);
    } else if (status == 401 || status == 403) {
        letters_unseen(h);
    } else if (rv != 0 && status != 404) { /* 404: a balancer that has none */
        buf_printf(h->trouble, "dead letters: %s\n", msg.text);
    }
}
