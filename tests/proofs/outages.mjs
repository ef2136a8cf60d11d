// An instance, or the proxy itself, dies under load and comes back.
import { setTimeout as sleep } from 'node:timers/promises';
import { random } from './load.mjs';
import { until } from './stack.mjs';

const NAMES = ['films', 'books', 'songs'];

async function outage(p, instance, seconds) {
    await p.stack.killChroma(instance);
    await sleep(seconds * 1000);
    const { pending_writes: pending } = await p.stack.log();
    await p.stack.startChroma(instance);
    // Until the one that was away has caught up with the load, the other one is needed.
    await until(`${instance} is up again and has caught up`, 120, async () => {
        const { instances, write_ahead_log: log } = await p.stack.status();
        return log.pending_writes < 5 && instances.every((i) => i.healthy && i.lag < 5 && i.resync === null);
    });
    return pending;
}

// One outage of a minute and four of five seconds; the instance that dies alternates.
const instanceKilled = {
    async run(p) {
        await p.load.makeCollections(NAMES);
        p.load.start();
        await p.load.more(30);
        const lengths = [60, 5, 5, 5, 5];
        let most = 0;
        for (const [round, seconds] of lengths.entries()) {
            const instance = round % 2 === 0 ? 'primary' : 'replica';
            const pending = await outage(p, instance, seconds);
            if (instance === 'primary') p.check(`writes were queued in outage ${round}`, pending > 0);
            most = Math.max(most, pending);
            await p.load.more(20);
        }
        await p.load.stop();
        await p.judge();
        p.note(`${lengths.length} outages, at most ${most} pending`);
    },
};

// Twenty rounds: the proxy is killed at a random moment; what the client was told must be there.
const proxyKilled = {
    async run(p) {
        const rng = random(p.options.seed);
        let away = false;
        p.load.mayFail = () => away;
        p.load.pauseMs = 5;
        await p.load.makeCollections(NAMES);
        p.load.start();
        for (let round = 0; round < 20; round++) {
            if (round % 4 === 3) await p.stack.killChroma('primary'); // and sometimes with writes pending
            await p.load.more(3 + rng(30));
            away = true;
            await p.stack.kill('walproxy');
            if (round % 4 === 3) await p.stack.startChroma('primary');
            await p.stack.startProxy();
            away = false;
        }
        await p.load.stop();
        await p.judge();
        p.note(`20 kills, ${p.load.lost} requests cut`);
    },
};

// Back, but answering 503 to writes; then hanging; then dying three times in the middle of the replay.
const weakReturn = {
    settings: { REPLAY_RATE: '40' },
    async run(p) {
        const { stack } = p;
        p.load.pauseMs = 10;
        await p.load.makeCollections(NAMES);
        p.load.start();
        await p.load.more(20);
        await stack.killChroma('primary');
        await sleep(15000);
        await stack.fault('primary', { do: 'respond', status: 503, match: { op: 'write' } });
        await stack.startChroma('primary');
        await until('the primary counts as up', 30, () => stack.healthy('primary'));
        await sleep((p.options.long ? 45 : 20) * 1000);
        await p.load.stop();
        const most = (await stack.log()).pending_writes;
        p.check('nothing was replayed into the 503s', most > 100);
        await stack.heal('primary');
        await until('replay goes on', 30, async () => (await stack.log()).pending_writes < most - 20);
        await stack.fault('primary', { do: 'blackhole' });
        await sleep(6000);
        await stack.heal('primary');
        for (let death = 0; death < 3; death++) {
            const before = (await stack.log()).pending_writes;
            p.check(`death ${death} comes in the middle of the replay`, before > 20);
            await until('replay goes on', 60, async () => (await stack.log()).pending_writes < before - 10);
            await stack.killChroma('primary');
            await sleep(500);
            await stack.startChroma('primary');
        }
        await p.judge();
        p.note(`${most} pending at most, 3 deaths in the replay`);
    },
};

export const outages = { 'instance-killed': instanceKilled, 'proxy-killed': proxyKilled, 'weak-return': weakReturn };
