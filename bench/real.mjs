// real.mjs PROGRAMS FOLDER [ROUNDS]
//
// walproxy against the best that can be done by hand with a real Chroma, in alternating rounds of one run; medians.
//
//   live    adds of one record (384 numbers) by 16, 64 and 128 clients that wait for each answer: straight to a
//           server; through a reference that joins by hand all that wait (one request in flight to each of two
//           servers); through walproxy with two servers; and the same with ACK_POLICY=durable.
//   replay  1,000 such adds that were queued while the primary refused, against the same 1,000 sent straight to a
//           server in batches of 100.
//
// Every round uses new collections.  A figure is acknowledged writes a second.
import { Agent, request } from 'node:http';
import { Stack, ask, until } from '../tests/proofs/stack.mjs';

const [programs, folder, rounds = '5'] = process.argv.slice(2);
const SECONDS = 4;
const ROUNDS = Number(rounds);
const ROOT = '/api/v2/tenants/default_tenant/databases/default_database/collections';
const agent = new Agent({ keepAlive: true, maxSockets: 256 });

const stack = new Stack(folder, programs, { CHECK_INTERVAL: '100ms', LOG_LEVEL: 'warn' });

const vector = Array.from({ length: 384 }, (_, i) => `0.${10000000 + ((i * 104729) % 89999999)}`).join(',');

function addBody(ids) {
    return `{"ids":[${ids.map((i) => `"${i}"`).join(',')}],"embeddings":[${ids.map(() => `[${vector}]`).join(',')}]}`;
}

function post(url, path, body) {
    return new Promise((resolve, reject) => {
        const { hostname, port } = new URL(url);
        const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
        const r = request({ agent, hostname, port, path, method: 'POST', headers }, (answer) => {
            answer.resume();
            answer.on('end', () => (answer.statusCode === 201 ? resolve() : reject(new Error(`add: ${answer.statusCode}`))));
        });
        r.on('error', reject);
        r.end(body);
    });
}

let collections = 0;
async function makeCollection(url) {
    const made = await ask(url, 'POST', ROOT, { name: `bench-${collections++}` });
    const path = `${ROOT}/${made.json.id}/add`;
    await post(url, path, addBody(['first']));
    return path;
}

// Acknowledged adds a second, by so many clients that wait for each answer.
async function rate(clients, add) {
    const end = performance.now() + SECONDS * 1000;
    const began = performance.now();
    let count = 0;
    await Promise.all(Array.from({ length: clients }, async (_, c) => {
        for (let n = 0; performance.now() < end; n++) {
            await add(`c${c}-${n}`);
            count++;
        }
    }));
    return count / ((performance.now() - began) / 1000);
}

async function direct(clients) {
    const url = stack.url('chroma-primary');
    const path = await makeCollection(url);
    return rate(clients, (id) => post(url, path, addBody([id])));
}

// One that joins whatever waits: the answer of the first server is the answer, the second follows.
function joiner(url, path, then) {
    let waiting = [];
    let busy = false;
    async function go() {
        busy = true;
        while (waiting.length > 0) {
            const batch = waiting.splice(0, 200);
            await post(url, path, addBody(batch.map((w) => w.id)));
            batch.forEach((w) => w.done());
            batch.forEach((w) => then?.(w.id));
        }
        busy = false;
    }
    const add = (id) => new Promise((done) => {
        waiting.push({ id, done });
        if (!busy) go();
    });
    return { add, idle: () => until('the follower is done', 60, () => !busy && waiting.length === 0) };
}

async function reference(clients) {
    const [p, r] = [stack.url('chroma-primary'), stack.url('chroma-replica')];
    const follower = joiner(r, await makeCollection(r));
    const leader = joiner(p, await makeCollection(p), (id) => void follower.add(id));
    const result = await rate(clients, leader.add);
    await follower.idle();
    return result;
}

async function proxied(clients) {
    const url = stack.url('walproxy');
    const path = await makeCollection(url);
    const result = await rate(clients, (id) => post(url, path, addBody([id])));
    await until('both have all', 60, async () => {
        const { instances } = await stack.status();
        return instances.every((i) => i.lag === 0);
    });
    return result;
}

async function withPolicy(policy, run) {
    await stack.kill('walproxy', 'SIGTERM');
    await stack.startProxy({ ...stack.settings, ...policy });
    await until('both are up', 30, async () => {
        const { healthy_instances: up, instances } = await stack.status();
        return up === 2 && instances.every((i) => i.resync === null);
    });
    return run();
}

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function live() {
    for (const clients of [16, 64, 128]) {
        const seen = { direct: [], reference: [], proxied: [], durable: [] };
        for (let round = 0; round < ROUNDS; round++) {
            seen.direct.push(await direct(clients));
            seen.reference.push(await reference(clients));
            seen.proxied.push(await withPolicy({}, () => proxied(clients)));
            seen.durable.push(await withPolicy({ ACK_POLICY: 'durable' }, () => proxied(clients)));
        }
        const ratio = (of, to) => median(seen[of].map((v, i) => v / seen[to][i]));
        console.log(`live, ${clients} clients: direct ${median(seen.direct).toFixed(0)}/s, ` +
            `joined by hand ${median(seen.reference).toFixed(0)}/s, walproxy ${median(seen.proxied).toFixed(0)}/s: ` +
            `${ratio('proxied', 'reference').toFixed(2)} of by hand (aim 0.8), ${ratio('proxied', 'direct').toFixed(1)} times direct; ` +
            `acknowledged from the log ${median(seen.durable).toFixed(0)}/s: ${ratio('durable', 'direct').toFixed(1)} times direct (aim 50)`);
    }
}

// ---- replay ----

async function byHand() {
    const url = stack.url('chroma-primary');
    const path = await makeCollection(url);
    const began = performance.now();
    for (let at = 0; at < 1000; at += 100) {
        await post(url, path, addBody(Array.from({ length: 100 }, (_, i) => `r${at + i}`)));
    }
    return (performance.now() - began) / 1000;
}

// From the first request of the replay to the last answer, by the gateway's journal.
async function replayed() {
    const url = stack.url('walproxy');
    const path = await makeCollection(url);
    await stack.fault('primary', { do: 'refuse' });
    for (let at = 0; at < 1000; at += 50) {
        await Promise.all(Array.from({ length: 50 }, (_, i) => post(url, path, addBody([`r${at + i}`]))));
    }
    await stack.heal('primary');
    await until('the replay is over', 60, async () => (await stack.log()).pending_writes === 0);
    const { text } = await ask(stack.url('control-primary'), 'GET', '/journal?limit=100000');
    const adds = text.split('\n').filter((line) => line.includes('"op":"add"')).map((line) => JSON.parse(line));
    let left = 1000;
    let first = Infinity;
    let last = 0;
    for (const line of adds.filter((l) => l.status === 201).reverse()) {
        if (left <= 0) break;
        left -= line.ids.length;
        first = Math.min(first, line.received_ns);
        last = Math.max(last, line.applied_ns);
    }
    if (left > 0) throw new Error(`the journal lacks ${left} of the records`);
    return (last - first) / 1e9;
}

async function replay() {
    const ratios = [];
    const seconds = { hand: [], replay: [] };
    await withPolicy({}, async () => {});
    for (let round = 0; round < ROUNDS; round++) {
        seconds.hand.push(await byHand());
        seconds.replay.push(await replayed());
        ratios.push(seconds.hand.at(-1) / seconds.replay.at(-1));
    }
    console.log(`replay of 1000 adds: by hand in hundreds ${(1000 / median(seconds.hand)).toFixed(0)}/s, ` +
        `replayed ${(1000 / median(seconds.replay)).toFixed(0)}/s: ${median(ratios).toFixed(2)} of by hand (aim 0.8)`);
}

try {
    await stack.prepare();
    await stack.startProxy();
    await live();
    await replay();
} finally {
    await stack.stop();
}
process.exit(0);
