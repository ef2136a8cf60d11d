/* What the page draws, as one JSON document: the samples that are new to it, what was so from when to when,
 * and the newest documents of balancer and mocks as they came. */
#include "harness/console/internal.h"

#include "harness/console/healed.h"
#include "proxy/core/alerts.h"

static void put_document(struct json_writer *w, const char *key, const struct buf *document)
{
    json_key(w, key);
    if (document->size == 0) {
        json_put_null(w);
    } else {
        json_put_raw(w, str_trim(buf_str(document)));
    }
}

/* The guide's rules, for the lines in the charts. */
static void put_rules(struct json_writer *w)
{
    json_key(w, "rules");
    json_array_begin(w);
    for (unsigned i = 0; i < ALERT_RULES; i++) {
        json_object_begin(w);
        json_pair_text(w, "name", alert_rules[i].name);
        json_pair_text(w, "figure", alert_figure_names[alert_rules[i].figure]);
        json_pair_double(w, "above", alert_rules[i].above);
        json_pair_text(w, "severity", alert_rules[i].severity);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_urls(struct json_writer *w, const struct console *c)
{
    json_key(w, "urls");
    json_object_begin(w);
    json_pair_text(w, "lb", c->setup.urls[TARGET_LB]);
    json_pair_text(w, "primary", c->setup.urls[TARGET_PRIMARY]);
    json_pair_text(w, "replica", c->setup.urls[TARGET_REPLICA]);
    json_object_end(w);
}

void live_write(const struct console *c, uint64_t from, struct buf *out)
{
    struct json_writer w;
    bool silent = c->past.silent_since_ns != PAST_OPEN;
    const struct str mocks[2] = { buf_str(&c->mocks[0]), buf_str(&c->mocks[1]) };
    json_writer_init(&w, out, 0);
    json_object_begin(&w);
    json_pair_i64(&w, "started_ms", c->started_ms);
    json_pair_double(&w, "time_scale", c->setup.time_scale);
    json_pair_double(&w, "period_s", (double)c->period_ns / 1e9 * c->setup.time_scale);
    json_pair_u64(&w, "kept", PAST_SAMPLES);
    json_key(&w, "now_s");
    past_put_seconds(&w, console_now_ns(c));
    json_pair_u64(&w, "next", c->past.taken);
    json_key(&w, "silent_since_s");
    past_put_seconds(&w, c->past.silent_since_ns);
    json_pair_text(&w, "silent_why", silent ? c->silent_why.text : NULL);
    json_pair_bool(&w, "acts", c->setup.token != NULL);
    put_urls(&w, c);
    put_rules(&w);
    json_key(&w, "step");
    steps_write(&c->step, &w);
    json_key(&w, "left");
    healed_write(!silent && c->status.size > 0, buf_str(&c->status), mocks, &w);
    json_key(&w, "alerts");
    past_spans_write(&c->alerts, &w);
    json_key(&w, "faults");
    past_spans_write(&c->faults, &w);
    put_document(&w, "status", &c->status);
    put_document(&w, "primary", &c->mocks[0]);
    put_document(&w, "replica", &c->mocks[1]);
    json_key(&w, "samples");
    past_write(&c->past, from, &w);
    json_object_end(&w);
}
