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
const bars = await page.read(`[...document.querySelectorAll(".bars")].map(figure => [figure.querySelector("h3").textContent,
    ...[...figure.querySelectorAll("li")].map(li => [li.children[0].textContent, li.children[2].textContent,
        Number.parseFloat(li.querySelector("i").style.width), li.className])])`);
const shown = [["Stale reads", "stale_share", 100, " %"], ["Sick primary noticed", "noticed_sick_s", 1, " s"],
               ["Failed requests", "failed_share", 100, " %"], ["Slowest answer", "slowest_s", 1, " s"],
               ["Requests on the primary", "primary_per_minute", 1, ""]];
check.same(bars.map(([title]) => title), shown.map(([title]) => title), "a picture for each figure of the profiles");
shown.forEach(([title, figure, factor, unit], i) => {
    const values = study.profiles.map(profile => profile.measured[figure]);
    bars[i].slice(1).forEach(([name, text, width, style], k) => {
        const {name: profile, recommended} = study.profiles[k];
        check.same([name, style], [profile, recommended ? "chosen" : ""], `${title}: whose bar`);
        check.that(text.endsWith(unit) && Math.abs(Number.parseFloat(text) - factor * values[k]) <= 0.5, `${title}, ${name}: ${text}`);
        const most = Math.max(...values);
        check.that(Math.abs(width - (most > 0 ? 100 * values[k] / most : 0)) < 0.1, `${title}, ${name}: a bar of ${width} %`);
    });
});
await browser.close();
check.end("capacity page");
