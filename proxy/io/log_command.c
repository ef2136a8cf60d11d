/* Reads a log as recovery does, but changes nothing: no lock, no sync, no tail cut off.  Beside a running
 * walproxy the newest commit may show as an unfinished tail, and a segment trimmed in between as missing. */
#include "proxy/io/log_command.h"

#include "base/digest.h"
#include "base/units.h"
#include "proxy/io/log_dir.h"
#include "proxy/io/log_export.h"
#include <stdio.h>
#include <string.h>

#define EXIT_SOUND  0
#define EXIT_BROKEN 1
#define EXIT_USAGE  2

enum verb { VERB_LS, VERB_SHOW, VERB_VERIFY, VERB_EXPORT };
#define VERBS 4

struct request {
    enum verb verb;
    const char *dir;
    bool payload;
    uint64_t from;
    uint64_t to;
    bool no_memory; /* for a line of export: nothing behind it is printed */
};

static const char help[] =
    "walproxy wal - look into a log directory\n"
    "\n"
    "usage: walproxy wal ls DIR\n"
    "       walproxy wal show [--from LSN] [--to LSN] [--payload] DIR\n"
    "       walproxy wal verify DIR\n"
    "       walproxy wal export [--from LSN] [--to LSN] DIR\n"
    "\n"
    "Reads a log and changes nothing, while walproxy runs or after it.\n"
    "\n"
    "  ls            segments, their first and last record, their sizes\n"
    "  show          one line per record, bodies as a digest\n"
    "  verify        reads and checks everything\n"
    "  export        one line of JSON per record, bodies and all: enough to send it again\n"
    "  --from LSN    from that record on\n"
    "  --to LSN      up to that record\n"
    "  --payload     show: what the records hold, as text\n"
    "\n"
    "examples\n"
    "  walproxy wal verify /var/lib/walproxy\n"
    "  walproxy wal export /var/lib/walproxy | jq -c 'select(.type == \"write\")'\n"
    "\n"
    "exit status: 0 done, 1 the log is damaged or cannot be read, 2 a wrong command line\n";

static int usage(const char *complaint)
{
    (void)fprintf(stderr, "walproxy wal: %s\nsee walproxy wal --help\n", complaint);
    return EXIT_USAGE;
}

static int parse_lsn(int argc, char **argv, int *i, uint64_t *out)
{
    struct errmsg msg = { 0 };
    if (*i + 1 >= argc) {
        return usage("--from and --to need an LSN");
    }
    (*i)++;
    if (units_parse_u64(str_of(argv[*i]), out, &msg) != 0) {
        return usage(msg.text);
    }
    return 0;
}

static int parse(int argc, char **argv, struct request *r)
{
    static const char *const verbs[] = { "ls", "show", "verify", "export" };
    *r = (struct request){ .to = UINT64_MAX };
    size_t verb = 0;
    while (argc > 1 && verb < VERBS && strcmp(argv[1], verbs[verb]) != 0) {
        verb++;
    }
    if (argc < 2 || verb == VERBS) {
        return usage(argc < 2 ? "ls, show, verify or export?" : "no such command (ls, show, verify, export)");
    }
    r->verb = (enum verb)verb;
    for (int i = 2; i < argc; i++) {
        int rc = 0;
        bool ranged = r->verb == VERB_SHOW || r->verb == VERB_EXPORT;
        if (r->verb == VERB_SHOW && strcmp(argv[i], "--payload") == 0) {
            r->payload = true;
        } else if (ranged && strcmp(argv[i], "--from") == 0) {
            rc = parse_lsn(argc, argv, &i, &r->from);
        } else if (ranged && strcmp(argv[i], "--to") == 0) {
            rc = parse_lsn(argc, argv, &i, &r->to);
        } else if (argv[i][0] == '-' || r->dir != NULL) {
            rc = usage("one directory, and no other options");
        } else {
            r->dir = argv[i];
        }
        if (rc != 0) {
            return rc;
        }
    }
    return r->dir == NULL ? usage("which directory?") : 0;
}

/* Printable ASCII as it is, the rest as \xNN: a record must not write to a terminal what it likes. */
static void print_payload(const char *label, struct str bytes)
{
    (void)printf("  %s: ", label);
    for (size_t i = 0; i < bytes.size; i++) {
        unsigned char c = (unsigned char)bytes.data[i];
        if (c >= 0x20 && c < 0x7f && c != '\\') {
            (void)putchar(c);
        } else {
            (void)printf("\\x%02x", c);
        }
    }
    (void)putchar('\n');
}

static void export_record(struct request *r, const struct wal_record *record)
{
    struct buf line;
    buf_init(&line, 8 * (size_t)WAL_BODY_BYTES_MAX); /* every byte of a body escaped */
    log_export_record(&line, record);
    r->no_memory = r->no_memory || line.failed;
    if (!r->no_memory) {
        (void)fwrite(line.data, 1, line.size, stdout); /* run looks for errors at the end */
    }
    buf_deinit(&line);
}

static void show_record(void *context, const struct wal_record *record, bool first)
{
    (void)first;
    struct request *r = context;
    if (record->lsn < r->from || record->lsn > r->to) {
        return;
    }
    if (r->verb == VERB_EXPORT) {
        export_record(r, record);
    }
    if (r->verb != VERB_SHOW) {
        return;
    }
    char digest[DIGEST_TEXT_SIZE + 1] = "-";
    if (record->body.size > 0) {
        digest_of(record->body, digest);
    }
    (void)printf("lsn=%llu type=%u meta=%zu body=%zu digest=%s\n", (unsigned long long)record->lsn,
                 record->type, record->meta.size, record->body.size, digest);
    if (r->payload) {
        print_payload("meta", record->meta);
        print_payload("body", record->body);
    }
}

static void print_segments(const struct wal_segments *segments)
{
    (void)printf("%-20s %12s %12s %10s %12s %12s\n", "segment", "first lsn", "last lsn", "records", "used",
                 "file");
    for (size_t i = 0; i < segments->count; i++) {
        const struct wal_segment *s = &segments->items[i];
        char name[WAL_NAME_SIZE];
        wal_segment_name(s->sequence, name);
        (void)printf("%-20s %12llu ", name, (unsigned long long)s->first_lsn);
        if (s->record_count == 0) {
            (void)printf("%12s ", "-");
        } else {
            (void)printf("%12llu ", (unsigned long long)wal_segment_next_lsn(s) - 1);
        }
        (void)printf("%10zu %12llu %12llu\n", s->record_count, (unsigned long long)s->used_bytes,
                     (unsigned long long)s->file_bytes);
    }
}

static int run(const struct request *r, struct log_dir *dir, struct errmsg *msg)
{
    /* The id and size matter only to a log that is begun, which does not happen here. */
    struct wal_writer_options options = { .segment_bytes = WAL_SEGMENT_BYTES_MIN, .log_id = 1 };
    struct wal_writer *w = wal_writer_new(&options);
    struct wal_source source = log_dir_source(dir);
    struct wal_recovery found = { 0 };
    struct request copy = *r;
    int rc = wal_writer_recover(w, &source, show_record, &copy, &found, msg);
    const struct wal_segments *segments = wal_writer_segments(w);
    if (r->verb == VERB_LS) {
        print_segments(segments);
    }
    if (rc == 0 && segments->count == 0) {
        rc = error_set(msg, ERR_NOT_FOUND, "no log in this directory");
    }
    if (rc == 0 && (r->verb == VERB_LS || r->verb == VERB_VERIFY)) {
        (void)printf("sound: log %016llx, %llu records in %llu segments, next lsn %llu\n",
                     (unsigned long long)found.log_id, (unsigned long long)found.records,
                     (unsigned long long)found.segments, (unsigned long long)found.next_lsn);
    }
    if (rc == 0 && found.torn) {
        (void)fprintf(r->verb == VERB_EXPORT ? stderr : stdout,
                      "unfinished tail (never reported durable, cut off at the next start): %s\n",
                      found.torn_text);
    }
    wal_writer_free(w);
    if (rc == 0 && copy.no_memory) {
        rc = error_set(msg, ERR_NOMEM, "no memory for a record");
    }
    if (rc == 0 && (fflush(stdout) != 0 || ferror(stdout) != 0)) {
        rc = error_set(msg, ERR_IO, "standard output cannot be written to");
    }
    return rc;
}

int log_command(int argc, char **argv)
{
    struct request r;
    struct log_dir *dir = NULL;
    struct errmsg msg = { 0 };
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        (void)fputs(help, stdout);
        return EXIT_SOUND;
    }
    int rc = parse(argc, argv, &r);
    if (rc != 0) {
        return rc;
    }
    rc = log_dir_open(&dir, r.dir, LOG_DIR_READ, &msg);
    if (rc == 0) {
        rc = run(&r, dir, &msg);
        log_dir_close(dir);
        (void)error_wrap(&msg, rc, "%s", r.dir);
    }
    if (rc != 0) {
        (void)fflush(stdout);
        (void)fprintf(stderr, "walproxy wal: %s\n", msg.text);
    }
    return rc == 0 ? EXIT_SOUND : EXIT_BROKEN;
}
