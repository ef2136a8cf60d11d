/* gallery.mjs PICTURES FOLDER: opens the index.html of a folder of runs and asks whether it lists every run below it with
 * the figures of its results.json, failures first, with links that lead somewhere; and whether whole.html shows the same
 * pages when nothing else is there. */
import {cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync} from "node:fs";
import {tmpdir} from "node:os";
import {join, resolve} from "node:path";
import {launch} from "./browser.mjs";
import {Check, look} from "./check.mjs";

const [pictures, folder] = process.argv.slice(2);
const check = new Check();
const url = `file://${resolve(folder)}/index.html`;
const places = readdirSync(folder, {recursive: true}).filter(file => file.endsWith("results.json"))
    .map(file => file.slice(0, -"/results.json".length));

const browser = await launch();
await look(browser, check, url, "gallery", pictures);
const page = await browser.open(url);
const rows = await page.read(`[...document.querySelectorAll(".gallery tbody tr")].map(row => ({
    verdict: row.dataset.verdict, href: row.querySelector("a").getAttribute("href"), title: row.querySelector("a").textContent,
    cells: [...row.cells].map(cell => cell.textContent), points: row.querySelector("path").getAttribute("d").split("L").length}))`);
check.that(places.length > 1, `more than one run: ${places}`);
check.same(rows.map(row => decodeURI(row.href)).sort(), places.map(place => `${place}/report.html`).sort(), "every run is listed");
const good = rows.map(row => row.verdict === "PASS");
check.same(good, [...good].sort((a, b) => a - b), "failures first");
for (const row of rows) {
    const place = decodeURI(row.href).slice(0, -"/report.html".length);
    const run = JSON.parse(readFileSync(join(folder, place, "results.json"), "utf8"));
    check.that(existsSync(join(folder, decodeURI(row.href))), `${place}: the link leads to a report`);
    check.same(row.verdict, run.verdict, `${place}: verdict`);
    check.same(row.title, run.title ?? run.scenario, `${place}: title`);
    check.same(row.cells[2], run.engine, `${place}: engine`);
    check.same(row.cells[3], `${run.checks.passed} of ${run.checks.passed + run.checks.failed}`, `${place}: checks`);
    check.same(Number(row.cells[5]), run.series.pending_max, `${place}: pending`);
    check.that(Math.abs(Number.parseFloat(row.cells[7]) - run.wall_s) < 0.01, `${place}: wall time`);
    check.that(row.points > 5, `${place}: a picture of pending writes`);
}

/* One file, carried elsewhere. */
const elsewhere = mkdtempSync(join(tmpdir(), "whole-"));
cpSync(join(folder, "whole.html"), join(elsewhere, "whole.html"));
const whole = await browser.open(`file://${elsewhere}/whole.html`);
check.same(await whole.read(`document.querySelectorAll("script[data-page]").length`), places.length + 1, "it holds each report, and capacity");
const state = `(() => { const inner = document.querySelector("#opened iframe").contentDocument;
    return {hidden: document.getElementById("opened").hidden, ready: inner?.documentElement?.dataset.ready ?? "", title: inner?.title ?? ""}; })()`;
const shows = async (selector, what) => {
    await whole.read(`document.querySelector(${JSON.stringify(selector)}).click()`);
    await whole.until(`${state}.ready === "yes"`, what);
    const seen = await whole.read(state);
    check.same(seen.hidden, false, `${what}: shown`);
    check.that(seen.title.length > 0, `${what}: ${seen.title}`);
    await whole.read(`document.querySelector("#opened a").click()`);
    await whole.until(`document.getElementById("opened").hidden`, `${what}: closed`);
};
await shows(".gallery tbody tr a", "the report of the first run");
await shows(".contents a", "the page of capacity");
rmSync(elsewhere, {recursive: true});
await browser.close();
check.end("gallery page");
