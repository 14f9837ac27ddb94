// What a program that uses ioredis does, with the results it relies on.
const assert = require('assert');
const Redis = require('ioredis');

const port = Number(process.argv[process.argv.length - 1]);

async function main() {
  const r = new Redis({ port, connectionName: 'ioredis' });
  assert.equal(await r.set('k', 'v', 'EX', 100), 'OK');
  assert.equal(await r.get('k'), 'v');
  assert.deepEqual(await r.mget('k', 'none'), ['v', null]);
  await r.hset('h', { x: '1', y: '2' });
  assert.deepEqual(await r.hgetall('h'), { x: '1', y: '2' });
  const piped = await r.pipeline().incr('n').incr('n').get('none').exec();
  assert.deepEqual(piped, [[null, 1], [null, 2], [null, null]]);
  const multi = await r.multi().set('m', '1').incr('m').exec();
  assert.deepEqual(multi, [[null, 'OK'], [null, 2]]);
  await assert.rejects(r.incr('h'), /WRONGTYPE/);

  const sub = r.duplicate();
  const heard = new Promise((done) => {
    const all = [];
    const note = (...message) => { all.push(message); if (all.length === 2) done(all); };
    sub.on('message', note);
    sub.on('pmessage', note);
  });
  assert.equal(await sub.subscribe('news'), 1);
  assert.equal(await sub.psubscribe('n*'), 2);
  assert.equal(await r.publish('news', 'hello'), 2);
  assert.deepEqual(await heard, [['news', 'hello'], ['n*', 'news', 'hello']]);
  assert.equal(await sub.unsubscribe('news'), 1);
  assert.equal(await sub.punsubscribe('n*'), 0);
  assert.equal(await sub.get('k'), 'v');

  assert.match(await r.client('LIST'), /name=ioredis /);
  assert.match(await r.info(), /redis_version:7\.0\.15/);
  assert.deepEqual(await r.config('GET', 'databases'), ['databases', '16']);

  const ada = new Redis({ port, username: 'ada', password: 'pw', lazyConnect: true });
  ada.on('error', () => {});
  await ada.connect();
  assert.equal(await ada.get('k'), 'v');
  await assert.rejects(ada.set('k', 'x'), /NOPERM/);
  for (const client of [r, sub, ada]) await client.quit();
  console.log('ok');
}

main().catch((error) => { console.error(error); process.exit(1); });
