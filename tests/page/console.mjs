/* console.mjs PICTURES BIN: works the page of `waldrill up --console` as a person would: breaks the primary, sees the
 * curves move and the guide's step marked, makes a dead letter and sends it again, and presses the red button until all
 * is healed.  Who has no token, or says what is no order, is refused. */
import {launch} from "./browser.mjs";
import {Check} from "./check.mjs";
import {startStack, until} from "./stack.mjs";

const [pictures, bin] = process.argv.slice(2);
const check = new Check();
const SCALE = 20;

const browser = await launch();
const stack = await startStack(bin, "--console", "--time-scale", `${SCALE}`);
const origin = new URL(stack.page).origin;
const token = new URLSearchParams(new URL(stack.page).hash.slice(1)).get("token");
const page = await browser.open(stack.page, {network: true, height: 900});
const wal = async () => (await stack.status()).write_ahead_log;
const tileOf = key => `document.querySelector(".tile[data-key='${key}'] dd")?.textContent`;
const text = selector => `(document.querySelector(${JSON.stringify(selector)})?.textContent ?? "")`;

/* Presses the button of that text in the card of that name ("primary", "replica", "load balancer", "dead letters"). */
async function press(card, label, on = page) {
    await on.read(`(() => {
        const card = [...document.querySelectorAll(".card")].find(card => card.querySelector("h3").textContent === ${JSON.stringify(card)});
        [...card.querySelectorAll("button")].find(button => button.textContent === ${JSON.stringify(label)}).click();
    })()`);
}

/* ... and waits for what came of it. */
async function does(card, label, words) {
    await press(card, label);
    await page.until(`${text(".said")}.startsWith(${JSON.stringify(`${words}:`)}) && !${text(".said")}.endsWith("...")`, words);
    const said = await page.read(text(".said"));
    check.that(said.startsWith(`${words}: done`), `${card}, ${label}: ${said}`);
}

/* The step that is marked, "1.3"; "" when none is. */
const STEP = `(() => {
    const steps = [...document.querySelectorAll("[aria-current=step]")];
    const scenarios = [...document.querySelectorAll(".scenario")];
    return steps.map(step => \`\${scenarios.findIndex(one => one.contains(step)) + 1}.\${[...step.parentNode.children].indexOf(step) + 1}\`).join();
})()`;

/* --- the token ------------------------------------------------------------------------------------------------- */

await page.until("document.documentElement.dataset.acts === 'yes'", "the page has its buttons");
await page.until("document.querySelectorAll('.scenario').length === 3", "the guide stands beside it");
check.that(token.length >= 32, "the token is long");
check.same(await page.read("location.href"), `${origin}/`, "the token is not left in the address line");
check.same(await page.read(STEP), "", "at rest no step is marked");
await page.until(`${text(".where")}.startsWith("Nothing to do")`, "at rest there is nothing to do");

/* --- an outage at the press of a button -------------------------------------------------------------------------- */

await does("load balancer", "1", "1 test write");
await does("primary", "outage", "outage on primary");
await does("load balancer", "60", "60 test writes");
const pending = (await wal()).pending_writes;
check.that(pending >= 60, `the outage button breaks the primary: ${pending} writes wait`);
await page.until(`${tileOf("pending")} === "${pending}"`, "the page shows what /status says: pending writes");
await page.until(`live.run(0).charts.samples.pending.at(-1) === ${pending}`, "so do the curves");
await page.until(`${tileOf("primary")} === "down"`, "the primary is down");
await page.until(`${STEP} === "2.3"`, "more than fifty writes wait: escalate");
check.same(await page.read("[...document.querySelectorAll('.scenario.now .symptoms li')].map(li => li.classList.contains('so'))"),
           [true, false, true], "the symptoms that are there");
check.that((await page.read(text(".scenario.now .guide-steps"))).includes(`${stack.lb}/status`), "the guide's commands have this stack's addresses");
await page.screenshot(`${pictures}/console-1280-light.png`);
await page.screenshot(`${pictures}/console-1280-first.png`, 900);

/* --- dead letters ------------------------------------------------------------------------------------------------ */

await does("primary", "clear all", "all faults of primary cleared");
await until("all is replayed", async () => (await wal()).pending_writes === 0);
await until("the primary is back", async () => (await stack.status()).instances[0].healthy);
await does("primary", "outage", "outage on primary");
await does("load balancer", "1", "1 test write");
await does("primary", "dead-letters", "dead-letters on primary");
await page.until("document.querySelectorAll('.card .faults li').length === 2", "both faults are listed");
await page.read("[...document.querySelectorAll('.faults li')].find(li => li.textContent.includes('outage')).querySelector('button').click()");
await until("the write becomes a dead letter", async () => (await wal()).dead_letters === 1);
await page.until("document.querySelectorAll('#letters li').length === 1", "the dead letter is listed");
await page.until(`${STEP} === "3.3"`, "the guide's manual intervention is marked");
await press("dead letters", "edit");
await page.until("document.querySelector('#letters textarea') !== null", "its body can be had");
check.that((await page.read("document.querySelector('#letters textarea').value")).includes("console-"), "and is what was sent");

const letterNow = () => page.read("document.querySelector('#letters li').dataset.lsn");
const mended = {ids: ["mended"], embeddings: [[4, 5, 6]]};
await page.read(`document.querySelector("#letters textarea").value = ${JSON.stringify(JSON.stringify(mended))}`);
await does("dead letters", "save", `dead letter ${await letterNow()} edited`);
const admin = await fetch(`${stack.lb}/admin/dead-letters/${await letterNow()}`, {headers: {authorization: `Bearer ${token}`}});
check.same(JSON.parse((await admin.json()).body), mended, "it has another body now");

const phone = await browser.open(stack.page, {network: true, width: 390, height: 844, scheme: "dark"});
await phone.until("document.querySelectorAll('#letters li').length === 1", "the phone shows it, too");
check.same(await phone.read("document.documentElement.scrollWidth"), 390, "as wide as the phone");
const small = await phone.read(`[...document.querySelectorAll("button")].filter(button => button.offsetParent !== null && button.classList.contains("do"))
    .map(button => button.getBoundingClientRect().height).filter(height => height < 40).length`);
check.same(small, 0, "buttons that a thumb can hit");
check.that(await phone.read("document.querySelector('.stop').getBoundingClientRect().bottom <= innerHeight"), "the red button is always in sight");
await phone.screenshot(`${pictures}/console-390-dark.png`);
await phone.screenshot(`${pictures}/console-390-first.png`, 844);

await does("primary", "clear all", "all faults of primary cleared");
const lsn = await letterNow();
await does("dead letters", "retry", `dead letter ${lsn} sent again`);
await until("the dead letter is redriven", async () => {
    const now = await wal();
    return now.dead_letters === 0 && now.pending_writes === 0 && now.failed_replays === 0;
});
await page.until(`${text("#letters")}.includes("None.")`, "the list is empty");

/* --- operating --------------------------------------------------------------------------------------------------- */

await does("load balancer", "pause", "replay paused");
await does("load balancer", "throttle", "replay throttled");
await until("throttled and paused", async () => {
    const now = await wal();
    return now.replay_paused && now.replay_rate === 5 && now.replay_rate_by === "operator";
});
const role = async name => (await stack.status()).instances.find(instance => instance.name === name).role;
await does("load balancer", "resume", "replay resumed");
await does("replica", "promote", "replica promoted");
await until("the role moves", async () => await role("replica") === "primary");
await does("primary", "promote", "primary promoted");
await until("and comes back", async () => await role("primary") === "primary");

/* --- the red button ----------------------------------------------------------------------------------------------- */

await does("load balancer", "pause", "replay paused");
await does("replica", "down", "replica forced down");
await does("primary", "blackhole", "blackhole on primary");
await does("replica", "kill", "replica killed");
await does("load balancer", "stop", "balancer: stop");
await page.until("!document.querySelector('.lost').hidden", "the page says that the balancer does not answer");
check.that((await page.read(text(".lost"))).startsWith("No answer from the balancer for"), "and since when");
await page.until(`${text(".badge")} === "no answer"`, "in a word");
await page.read("document.querySelector('.stop').click()");
await page.until(`${text(".healed")}.startsWith("All healed at")`, "all is healed");
check.that((await page.read(text(".said"))).startsWith("everything healed: done"), "nothing failed");
const after = await stack.status();
check.same(after.instances.map(instance => [instance.healthy, instance.forced]), [[true, null], [true, null]], "both are healthy, none is forced");
check.same([after.write_ahead_log.replay_paused, after.write_ahead_log.replay_rate_by, after.write_ahead_log.pending_writes],
           [false, "setting", 0], "replay is as it was");
for (const control of Object.values(stack.controls)) {
    const mock = await (await fetch(`${control}/status`)).json();
    check.same([mock.active_faults, mock.dead], [0, false], "no fault is left, nobody is dead");
}
check.that(await page.read("live.run(0).charts.strips.balancer.some(span => span[2] === 'no')"), "the silence is a gap in the curves");
await page.screenshot(`${pictures}/console-healed-1280-light.png`);

/* --- who may not ------------------------------------------------------------------------------------------------- */

const act = async (body, headers = {authorization: `Bearer ${token}`}) => {
    const answer = await fetch(`${origin}/api/act`, {method: "POST", body, headers});
    return [answer.status, (await answer.json()).error ?? ""];
};
check.same((await act("{\"do\":\"heal\"}", {}))[0], 401, "no token");
check.same((await act("{\"do\":\"heal\"}", {authorization: `Bearer ${token}x`}))[0], 401, "a wrong token");
check.same((await fetch(`${origin}/api/letters`)).status, 401, "what clients have sent is not for everybody");
check.same((await fetch(`${stack.lb}/admin/pending`)).status, 401, "the balancer's /admin wants the token, too");
check.same(await act("{\"do\":\"hael\"}"), [400, "do is \"hael\"; did you mean heal"], "an order that is none");
check.same((await act("nonsense"))[0], 400, "what is no JSON");
check.same((await act("x".repeat(1100000)))[0], 413, "what is too large");
check.same((await fetch(`${origin}/api/act`)).status, 405, "acting is not reading");
check.same((await act("{\"do\":\"retry\",\"lsn\":999999}"))[0], 404, "a dead letter that there is not");
const stranger = await browser.open(`${origin}/`, {network: true});
await stranger.until("document.documentElement.dataset.acts === 'yes' && !document.querySelector('.door').hidden", "who comes without a token is asked for it");
await press("primary", "outage", stranger);
await stranger.until(`${text(".said")}.includes("wants the console's token")`, "and cannot act");

/* Its 401 is the only thing that a console has to complain of. */
const complaints = [page, phone, stranger].flatMap(one => one.complaints).filter(words => !words.includes("401"));
check.same(complaints, [], "console");
check.same([...new Set([page, phone, stranger].flatMap(one => one.requests).map(url => new URL(url).origin))], [origin], "it asks nobody else");
check.that(stack.said().includes("console: walproxy stopped") && stack.said().includes("console: walproxy started"), "waldrill up tells what was done");
check.same(await stack.stop(), 0, "waldrill up ends well");
await browser.close();
check.end("console page");
