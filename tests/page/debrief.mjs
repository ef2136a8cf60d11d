/* debrief.mjs PICTURES FOLDER...: opens the debrief.html of drills and asks whether each drew itself and says what the
 * drill.json beside it says: the verdict, every step with what was seen, every mistake. */
import {readFileSync} from "node:fs";
import {basename, join, resolve} from "node:path";
import {launch} from "./browser.mjs";
import {Check, look} from "./check.mjs";

const [pictures, ...folders] = process.argv.slice(2);
const check = new Check();
const browser = await launch();
const rowsOf = id => `[...document.querySelectorAll("#${id} tbody tr")].map(row => [...row.cells].map(cell => cell.textContent))`;

for (const folder of folders) {
    const name = `debrief-${basename(folder)}`;
    const url = `file://${resolve(folder)}/debrief.html`;
    const drill = JSON.parse(readFileSync(join(folder, "drill.json"), "utf8"));
    await look(browser, check, url, name, pictures);
    const page = await browser.open(url);
    check.same(await page.read(`document.querySelector(".badge").textContent`), drill.verdict, `${name}: verdict`);
    check.same(await page.read(`document.querySelector(".words").textContent`), drill.words, `${name}: words`);
    const steps = await page.read(rowsOf("steps"));
    check.same(steps.map(cells => cells[0].split(",")[0]), drill.steps.map(step => step.verdict), `${name}: verdicts of steps`);
    check.that(drill.steps.every((step, i) => steps[i][1].startsWith(step.name) && steps[i][5] === step.expects),
               `${name}: names and expectations of steps`);
    const wrong = drill.actions.filter(action => action.mistake !== null);
    const mistakes = wrong.length === 0 ? [] : await page.read(rowsOf("mistakes"));
    check.same(mistakes.map(cells => [cells[1], cells[2]]), wrong.map(action => [action.text, action.mistake]), `${name}: mistakes`);
    check.that(await page.read("Number(document.documentElement.dataset.charts)") >= 4, `${name}: charts on one axis`);
    const titles = await page.read(`[...document.querySelectorAll("#timeline figure")].map(figure => figure.getAttribute("aria-label"))`);
    check.same(titles.slice(0, 2), ["Operator", "What went on"], `${name}: the operator's deeds on the axis of the run`);
    await page.close();
}
await browser.close();
check.end("debrief pages");
