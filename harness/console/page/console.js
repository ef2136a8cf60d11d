/* The page of a running stack: how it is, in words and figures, and the curves of the last hour, moving; what can be done
 * (act.js), and the guide beside it (guide.js). */
"use strict";

(() => {
    const page = document.getElementById("page");
    const {timeText, numberText, bytesText} = charts;
    const WINDOWS = [[300, "the last 5 minutes"], [900, "the last 15 minutes"], [0, "the last hour"]];
    let view;

    /* An element whose text is set only when it changes: who has marked a word keeps it marked. */
    const setText = (element, text) => element.textContent === text || (element.textContent = text);

    /* --- how it is --------------------------------------------------------------------------------------------- */

    const badge = h("span", "badge", "");
    const words = h("p", "words", "");
    const lost = h("p", "lost", "");
    lost.setAttribute("role", "alert");
    lost.hidden = true;

    const firing = last => last.alerts.filter(alert => alert.end_s === null);

    /* The worst that is so, and what to call it. */
    function verdict(last) {
        const {status} = last;
        if (last.silent_since_s !== null || status === null) {
            return ["no answer", "bad", status === null ? "The balancer has not answered yet." : "The balancer does not answer."];
        }
        const down = status.instances.filter(instance => !instance.healthy).map(instance => instance.name);
        const wal = status.write_ahead_log;
        const parts = [];
        if (down.length > 0) {
            parts.push(`${down.join(" and ")} ${down.length > 1 ? "are" : "is"} down`);
        }
        if (wal.pending_writes > 0) {
            parts.push(`${numberText(wal.pending_writes)} acknowledged ${wal.pending_writes === 1 ? "write waits" : "writes wait"} for the primary`);
        }
        if (wal.is_replaying) {
            parts.push("they are being replayed");
        } else if (wal.why_not_replaying) {
            parts.push(`not replayed: ${wal.why_not_replaying}`);
        }
        if (wal.dead_letters > 0) {
            parts.push(`${wal.dead_letters} dead letter${wal.dead_letters === 1 ? "" : "s"}`);
        }
        const alarms = firing(last);
        const critical = alarms.some(alert => last.rules.find(rule => rule.name === alert.name)?.severity === "critical");
        const say = parts.length === 0 ? "Both instances are healthy and nothing waits." : `${parts.join("; ")}.`;
        const name = critical ? "critical" : down.length > 0 || alarms.length > 0 || wal.dead_letters > 0 ? "trouble"
            : wal.pending_writes > 0 ? "busy" : "healthy";
        return [name, {critical: "bad", trouble: "bad", busy: "warn", healthy: "pass"}[name],
                say.charAt(0).toUpperCase() + say.slice(1)];
    }

    function headline() {
        return h("header", "", h("p", "eyebrow", "waldrill · a live stack"), h("h1", "", badge, h("span", "", "The stack")), words, lost);
    }

    function showHead() {
        const {last, lost: why, lostSince} = live.state;
        if (last !== null) {
            const [name, style, say] = verdict(last);
            setText(badge, name);
            badge.className = `badge ${style}`;
            setText(words, say);
        }
        const silent = last !== null && last.silent_since_s !== null
            ? `No answer from the balancer for ${timeText(Math.round(last.now_s - last.silent_since_s))} (since ${
                timeText(last.silent_since_s)}): ${last.silent_why}` : "";
        const gone = why === null ? "" : `No answer from waldrill itself since ${new Date(lostSince).toLocaleTimeString()}: ${
            why}. What is shown is what was seen last.`;
        lost.hidden = silent === "" && gone === "";
        setText(lost, gone === "" ? silent : gone);
    }

    /* --- figures ---------------------------------------------------------------------------------------------- */

    const tiles = h("dl", "tiles");
    const shown = new Map();

    function showTile(key, label, value, detail, state) {
        if (!shown.has(key)) {
            const element = tile(label, "", "");
            element.dataset.key = key;
            shown.set(key, element);
            tiles.append(element);
        }
        const element = shown.get(key);
        element.className = `tile ${state || ""}`;
        setText(element.querySelector("dd"), value);
        setText(element.querySelector("p"), detail);
    }

    const stateOf = level => ({warning: "warn", critical: "bad"})[level] || "";

    function showTiles() {
        const {status} = live.state.last;
        if (status === null) {
            return;
        }
        const wal = status.write_ahead_log;
        const {levels} = wal;
        showTile("pending", "Pending writes", numberText(wal.pending_writes),
                 wal.oldest_pending === null ? "none waits" : `the oldest ${timeText(Math.round(wal.oldest_pending))}`,
                 stateOf(levels.pending_writes) || stateOf(levels.oldest_pending));
        showTile("replayed", "Replayed", numberText(wal.total_replayed), wal.is_replaying ? "replaying" : wal.replay_paused ? "paused" : "idle",
                 stateOf(levels.is_replaying));
        showTile("failed", "Failed replays", numberText(wal.failed_replays),
                 `${wal.dead_letters} dead letter${wal.dead_letters === 1 ? "" : "s"}`, stateOf(levels.failed_replays));
        showTile("memory", "Log", bytesText(wal.bytes), `${bytesText(wal.memory_bytes)} of it in memory`,
                 status.stats.memory_warning ? "bad" : "");
        const {value, detail, state} = served.newest(live.newest);
        showTile("requests", "Requests", value, detail, state);
        for (const instance of status.instances) {
            showTile(instance.name, instance.name.charAt(0).toUpperCase() + instance.name.slice(1), instance.healthy ? "healthy" : "down",
                     [instance.role === instance.name ? null : `acts as ${instance.role}`, instance.forced === null ? null : `forced ${instance.forced}`,
                      instance.trouble, instance.lag > 0 ? `${numberText(instance.lag)} behind` : null]
                         .filter(text => text !== null).join("; ") || "up to date",
                     instance.healthy ? "" : "bad");
        }
    }

    /* --- curves ------------------------------------------------------------------------------------------------ */

    const place = h("div", "");
    place.setAttribute("aria-label", "Curves. Arrow keys move the cursor, plus and minus zoom, Escape shows all.");
    const choice = h("select", "", ...WINDOWS.map(([seconds, text]) => {
        const option = h("option", "", text);
        option.value = seconds;
        return option;
    }));
    const pace = h("span", "", "");
    choice.setAttribute("aria-label", "How far back");
    choice.addEventListener("change", () => view !== undefined && view.refresh());

    function describe() {
        const run = live.run(Number(choice.value));
        const about = timeline.describe(run);
        return {...about, charts: [...about.charts, ...served.describe(run)]};
    }

    function showCurves() {
        const {time_scale: scale} = live.state.last;
        setText(pace, scale === 1 ? "" : `times are the stack's, which runs ${numberText(scale)} times as fast as the clock`);
        if (view === undefined) {
            view = charts.mount(place, describe);
        } else {
            view.advance();
        }
    }

    /* --- alerts ------------------------------------------------------------------------------------------------- */

    const alarms = h("p", "note", "");

    function showAlarms() {
        const now = firing(live.state.last);
        setText(alarms, now.length === 0 ? "No alert fires." : `Firing: ${now.map(alert =>
            `${alert.name} (since ${timeText(Math.round(alert.start_s))})`).join(", ")}.`);
    }

    /* --- the whole ---------------------------------------------------------------------------------------------- */

    const foot = h("footer", "", "");

    function showFoot() {
        const {urls, started_ms: started} = live.state.last;
        setText(foot, `walproxy ${urls.lb}, primary ${urls.primary}, replica ${urls.replica}. Looked at since ${
            new Date(started).toLocaleString()}.`);
    }

    function moved() {
        showHead();
        if (live.state.last === null) {
            return;
        }
        if (live.state.lost === null) {
            showTiles();
            act.show(live.state.last);
            runbook.show(live.state.last);
            showAlarms();
            showCurves();
            showFoot();
        }
        document.documentElement.dataset.ready = "yes";
        document.documentElement.dataset.next = live.state.last.next;
    }

    page.append(headline(), tiles,
                h("div", "beside", act.panel(), runbook.panel(),
                  section("timeline", "Live", h("div", "window", choice, pace), alarms, place)),
                act.bar(), foot);
    live.begin(moved);
})();
