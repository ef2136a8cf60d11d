// slow_clients.mjs PROGRAMS [ROUNDS]
//
// Fifty good clients of walproxy, alone and beside two hundred slow or greedy ones, in alternating rounds of one run:
// requests a second and p99 as wrk tells them, medians.  The slow ones stay connected all the while; a third sends a
// head byte by byte, a third the body of an add, a third asks for a megabyte and reads a little of it now and then.
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ask, freePort, until } from '../tests/proofs/stack.mjs';

const [programs, rounds = '5'] = process.argv.slice(2);
const GOOD = 50;
const SLOW = 200;
const SECONDS = 4;
const DRIBBLE_MS = 1000;
const RECORDS = 300;
const ROOT = '/api/v2/tenants/default_tenant/databases/default_database/collections';
const folder = mkdtempSync('/tmp/bench-slow-');
const children = [];

function start(program, args, environment = {}) {
    children.push(spawn('setpriv', ['--pdeathsig', 'KILL', `${programs}/${program}`, ...args],
        { stdio: 'ignore', env: { ...process.env, ...environment } }));
}

async function startAll() {
    const [primary, replica, proxy] = [await freePort(), await freePort(), await freePort()];
    for (const port of [primary, replica]) {
        start('mockchroma', ['--port', String(port), '--control-port', '0']);
        await until('a mock answers', 10, async () => (await fetch(`http://127.0.0.1:${port}/api/v2/version`)).ok);
    }
    start('walproxy', [], {
        PRIMARY_URL: `http://127.0.0.1:${primary}`, REPLICA_URL: `http://127.0.0.1:${replica}`,
        LISTEN: `127.0.0.1:${proxy}`, WAL_DIR: `${folder}/wal`, LOG_LEVEL: 'warn',
    });
    const url = `http://127.0.0.1:${proxy}`;
    await until('both instances are up', 20, async () =>
        (await ask(url, 'GET', '/status')).json.instances.every((i) => i.healthy && i.resync === null));
    return { url, port: proxy };
}

async function fill(url) {
    const { id } = (await ask(url, 'POST', ROOT, { name: 'large' })).json;
    const ids = Array.from({ length: RECORDS }, (_, i) => `r${i}`);
    const embeddings = ids.map((_, i) => Array.from({ length: 384 }, (_, k) => (i * 31 + k * 17) % 1000 / 1000));
    const answer = await ask(url, 'POST', `${ROOT}/${id}/add`, { ids, embeddings });
    if (answer.status !== 201) throw new Error(answer.text);
    return id;
}

// ---- the slow ones ----

const HEAD = (method, path, rest) => `${method} ${path} HTTP/1.1\r\nHost: walproxy\r\n${rest}`;

function slow(port, kind, id, going) {
    const socket = connect(port, '127.0.0.1');
    const endless = `X-Padding: ${'x'.repeat(20000)}`;
    socket.on('error', () => {}); // walproxy may have had enough of it: another one comes
    socket.on('close', () => going.on && setTimeout(() => slow(port, kind, id, going), DRIBBLE_MS));
    let text = HEAD('GET', `${ROOT}/${id}/count`, endless);
    if (kind === 1) {
        socket.write(HEAD('POST', `${ROOT}/${id}/add`, 'Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n'));
        text = ' '.repeat(1000000);
    } else if (kind === 2) {
        const body = '{"include":["embeddings"]}';
        socket.write(HEAD('POST', `${ROOT}/${id}/get`, `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`));
        text = '';
        socket.pause();
    }
    let at = 0;
    const timer = setInterval(() => {
        if (!going.on || socket.destroyed) {
            clearInterval(timer);
            socket.destroy();
        } else if (kind === 2) {
            socket.read(1000);
        } else {
            socket.write(text[at++ % text.length]);
        }
    }, DRIBBLE_MS);
}

// ---- the good ones ----

const UNITS = { us: 0.001, ms: 1, s: 1000 };

async function good(url, id) {
    const { stdout } = await promisify(execFile)('wrk',
        ['-t1', `-c${GOOD}`, `-d${SECONDS}s`, '--latency', `${url}${ROOT}/${id}/count`]);
    const [, number, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout);
    const [, rate] = /Requests\/sec:\s+([\d.]+)/.exec(stdout);
    if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(stdout);
    return { p99: Number(number) * UNITS[unit], rate: Number(rate) };
}

const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];

try {
    const { url, port } = await startAll();
    const id = await fill(url);
    await good(url, id);
    const [alone, beside] = [[], []];
    for (let round = 0; round < Number(rounds); round++) {
        alone.push(await good(url, id));
        const going = { on: true };
        for (let i = 0; i < SLOW; i++) slow(port, i % 3, id, going);
        await sleep(4000); // all of them are connected and have begun
        beside.push(await good(url, id));
        going.on = false;
        await sleep(2 * DRIBBLE_MS);
    }
    const [a, b] = [median(alone.map((x) => x.p99)), median(beside.map((x) => x.p99))];
    const [ra, rb] = [median(alone.map((x) => x.rate)), median(beside.map((x) => x.rate))];
    console.log(`${GOOD} good clients: p99 ${a.toFixed(2)} ms alone, ${b.toFixed(2)} ms beside ${SLOW} slow ones: ${(b / a).toFixed(2)} times`);
    console.log(`  ${ra.toFixed(0)} requests/s alone, ${rb.toFixed(0)} beside them: ${(rb / ra).toFixed(2)}`);
} finally {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
