/* live.mjs PICTURES BIN: opens the page of a running `waldrill up` and asks whether it moves, whether its figures are
 * those of /status, /alerts and /metrics, whether it is quiet and fits a phone, whether it can only be read, and what it says
 * when nobody answers any more. */
import {request} from "node:http";
import {connect} from "node:net";
import {launch} from "./browser.mjs";
import {Check, numberOf} from "./check.mjs";
import {startStack, until} from "./stack.mjs";

const [pictures, bin] = process.argv.slice(2);
const check = new Check();
const SCALE = 20;
const WRITES = 27;
const DELAY_MS = 100; /* of the machine's time; the balancer's clock counts SCALE times as much */

const browser = await launch();
const stack = await startStack(bin, "--time-scale", `${SCALE}`);
const page = await browser.open(stack.page, {network: true});
const tileOf = key => `document.querySelector(".tile[data-key='${key}'] dd")?.textContent`;
const text = selector => `document.querySelector(${JSON.stringify(selector)}).textContent`;
const canvases = title => `(() => {
    const figure = [...document.querySelectorAll("figure")].find(figure => figure.getAttribute("aria-label") === ${JSON.stringify(title)});
    return figure === undefined ? null : figure.querySelectorAll("canvas").length;
})()`;

/* --- at rest ------------------------------------------------------------------------------------------------ */

await page.until("document.documentElement.dataset.ready === 'yes'", "the page draws itself");
check.same(await page.read(text(".badge")), "healthy", "at rest");
for (const title of ["What went on", "Pending writes", "Oldest pending write", "Failed replays", "Memory and log", "Replayed per minute",
                     "Requests per second", "Latency, median", "Latency, 99th percentile"]) {
    check.same(await page.read(canvases(title)), 1, `there is a chart: ${title}`);
}
const first = Number(await page.read("document.documentElement.dataset.next"));
await page.until(`Number(document.documentElement.dataset.next) > ${first}`, "the page moves");

/* --- how clients are served --------------------------------------------------------------------------------- */

const looksOf = async from => (await fetch(new URL(`/api/live?from=${from}`, stack.page))).json();
const known = values => values.filter(value => value !== null);
const all = async () => (await looksOf(0)).samples;

/* Requests by kind, from the rates and the times between the looks that they are of. */
function answered(samples, kind) {
    let before = 0;
    return samples[kind].reduce((sum, rate, i) => {
        const length = samples.at_s[i] - before;
        before = samples.pending[i] === null ? before : samples.at_s[i];
        return sum + (rate ?? 0) * length;
    }, 0);
}

/* What the page shows, when its newest look saw any request; else null. */
const shown = `(() => {
    const {value} = served.newest(live.newest);
    const tile = ${tileOf("requests")};
    return value === "–" || value === "0/s" || tile !== value ? null
        : {tile, next: live.state.last.next, curves: served.describe(live.run(0)).map(({series}) => Object.fromEntries(
            series.map(({label, values}) => [label, values.filter((_, i) => i % 2 === 1)])))};
})()`;

check.same(known((await all()).write_p50_ms), [], "where nothing was answered there is no percentile");
await stack.write(3);
let written = 4; /* with the collection they are in */
await until("they are counted", async () => Math.round(answered(await all(), "write_per_s")) >= written);
await stack.fault({do: "delay", by: `${DELAY_MS}ms`, match: {op: "write"}});
const seen = await until("the page shows that there are requests", async () => {
    await stack.write(1);
    written++;
    return page.read(shown);
});
await stack.clear();
await until("the slow ones are counted", async () => Math.round(answered(await all(), "write_per_s")) >= written);
const said = await all();
check.same(Math.round(answered(said, "write_per_s")), written, "each write is in the rates once");
check.that(Math.max(...known(said.write_p50_ms)) > DELAY_MS * SCALE / 2,
           "writes that took two seconds are in the bucket from 1 s to 2.5 s, or beyond");
check.that([said.read_per_s, said.failed_per_s, said.refused_per_s].every(column => known(column).every(rate => rate === 0)),
           "nobody read, and nothing failed: who looks is no load");
const [rates, medians, tails] = seen.curves;
const kinds = [["reads", "read"], ["writes", "write"], ["other", "other"]];
for (const [label, kind] of kinds) {
    check.same(rates[label], said[`${kind}_per_s`].slice(0, seen.next), `the curve of requests is what /api/live says: ${label}`);
    check.same(medians[label], said[`${kind}_p50_ms`].slice(0, seen.next), `and that of the median: ${label}`);
    check.same(tails[label], said[`${kind}_p99_ms`].slice(0, seen.next), `and that of the 99th percentile: ${label}`);
}
check.near(numberOf(seen.tile.replace("/s", "")), kinds.reduce((sum, [, kind]) => sum + said[`${kind}_per_s`][seen.next - 1], 0),
           "the figure above them is the newest look's");

/* --- an outage ---------------------------------------------------------------------------------------------- */

await page.read("document.querySelector('.charts').focus()");
await page.key("ArrowRight");
await stack.fault({do: "refuse", name: "outage"});
await stack.write(WRITES);
await until("all are pending", async () => (await stack.status()).write_ahead_log.pending_writes === WRITES);
await page.until(`${tileOf("pending")} === "${WRITES}"`, "the page shows what /status says: pending writes");
await page.until(`${tileOf("primary")} === "down"`, "the page shows that the primary is down");
await page.until(`${text("#timeline > .note")}.includes("pending_writes_high")`, "the page shows the alert that fires");
check.same(await page.read(text(".badge")), "trouble", "in an outage");
check.that((await page.read(text(".words"))).startsWith(`Primary is down; ${WRITES} acknowledged writes wait`), "words of an outage");
check.same(await page.read("document.activeElement.className"), "charts", "what is focused stays so while the page moves");
const drawn = await page.read(`(() => {
    const run = live.run(0);
    const {samples, strips} = run.charts;
    return {pending: samples.pending.at(-1), down: strips.primary.at(-1)[2], faults: run.faults.map(fault => fault.name.split(" ")[0]),
            alert: run.alerts.find(alert => alert.name === "pending_writes_high").firing.length};
})()`);
check.same(drawn, {pending: WRITES, down: "no", faults: ["delay", "outage"], alert: 1}, "what the curves are drawn from");
await page.screenshot(`${pictures}/live-1280-light.png`);

/* --- on a phone, in the dark -------------------------------------------------------------------------------- */

const phone = await browser.open(stack.page, {network: true, width: 390, scheme: "dark"});
await phone.until(`${tileOf("pending")} === "${WRITES}"`, "the phone shows the same");
check.same(await phone.read("document.documentElement.scrollWidth"), 390, "as wide as the phone");
check.same(await phone.read("live.run(0).charts.samples.pending.at(-1)"), WRITES, "who comes later sees the past, too");
check.that(await phone.read("live.run(0).charts.samples.pending.includes(0)"), "from before the outage");
await phone.screenshot(`${pictures}/live-390-dark.png`);

/* --- and back ----------------------------------------------------------------------------------------------- */

await stack.clear();
await page.until(`${tileOf("replayed")} === "${WRITES}"`, "the page shows what was replayed");
await page.until(`${text(".badge")} === "healthy"`, "the page shows that all is well");
check.same(await page.read("live.run(0).charts.replayed.reduce((sum, count) => sum + count, 0)"), WRITES, "the curve of replay");
check.same(Math.round(answered(await all(), "write_per_s")), written + WRITES, "all that was written is in the curve of requests");
check.that(await page.read("live.run(0).alerts.every(alert => alert.firing.every(span => span[1] !== null))"), "alerts are over");

/* --- reading only ------------------------------------------------------------------------------------------- */

const ask = async (path, options) => (await fetch(new URL(path, stack.page), options)).status;
check.same(await ask("/api/act", {method: "POST", body: "{\"do\":\"stop\"}"}), 404, "there is no way to act");
check.same(await ask("/api/live", {method: "POST", body: "{}"}), 405, "what is read is not written");
check.same(await ask("/api/live?from=x"), 400, "a number that is none");
check.same(await ask("/nothing"), 404, "what there is not");
const asHost = host => new Promise((resolve, reject) => {
    request(new URL("/api/live", stack.page), {headers: {host}}, answer => {
        answer.resume();
        resolve(answer.statusCode);
    }).on("error", reject).end();
});
check.same(await asHost("evil.example"), 403, "a name that was bent to this machine");
check.same(await asHost("localhost"), 200, "and the machine's own");
const idle = Array.from({length: 20}, () => connect(new URL(stack.page).port, "127.0.0.1", function begin() {
    this.write("POST /api/live HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1");
}));
check.same(await ask("/api/live"), 200, "clients that send nothing more hold nobody up");
idle.forEach(socket => socket.destroy());
const {headers} = await fetch(stack.page);
check.that(headers.get("content-security-policy").includes("default-src 'none'"), "the page may load nothing from elsewhere");
check.same(headers.get("access-control-allow-origin"), null, "no page of another origin may read it");
check.same([...new Set([...page.requests, ...phone.requests].map(url => new URL(url).origin))], [new URL(stack.page).origin],
           "it asks nobody but its own server");
check.same([...page.complaints, ...phone.complaints], [], "console");

/* --- when waldrill itself is gone --------------------------------------------------------------------------- */

check.same(await stack.stop(), 0, "waldrill up ends well");
await page.until("!document.querySelector('.lost').hidden", "the page says that nobody answers");
check.that((await page.read(text(".lost"))).startsWith("No answer from waldrill itself since"), "in words");
await browser.close();
check.end("live page");
