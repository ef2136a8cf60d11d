/* capacity.mjs PICTURES FOLDER: opens the capacity.html of a folder and asks whether its curves are drawn and its figures
 * are those of the capacity.json beside it. */
import {readFileSync} from "node:fs";
import {join, resolve} from "node:path";
import {launch} from "./browser.mjs";
import {Check, look} from "./check.mjs";

const [pictures, folder] = process.argv.slice(2);
const check = new Check();
const url = `file://${resolve(folder)}/capacity.html`;
const study = JSON.parse(readFileSync(join(folder, "capacity.json"), "utf8"));

const browser = await launch();
await look(browser, check, url, "capacity", pictures);
const page = await browser.open(url);
check.same(await page.read("Number(document.documentElement.dataset.charts)"), 6, "three curves, and what-if by size");
const tables = await page.read(`[...document.querySelectorAll(".table table")].map(table =>
    [...table.rows].map(row => [...row.cells].map(cell => cell.textContent)))`);
const [guide, costs] = tables;
check.same(guide.slice(1).map(row => row[4]), ["2.9 MB", "29.3 MB", "293.0 MB"], "the guide's own figures");
study.guide.forEach((example, i) => {
    const megabytes = Number.parseFloat(guide[i + 1][5]);
    check.that(Math.abs(megabytes - example.forecast.memory_bytes / 1048576) < 0.06, `${example.name}: memory ${guide[i + 1][5]}`);
});
const value = figure => costs.find(row => row[0] === figure)[1];
check.same(Number(value("writes")), study.forecast.writes, "writes");
check.same(Number.parseFloat(value("drained after that in")), Number(study.forecast.drain_s.toFixed(1)), "drain");
check.same(tables.at(-1).length - 1, study.sweep.length, "a row for each point of the sweep");
await browser.close();
check.end("capacity page");
