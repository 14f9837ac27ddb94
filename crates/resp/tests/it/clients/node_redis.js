// What a program that uses node-redis does, with the results it relies on, in both versions of the protocol.
const assert = require('assert');
const { createClient } = require('redis');

const port = Number(process.argv[process.argv.length - 1]);

async function main(RESP) {
  const r = createClient({ socket: { host: '127.0.0.1', port }, RESP, name: 'node-redis' });
  r.on('error', (error) => { throw error; });
  await r.connect();
  await r.flushAll();
  assert.equal(await r.set('k', 'v', { EX: 100 }), 'OK');
  assert.equal(await r.get('k'), 'v');
  await r.hSet('h', { x: '1', y: '2' });
  assert.deepEqual({ ...(await r.hGetAll('h')) }, { x: '1', y: '2' });
  assert.deepEqual(await r.multi().set('n', '1').incr('n').get('none').exec(), ['OK', 2, null]);
  assert.deepEqual(await Promise.all([r.incr('p'), r.incr('p'), r.incr('p')]), [1, 2, 3]);
  await assert.rejects(r.incr('h'), /WRONGTYPE/);

  const sub = r.duplicate();
  sub.on('error', (error) => { throw error; });
  await sub.connect();
  const all = [];
  let done;
  const heard = new Promise((resolve) => { done = resolve; });
  const note = (message, channel) => { all.push([channel, message]); if (all.length === 2) done(); };
  await sub.subscribe('news', note);
  await sub.pSubscribe('n*', note);
  assert.equal(await r.publish('news', 'hello'), 2);
  await heard;
  assert.deepEqual(all, [['news', 'hello'], ['news', 'hello']]);
  await sub.unsubscribe('news');
  await sub.pUnsubscribe('n*');

  assert.match(await r.sendCommand(['CLIENT', 'LIST']), /name=node-redis /);
  assert.equal(await r.aclWhoAmI(), 'default');
  assert.deepEqual({ ...(await r.configGet('databases')) }, { databases: '16' });
  await sub.close();
  await r.close();
}

main(2).then(() => main(3)).then(() => console.log('ok'))
  .catch((error) => { console.error(error); process.exit(1); });
