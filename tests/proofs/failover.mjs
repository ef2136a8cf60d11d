// The primary's role moves under load, the machine that had it dies and returns, and the role moves back.
import { until } from './stack.mjs';

const NAMES = ['films', 'books'];

async function holder(stack) {
    return (await stack.status()).instances.find((i) => i.role === 'primary').name;
}

async function promote(p, instance) {
    const began = Date.now();
    const answer = await p.stack.admin('POST', `/instances/${instance}/promote`);
    p.check(`promote is answered ${answer.status} ${answer.text}`, answer.status === 200 || answer.status === 202);
    await until(`${instance} has the primary's role`, 60, async () => (await holder(p.stack)) === instance);
    return Date.now() - began;
}

// Failover, an orderly restart and a kill of the proxy in between, the former primary away for a while, fail-back.
const failover = {
    async run(p) {
        const { stack } = p;
        let away = false;
        p.load.mayFail = () => away;
        await p.load.makeCollections(NAMES);
        p.load.start();
        await p.load.more(40);
        const there = await promote(p, 'replica');
        await p.load.more(40);
        await stack.killChroma('primary'); // it only follows now: nothing is queued for it that a client sees
        await p.load.more(40);
        p.check('writes go to the new holder at once', (await stack.log()).pending_writes < 5);
        for (const signal of ['SIGTERM', 'SIGKILL']) {
            away = true;
            await stack.kill('walproxy', signal);
            await stack.startProxy();
            away = false;
            p.check(`after ${signal} the role is where it was`, (await holder(stack)) === 'replica');
            await p.load.more(20);
        }
        await stack.startChroma('primary');
        await p.load.more(20);
        await until('the former holder is seen again', 60, () => stack.healthy('primary')); // else 409, not up
        const back = await promote(p, 'primary');
        await p.load.more(40);
        await stack.killChroma('replica');
        await p.load.more(20);
        await stack.startChroma('replica');
        await p.load.more(20);
        await p.load.stop();
        await p.judge();
        p.note(`failover under load after ${there} ms, fail-back after ${back} ms, ${p.load.lost} requests cut by the restarts`);
    },
};

export const roles = { failover };
