// The steps of docs/operations.md: walproxy is put in front of a Chroma that runs, upgraded, and taken out again.
import { ask, until } from './stack.mjs';
import { state } from './truth.mjs';

const ROOT = '/api/v2/tenants/default_tenant/databases/default_database/collections';
const MARK = '/api/v2/tenants/walproxy/databases/walproxy';

async function here(url, id, record) {
    const answer = await ask(url, 'POST', `${ROOT}/${id}/get`, { ids: [record] });
    return answer.status === 200 ? answer.json.ids.length : `${answer.status} ${answer.json?.error}`;
}

// A Chroma with data and clients that hold its ids; then all of the page, in its order.
const operations = {
    settles: false,
    async before(stack, truth) {
        const url = stack.url('chroma-primary');
        this.old = (await ask(url, 'POST', ROOT, { name: 'old' })).json.id;
        const answer = await ask(url, 'POST', `${ROOT}/${this.old}/add`,
            { ids: ['r1'], embeddings: [[1, 2, 3]], documents: ['one'] });
        if (answer.status !== 201) throw new Error(answer.text);
        truth.write('old', 'r1', () => state([1, 2, 3], 'one', null), true);
    },
    async run(p) {
        const { stack } = p;
        const [proxy, primary] = [stack.url('walproxy'), stack.url('chroma-primary')];
        // In front of it: the ids that clients hold go on working.
        await p.settled();
        p.check('an id from before works through walproxy', await here(proxy, this.old, 'r1') === 1);
        await p.load.makeCollections(['films']);
        p.load.start(2);
        await p.load.more(20);
        // Upgrading in an outage of the primary: what is pending is there afterwards.
        await stack.killChroma('primary');
        const born = (await ask(proxy, 'POST', ROOT, { name: 'born-in-the-outage' })).json.id;
        p.truth.of('born-in-the-outage');
        await p.load.more(20);
        await p.load.stop();
        const before = (await stack.log()).pending_writes;
        await stack.kill('walproxy', 'SIGTERM');
        await stack.startProxy();
        p.check(`${before} writes are pending after the upgrade`, (await stack.log()).pending_writes === before && before > 20);
        await stack.startChroma('primary');
        p.load.start(2);
        await p.load.more(20);
        await p.load.stop();
        await p.judge();
        // Taking it out: nothing may be pending; then clients go to the primary.
        await stack.kill('walproxy', 'SIGTERM');
        p.check('an id from before works on the primary', await here(primary, this.old, 'r1') === 1);
        const films = p.load.handles.get('films').id;
        p.check('so does one given by the primary', (await ask(primary, 'GET', `${ROOT}/${films}/count`)).status === 200);
        const gone = await here(primary, born, 'r1');
        p.check(`one given in the outage is not known there: ${gone}`, String(gone).startsWith('404'));
        const renewed = (await ask(primary, 'GET', `${ROOT}/born-in-the-outage`)).json.id;
        p.check('by its name it is', renewed !== born && (await ask(primary, 'GET', `${ROOT}/${renewed}/count`)).status === 200);
        // What is left behind goes with one request.
        p.check('the mark is there', (await ask(primary, 'GET', `${MARK}/collections`)).json.length === 1);
        p.check('and goes', (await ask(primary, 'DELETE', MARK)).status === 200);
        await until('nothing of it is listed', 5, async () => (await ask(primary, 'GET', MARK)).status === 404);
        p.note('put in front, upgraded with writes pending, taken out');
    },
};

export const manual = { operations };
