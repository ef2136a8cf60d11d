// proofs.mjs CHROMA_PACKAGE PROGRAMS [--seed N] [--long] [--keep] [NAME...]
//
// walproxy in front of two real Chromas, used through the official JavaScript client: instances are killed, hung,
// wiped and restored, the proxy itself is killed, and at the end both servers are read directly and compared with
// what the client was told.  Each proof runs on servers of its own.  --long takes a minute where CI takes seconds, --keep leaves the folders with the logs.
//
// Exit status 0: all held; 1: what did not is told, with the last lines of the proxy's log.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Load } from './load.mjs';
import { contents, differences, judge, Truth } from './truth.mjs';
import { Stack, until } from './stack.mjs';
import { outages } from './outages.mjs';
import { order } from './order.mjs';
import { repairs } from './repairs.mjs';
import { roles } from './failover.mjs';
import { manual } from './operations.mjs';

const [packageFolder, programs, ...rest] = process.argv.slice(2);
const chroma = await import(`${packageFolder}/dist/chromadb.mjs`);
console.warn = () => {}; // the client's hints about embedding functions

const options = { seed: 1 + Math.floor(Math.random() * 1e6), long: false, keep: false, names: [] };
while (rest.length > 0) {
    const word = rest.shift();
    if (word === '--seed') options.seed = Number(rest.shift());
    else if (word === '--long') options.long = true;
    else if (word === '--keep') options.keep = true;
    else options.names.push(word);
}

const SETTINGS = { CHECK_INTERVAL: '1s', LOG_LEVEL: 'info' };

class Proof {
    constructor(stack, load, truth) {
        Object.assign(this, { stack, load, truth, options, figures: [] });
    }

    // A figure for the line of this proof.
    note(text) {
        this.figures.push(text);
    }

    check(what, holds) {
        if (!holds) throw new Error(`${what}: does not hold`);
    }

    async settled(seconds = 120) {
        await until('nothing is pending and both instances are up', seconds, async () => {
            const status = await this.stack.status();
            return status.healthy_instances === 2 && status.write_ahead_log.pending_writes === 0 &&
                status.instances.every((i) => i.lag === 0 && i.resync === null);
        });
    }

    // Nothing pending, nothing failed, no error at the client, and both servers hold what it was told.
    async judge({ deadLetters = 0 } = {}) {
        await this.settled();
        const log = await this.stack.log();
        this.check(`failed_replays is ${log.failed_replays}`, log.failed_replays === deadLetters);
        const errors = this.load.errors;
        this.check(`${errors.length} client errors, the first: ${errors[0]}`, errors.length === 0);
        const primary = await contents(this.stack.url('chroma-primary'));
        const replica = await contents(this.stack.url('chroma-replica'));
        const wrong = [...judge(this.truth, primary, 'primary'), ...judge(this.truth, replica, 'replica'),
            ...differences(primary, replica)];
        this.check(`${wrong.length} differences, the first: ${wrong.slice(0, 3).join('; ')}`, wrong.length === 0);
        const { writes, reads } = this.load.counts;
        this.note(`${writes} writes, ${reads} reads, ${this.truth.count()} records equal on both`);
    }
}

async function run(name, proof) {
    const folder = mkdtempSync(`${tmpdir()}/proof-${name}-`);
    const stack = new Stack(folder, programs, { ...SETTINGS, ...proof.settings });
    const truth = new Truth();
    const began = Date.now();
    let p;
    try {
        await stack.prepare();
        if (proof.before) await proof.before(stack, truth);
        await stack.startProxy();
        p = new Proof(stack, new Load(truth, chroma, stack.url('walproxy'), options.seed), truth);
        if (proof.settles !== false) await p.settled(); // the names of both are known
        await proof.run(p);
        console.log(`ok     ${name}: ${p.figures.join('; ')} (${((Date.now() - began) / 1000).toFixed(0)} s)`);
        return true;
    } catch (error) {
        console.log(`FAILED ${name}: ${error.message} (seed ${options.seed})\n${stack.lastLines('walproxy')}`);
        return false;
    } finally {
        if (p) await p.load.stop().catch(() => {});
        await stack.stop();
        if (options.keep) console.log(`kept: ${folder}`);
        else rmSync(folder, { recursive: true, force: true });
    }
}

const all = { ...outages, ...order, ...repairs, ...roles, ...manual };
for (const name of options.names) {
    if (!(name in all)) {
        console.error(`no proof "${name}"; there are: ${Object.keys(all).join(', ')}`);
        process.exit(2);
    }
}
let passed = 0;
let failed = 0;
console.log(`seed ${options.seed}`);
for (const name of options.names.length > 0 ? options.names : Object.keys(all)) {
    if (await run(name, all[name])) passed++;
    else failed++;
}
console.log(`proofs on real Chromas: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
