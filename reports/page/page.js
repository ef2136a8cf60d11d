/* The page around the timeline: verdict, figures, what failed, the runbook's steps, all checks, events, how
 * to see it again.  Everything a run may have said reaches the page as text, never as markup. */
"use strict";

(() => {
    const run = JSON.parse(document.getElementById("run").textContent);
    const page = document.getElementById("page");
    const {timeText, milliText, numberText} = timeline;

    /* h("p", "words", "some ", h("b", "", "text")) */
    function h(tag, style, ...children) {
        const element = document.createElement(tag);
        if (style) {
            element.className = style;
        }
        element.append(...children.filter(child => child !== null && child !== undefined));
        return element;
    }

    const link = (href, text) => {
        const a = h("a", "", text);
        a.href = href;
        return a;
    };

    const section = (id, title, ...children) => {
        const element = h("section", "", h("h2", "", title), ...children);
        element.id = id;
        return element;
    };

    const failed = check => !check.passed && !check.skipped;
    const at = seconds => seconds === null ? "" : timeText(seconds);
    const where = check => check.line === null ? "" : `${check.file}:${check.line}`;
    const bytesText = bytes => bytes >= 1048576 ? `${(bytes / 1048576).toFixed(1)} MiB`
        : bytes >= 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${bytes} B`;

    /* --- the top ------------------------------------------------------------------------------------------ */

    function headline() {
        const verdict = run.verdict.toLowerCase().replaceAll("_", "-");
        document.documentElement.dataset.verdict = verdict;
        return h("header", "", h("p", "eyebrow", `waldrill · ${run.scenario || ""} · ${run.engine || ""} engine`),
                 h("h1", "", h("span", `badge ${verdict}`, run.verdict.replaceAll("_", " ")),
                   h("span", "", run.title || run.scenario || "")),
                 h("p", "words", run.words || ""));
    }

    function tile(label, value, detail, state) {
        return h("div", `tile ${state || ""}`, h("dt", "", label), h("dd", "", ...[value].flat()), h("p", "", detail));
    }

    /* [part, whole]: the part large, the whole beside it */
    const ofAll = (part, whole) => [numberText(part), h("small", "", ` of ${numberText(whole)}`)];

    function tiles() {
        const {writes, reads} = run.account;
        const {series, checks} = run;
        const list = h("dl", "tiles");
        const made = checks.passed + checks.failed;
        const detail = made === 0 ? "the run got to none" : checks.failed > 0 ? `${checks.failed} failed`
            : checks.skipped > 0 ? `${checks.skipped} skipped` : "none failed";
        list.append(tile("Checks held", ofAll(checks.passed, made), detail, checks.failed > 0 ? "bad" : ""));
        if (writes.offered > 0) {
            const lost = writes.offered - writes.accepted;
            list.append(tile("Writes accepted", ofAll(writes.accepted, writes.offered),
                             lost > 0 ? `${writes.refused} refused, ${writes.failed} failed`
                                 : `${numberText(writes.queued)} of them queued`, lost > 0 ? "warn" : ""));
        }
        if (reads.offered > 0) {
            list.append(tile("Reads answered", ofAll(reads.answered, reads.offered),
                             `${numberText(reads.failed)} failed`, reads.failed > 0 ? "warn" : ""));
        }
        if (series.pending_max !== null) {
            list.append(tile("Most pending", numberText(series.pending_max),
                             series.oldest_pending_max_s !== null
                                 ? `the oldest ${timeText(Math.round(series.oldest_pending_max_s))}` : "none waited"));
            list.append(tile("Replayed", numberText(series.total_replayed),
                             `${series.failed_replays} failed, ${series.dead_letters} dead letters`,
                             series.failed_replays + series.dead_letters > 0 ? "bad" : ""));
        }
        if (writes.latency_ms.count > 0) {
            list.append(tile("Write latency p99", milliText(writes.latency_ms.p99),
                             `median ${milliText(writes.latency_ms.p50)}`));
        }
        if (run.account.lost_queue) {
            list.append(tile("Lost with memory", numberText(run.account.lost_on_crash), "queued writes", "bad"));
        }
        return list;
    }

    function failure(check) {
        const meta = h("p", "meta", where(check));
        if (check.at_s !== null) {
            const button = h("button", "", `at ${timeText(check.at_s)}, show`);
            button.addEventListener("click", () => {
                timeline.look(check.at_s, run.charts.end_s);
                document.getElementById("timeline").scrollIntoView({behavior: "smooth"});
            });
            meta.append(check.line === null ? "" : " · ", button);
        }
        return h("li", "failure", h("p", "", h("code", "", check.name), h("span", "kind", check.kind)),
                 h("dl", "facts", h("dt", "", "expected"), h("dd", "", check.expected || ""),
                   h("dt", "", "saw"), h("dd", "", check.saw || "")), meta);
    }

    /* Broken promises before missed expectations, as the verdict weighs them. */
    const KINDS = [["invariant", "Promises"], ["expect", "Expectations"], ["step", "Steps of the runbook"],
                   ["steady", "Steady state"], ["validity", "Does the run count?"], ["cleanup", "Cleaned up"]];

    function failures() {
        const list = KINDS.flatMap(([kind]) => run.assertions.filter(check => failed(check) && check.kind === kind));
        if (list.length === 0) {
            return null;
        }
        return section("failures", list.length === 1 ? "What failed" : `What failed: ${list.length} checks`,
                       h("ul", "failures", ...list.map(failure)));
    }

    function trouble() {
        const {total, operations} = run.unserved;
        if (total === 0) {
            return null;
        }
        const rows = operations.map(op => [at(op.due_s), op.op, op.on, op.outcome === "answered" ? `answered ${op.status}` : op.outcome,
                                           op.latency_ms === null ? "" : milliText(op.latency_ms)]);
        const more = total > operations.length ? `The first ${operations.length} of ${total}.` : null;
        const body = table(["at", "operation", "on", "what came of it", "after"], rows);
        return section("trouble", "Operations not served",
                       total > 10 ? h("details", "", h("summary", "", `${total} operations`), more, body) : body);
    }

    /* --- below the timeline --------------------------------------------------------------------------------- */

    function cell(label, ...content) {
        const td = h("td", "", ...content);
        td.dataset.label = label;
        return td;
    }

    function table(heads, rows) {
        return h("div", "table", h("table", "", h("thead", "", h("tr", "", ...heads.map(head => h("th", "", head)))),
                                   h("tbody", "", ...rows.map(row => h("tr", "", ...row.map((text, i) =>
                                       cell(heads[i], text)))))));
    }

    const stateOf = item => item.skipped || item.at_s === null ? "skipped" : item.passed ? "held" : "failed";
    const stepMark = step => h("span", `mark ${stateOf(step)}`, step.at_s === null ? "not run"
        : {skipped: "skipped", held: "held", failed: "FAILED"}[stateOf(step)]);
    const mark = item => item.skipped ? h("span", "mark skipped", "skipped")
        : item.passed ? h("span", "mark held", "held") : h("span", "mark failed", "FAILED");

    /* JSON, set out for reading; anything else, or JSON that was cut, as it came. */
    function readable(text) {
        try {
            return JSON.stringify(JSON.parse(text), null, 2);
        } catch {
            return text;
        }
    }

    /* How it was answered; what came back beside it when it is short, folded away when it is long. */
    function answer(step) {
        const how = `→ ${[step.outcome, step.status > 0 ? step.status : null].filter(Boolean).join(" ")}`;
        const text = step.output.trim();
        if (text.length <= 110 && !text.includes("\n")) {
            return h("p", "answer", how, text === "" ? null : h("code", "", text));
        }
        const cut = step.output_bytes > new TextEncoder().encode(step.output).length;
        return h("details", "", h("summary", "", `${how}, ${bytesText(step.output_bytes)}`),
                 h("pre", "", cut ? `${step.output}\n... cut here; results.json has all of it` : readable(step.output)));
    }

    /* "status = 200" beside "status == 200" says the name twice. */
    function seen(check, text) {
        const saw = check.saw || "";
        const parts = saw.split(" = ");
        return parts.length === 2 && text.startsWith(parts[0]) ? parts[1] : saw;
    }

    function stepItem(step) {
        const prefix = `${step.name}: `;
        const checks = run.assertions.filter(check => check.kind === "step" && check.name.startsWith(prefix));
        const item = check => {
            const text = check.name.slice(prefix.length);
            return h("li", failed(check) ? "failed" : check.skipped ? "skipped" : "held", h("code", "", text),
                     h("span", "saw", seen(check, text)));
        };
        return h("li", stateOf(step),
                 h("p", "step-head", h("span", "time", at(step.at_s)), h("strong", "", step.name), stepMark(step)),
                 step.command ? h("pre", "command", step.command.trim()) : null,
                 step.outcome === null ? null : answer(step),
                 checks.length === 0 ? null : h("ul", "step-checks", ...checks.map(item)));
    }

    function steps() {
        if (run.steps.length === 0) {
            return null;
        }
        return section("steps", "Steps of the runbook", run.runbook ? h("p", "note", `As ${run.runbook} has them.`) : null,
                       h("ol", "steps", ...run.steps.map(stepItem)));
    }

    function checkRow(check) {
        return h("tr", failed(check) ? "failed" : "", cell("", mark(check)), cell("check", h("code", "", check.name)),
                 cell("expected", check.expected || ""), cell("seen", check.saw || ""), cell("at", at(check.at_s)),
                 cell("line", check.line === null ? "" : String(check.line)));
    }

    function checks() {
        if (run.assertions.length === 0) {
            return null;
        }
        const bodies = [];
        for (const [kind, title] of KINDS) {
            const list = run.assertions.filter(check => check.kind === kind);
            if (list.length > 0) {
                const head = h("th", "", title);
                head.colSpan = 6;
                head.scope = "rowgroup";
                bodies.push(h("tbody", "", h("tr", "group", head),
                              ...[...list.filter(failed), ...list.filter(check => !failed(check))].map(checkRow)));
            }
        }
        const heads = ["", "check", "expected", "seen", "at", "line"].map(text => h("th", "", text));
        return section("checks", "All checks", h("div", "table", h("table", "checks",
            h("thead", "", h("tr", "", ...heads)), ...bodies)));
    }

    function faults() {
        if (run.faults.length === 0) {
            return null;
        }
        return section("faults", "Faults", table(["fault", "on", "what", "from", "to", "requests hit"],
            run.faults.map(fault => [fault.name, fault.target, fault.what, at(fault.start_s), at(fault.end_s),
                                     numberText(fault.hits)])));
    }

    function events() {
        if (run.events.length === 0) {
            return null;
        }
        const list = h("ol", "events", ...run.events.map(event =>
            h("li", "", h("span", "time", at(event.at_s)), event.text)));
        return section("events", "What happened when", run.events.length > 40
            ? h("details", "", h("summary", "", `${run.events.length} events`), list) : list);
    }

    function again() {
        const facts = h("dl", "facts");
        const fact = (name, value) => {
            if (value !== null && value !== undefined && value !== "") {
                facts.append(h("dt", "", name), h("dd", "", value));
            }
        };
        fact("scenario", run.file);
        fact("ran for", `${timeText(run.simulated_s || 0)} of scenario time in ${run.wall_s} s`);
        fact("journal", run.journal_hash === null ? "" : h("code", "", run.journal_hash));
        return section("again", "See it again", run.reproduce ? h("pre", "command", run.reproduce) : null, facts);
    }

    function foot() {
        const {samples_answered: samples, operations} = run.series;
        const drawn = run.charts.samples.at_s.length;
        const thinned = drawn < samples
            ? `${numberText(drawn)} of ${numberText(samples)} answers of /status are drawn: of each stretch of equal ` +
              "number the most and the fewest pending writes and the oldest one. "
            : samples > 0 ? `All ${numberText(samples)} answers of /status are drawn. ` : "";
        const buckets = operations > 0
            ? `Operations are counted and timed in buckets of ${timeText(run.charts.bucket_s)}, by when they were due; ` +
              "latency runs from then to the whole answer, and a percentile is the nearest rank. " : "";
        const times = run.time_scale === 1 ? "Times are scenario time. " : "Times are scenario time, which ran " +
            `${numberText(run.time_scale)} times as fast as the machine's; latencies are the machine's own. `;
        return h("footer", "", `${thinned}${buckets}${times}The same figures, for programs: `,
                 link("results.json", "results.json"), ", ", link("junit.xml", "junit.xml"), "; for a pull request: ",
                 link("report.md", "report.md"), ".");
    }

    /* --- the whole ------------------------------------------------------------------------------------------ */

    const place = h("div", "charts");
    place.tabIndex = 0;
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", "Timeline. Arrow keys move the cursor, plus and minus zoom, Escape shows all.");
    place.addEventListener("keydown", event => timeline.key(event, run.charts.end_s));

    const parts = [headline(), tiles(), failures(), section("timeline", "Timeline", place), trouble(), steps(), checks(),
                   faults(), events(), again(), foot()];
    page.append(...parts.filter(part => part !== null));

    let width = 0;
    const paint = wanted => {
        width = wanted;
        if (timeline.draw(run, place, width) === 0) {
            place.replaceChildren(h("p", "note", "Nothing was seen over time, so there is nothing to draw."));
            document.documentElement.dataset.charts = 0;
        }
    };
    const repaint = () => paint(place.clientWidth);
    repaint();
    new ResizeObserver(() => {
        if (place.clientWidth !== width && !matchMedia("print").matches) {
            repaint();
        }
    }).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
    /* Paper is light and narrow. */
    addEventListener("beforeprint", () => {
        document.documentElement.classList.add("paper");
        paint(680);
    });
    addEventListener("afterprint", () => {
        document.documentElement.classList.remove("paper");
        repaint();
    });
})();
