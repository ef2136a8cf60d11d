/* The pictures of capacity.html: the load asked about, over outages of rising length; the load profiles beside each other,
 * when they were measured; and what-if, when it was asked for. */
"use strict";

(() => {
    const study = JSON.parse(document.getElementById("study").textContent);
    const curve = study.curve;
    const lengths = curve.map(point => point.minutes * 60);
    const of = figure => curve.map(point => point.forecast[figure]);
    const bytes = {format: charts.bytesText, steps: charts.BYTE_STEPS, min: 0};
    const time = {format: charts.timeText, steps: charts.TIME_STEPS, min: 0};
    const place = document.getElementById("curves");

    /* A limit far above everything would flatten the curve below it. */
    const limits = (list, top) => list.filter(limit => limit.value <= 2 * top);
    const top = Math.max(charts.most(of("memory_bytes")), charts.most(of("log_bytes")));

    const outages = {
        x: charts.timeAxis(0, lengths[lengths.length - 1]),
        bands: [],
        marks: [{at: study.load.outage_s, color: "--fault", dash: [4, 3]}],
        charts: [{
            title: "Bytes held", note: "over the length of the outage; the dashed line is the one asked about", height: 220,
            x: lengths, y: bytes,
            series: [
                {label: "the guide's formula", values: curve.map(point => point.guide_mb * 1048576), color: "--muted", dash: [4, 3]},
                {label: "memory", values: of("memory_bytes"), color: "--write"},
                {label: "log", values: of("log_bytes"), color: "--read"},
            ],
            thresholds: limits([{value: study.settings.wal_memory_bytes, text: "WAL_MEMORY_BYTES", color: "--warn"},
                                {value: study.settings.wal_max_bytes, text: "WAL_MAX_BYTES", color: "--bad"}], top),
        }, {
            title: "Drained in", note: "once the primary is back and its return was noticed",
            x: lengths, y: time,
            series: [{label: "drain", values: of("drain_s"), color: "--ok"}],
            thresholds: [],
        }, {
            title: "Writes", note: "accepted, and refused by a quota",
            x: lengths, y: {format: charts.numberText, min: 0},
            series: [{label: "accepted", values: of("accepted"), color: "--write"},
                     {label: "refused", values: of("refused"), color: "--bad"}],
            thresholds: [],
        }],
    };

    const sizes = [...new Set(study.sweep.map(point => point.write_kb))];
    const rates = [...new Set(study.sweep.map(point => point.per_minute))];
    const sweepChart = size => {
        const points = rate => study.sweep.filter(point => point.write_kb === size && point.per_minute === rate);
        return {
            title: `Drained in: writes of ${size} KB`, note: "by writes a minute, over the length of the outage",
            x: points(rates[0]).map(point => point.minutes * 60), y: time,
            series: rates.map((rate, i) => ({label: `${rate} a minute`, values: points(rate).map(point => point.forecast.drain_s),
                                             color: `--op-${i + 1}`})),
            thresholds: [],
        };
    };

    const host = h("div", "charts");
    place.append(h("h2", "", "Over the length of the outage"), host);
    charts.mount(host, () => outages);
    if (sizes.length > 0) {
        const what = h("div", "charts");
        place.append(h("h2", "", "What if"), what);
        const longest = charts.most(study.sweep.map(point => point.minutes)) * 60;
        charts.mount(what, () => ({x: charts.timeAxis(0, longest), bands: [], marks: [], charts: sizes.map(sweepChart)}));
    }

    /* A bar for each profile; what never came about has the whole length. */
    const measured = study.profiles.filter(profile => profile.measured !== null);
    const bars = (title, note, figure, text) => {
        const values = measured.map(profile => profile.measured[figure]);
        const most = Math.max(...values);
        const bar = (profile, i) => {
            const fill = h("i", values[i] === null ? "never" : "");
            fill.style.width = `${values[i] === null ? 100 : most > 0 ? 100 * values[i] / most : 0}%`;
            return h("li", profile.recommended ? "chosen" : "", h("span", "", profile.name), h("span", "bar", fill),
                     h("span", "value", values[i] === null ? "never" : text(values[i])));
        };
        return h("figure", "bars", h("figcaption", "", h("h3", "", title), h("p", "chart-note", note)), h("ul", "", ...measured.map(bar)));
    };
    const share = value => `${(100 * value).toFixed(2)} %`;
    const seconds = value => `${value.toFixed(1)} s`;
    if (measured.length > 0) {
        const runs = measured[0].measured;
        place.append(h("h2", "", "Load profiles, measured"),
            h("p", "note", `${runs.runs} runs of each on sim, ${runs.writes_per_minute} writes and ${runs.reads_per_minute} reads a ` +
                "minute; in bold the one for the load asked about. Shorter is better."),
            h("div", "bar-charts",
                bars("Stale reads", `while the replica is ${runs.replica_behind_by_s} s behind`, "stale_share", share),
                bars("Sick primary noticed", "only its health checks fail", "noticed_sick_s", seconds),
                bars("Failed requests", "while the primary hangs", "failed_share", share),
                bars("Slowest answer", "while the primary hangs", "slowest_s", seconds),
                bars("Requests on the primary", "a minute, all is well", "primary_per_minute", value => value.toFixed(0))));
    }
    document.documentElement.dataset.ready = "yes";
})();
