/* report.mjs PICTURES FOLDER...: opens the report.html of each folder in a headless Chromium and asks whether the page
 * is drawn, silent, no wider than a phone, and whether its figures are those of the results.json beside it; works its
 * filter and its keyboard, prints it; and leaves pictures. */
import {readFileSync} from "node:fs";
import {basename, resolve} from "node:path";
import {launch} from "./browser.mjs";
import {Check, look, numberOf} from "./check.mjs";

const [pictures, ...folders] = process.argv.slice(2);
const check = new Check();
const failed = item => !item.passed && !item.skipped;

/* {label: [figure, the small one beside it]} */
const TILES = `Object.fromEntries([...document.querySelectorAll(".tile")].map(tile => [tile.querySelector("dt").textContent,
    [tile.querySelector("dd").firstChild.textContent, tile.querySelector("dd small")?.textContent]]))`;
const texts = selector => `[...document.querySelectorAll(${JSON.stringify(selector)})].map(e => e.textContent)`;
const count = selector => `document.querySelectorAll(${JSON.stringify(selector)}).length`;

async function figures(page, run, name) {
    const tiles = await page.read(TILES);
    const tile = (label, value, whole) => {
        check.near(numberOf(tiles[label]?.[0] ?? ""), value, `${name}: ${label}`);
        if (whole !== undefined) {
            check.near(numberOf((tiles[label]?.[1] ?? "").replace("of", "")), whole, `${name}: ${label}, of`);
        }
    };
    const {writes, reads} = run.account;
    tile("Checks held", run.checks.passed, run.checks.passed + run.checks.failed);
    if (writes.offered > 0) {
        tile("Writes accepted", writes.accepted, writes.offered);
    }
    if (reads.offered > 0) {
        tile("Reads answered", reads.answered, reads.offered);
    }
    if (run.series.pending_max !== null) {
        tile("Most pending", run.series.pending_max);
        tile("Replayed", run.series.total_replayed);
    }
    if (writes.latency_ms.count > 0) {
        tile("Write latency p99", writes.latency_ms.p99);
    }
    check.same(await page.read("document.querySelector('.badge').textContent"), run.verdict.replaceAll("_", " "), `${name}: verdict`);
    check.same(await page.read("document.querySelector('.words').textContent"), run.words ?? "", `${name}: words`);
    check.same(await page.read(count(".failures > li")), run.assertions.filter(failed).length, `${name}: failures`);
    check.same(await page.read(count(".checks tbody tr:not(.group)")), run.assertions.length, `${name}: checks`);
    check.same(await page.read(count(".steps > li")), run.steps.length, `${name}: steps`);
    check.same(await page.read(count("#faults tbody tr")), run.faults.length, `${name}: faults`);
    check.same(await page.read(count("#alerts tbody tr")), run.alerts.flatMap(alert => alert.firing).length, `${name}: alerts`);
    check.same(await page.read(count(".missing li")), run.missing.length, `${name}: what is missing`);
}

async function latencies(page, run, name) {
    const kinds = run.charts.operations;
    const cells = await page.read(texts("#latency .figures tbody td"));
    check.same(cells.length, kinds.length * 7, `${name}: latency rows`);
    kinds.forEach((kind, i) => {
        const [op, offered, accepted, ...took] = cells.slice(7 * i, 7 * i + 7);
        check.same(op, kind.op, `${name}: operation`);
        check.near(numberOf(offered), kind.offered, `${name}: ${op} offered`);
        check.near(numberOf(accepted), kind.accepted, `${name}: ${op} accepted`);
        ["p50", "p90", "p99", "max"].forEach((key, k) =>
            check.near(numberOf(took[k]), kind.latency_ms[key], `${name}: ${op} ${key}`));
    });
}

async function filter(page, run, name) {
    const {history} = run;
    if (history.due_s.length === 0) {
        return;
    }
    const found = () => page.read("Number(document.querySelector('#operations [data-found]').dataset.found)");
    const choose = (index, value) => page.read(`(() => {
        const box = document.querySelectorAll("#operations select, #operations input")[${index}];
        box.value = ${JSON.stringify(value)};
        box.dispatchEvent(new Event(box.tagName === "INPUT" ? "input" : "change"));
    })()`);
    await choose(0, "all");
    check.same(await found(), history.due_s.length, `${name}: all operations`);
    const op = history.ops[history.op[0]];
    await choose(1, op);
    check.same(await found(), history.op.filter(index => history.ops[index] === op).length, `${name}: operations of a kind`);
    await choose(3, "no such words");
    check.same(await found(), 0, `${name}: words that are nowhere`);
    await choose(3, "");
    await choose(1, "");
    await choose(2, "slow");
    const took = (await page.read(texts(".operations td:nth-child(5)"))).map(text => text === "" ? Infinity : numberOf(text));
    check.that(took.every((ms, i) => i === 0 || ms <= took[i - 1]), `${name}: slowest first`);
}

async function keyboard(page, name) {
    const readout = () => page.read("document.querySelector('.readout').textContent");
    const before = await readout();
    await page.read("document.querySelector('.charts').focus()");
    await page.key("ArrowRight");
    const at = await readout();
    check.that(at !== before && /^[\d.hms]+/.test(at), `${name}: the arrow moves the cursor: ${at}`);
    const legends = "[...document.querySelectorAll('#timeline .u-legend .u-value')].map(e => e.textContent).join()";
    const values = await page.read(legends);
    await page.key("ArrowLeft");
    await page.key("ArrowLeft");
    check.that(await readout() !== at, `${name}: the arrow moves it back`);
    check.that(await page.read(legends) !== values, `${name}: all charts share the cursor`);
    await page.key("+");
    await page.key("Escape");
}

/* A PDF is made, the charts are there afterwards as well. */
async function print(page, name) {
    const charts = await page.read("document.documentElement.dataset.charts");
    const {data} = await page.send("Page.printToPDF", {printBackground: true});
    check.that(Buffer.from(data, "base64").length > 20000, `${name}: prints`);
    check.same(await page.read("document.documentElement.dataset.charts"), charts, `${name}: charts after printing`);
}

const browser = await launch();
for (const folder of folders) {
    const name = basename(folder);
    const run = JSON.parse(readFileSync(`${folder}/results.json`, "utf8"));
    const url = `file://${resolve(folder)}/report.html`;
    await look(browser, check, url, name, pictures);
    const page = await browser.open(url);
    await figures(page, run, name);
    await latencies(page, run, name);
    await filter(page, run, name);
    const drawn = Number(await page.read("document.documentElement.dataset.charts"));
    if (run.charts.samples.at_s.length > 0) {
        check.that(drawn >= 6, `${name}: charts`);
        await keyboard(page, name);
        await print(page, name);
    } else if (drawn === 0) {
        check.that((await page.read("document.getElementById('timeline').textContent")).includes("nothing to draw"),
                   `${name}: says that there is nothing to draw`);
    }
    check.same(page.complaints, [], `${name}: console, when worked with`);
    await page.close();
}
await browser.close();
check.end("report pages");
