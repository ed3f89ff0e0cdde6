import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type AgentOptions, SimulatedAgent } from '../../../simulator/mtconnect/agent.ts';
import { explain } from '../../../src/errors.ts';
import { collect, type Yielded } from '../../support/yielded.ts';
import { booked, driverFor, producedFrom, seen, sees } from './support.ts';

/** An agent of 1.6 has no device of its own, so all sequence numbers are the machine's. */
async function running(t: Test, options: AgentOptions = {}): Promise<SimulatedAgent> {
  const agent = new SimulatedAgent({ version: '1.6', record: true, ...options });
  t.teardown(() => agent.stop());
  await agent.start();
  return agent;
}

const next = (yielded: Yielded) => yielded.cursor?.['next'] as number;
const level = (agent: SimulatedAgent) => (yielded: Yielded) => next(yielded) === agent.nextSequence;

t.test('yields the model, a snapshot of everything, then what follows, without a hole', async (t) => {
  const agent = await running(t, { rate: 400 });
  const yielded = await collect(driverFor(agent.url), { until: ({ observations }) => observations.length > 400 });
  const [model, snapshot, ...later] = yielded.readings;
  t.match(model?.events, [{ type: 'machine', model: { name: 'cnc-1', uuid: 'sim-cnc-1', bufferSize: 131_072 } }]);
  t.match(yielded.of('machine')[0]?.signals['rpm'], {
    unit: 'rev/min',
    source: 'Srpm',
    type: 'ROTARY_VELOCITY ACTUAL',
  });
  t.equal(snapshot?.observations.filter(({ signal }) => signal === 'state').length, 1, 'the state once');
  const from = snapshot?.cursor?.['next'] as number;
  const ours = seen(later.flatMap(({ observations }) => observations));
  t.same(ours, booked(producedFrom(agent, 'cnc-1', from)).slice(0, ours.length));
  t.match(yielded.of('driver'), [{ state: 'streaming' }]);
  t.same(yielded.of('gap'), []);
});

t.test('resumes from any cursor without duplicates and without loss', async (t) => {
  const agent = await running(t, { rate: 800 });
  const all = await collect(driverFor(agent.url), { until: ({ readings }) => readings.length >= 12 });
  const start = all.readings[1]?.cursor?.['next'] as number;
  for (const cut of [1, 4, 9]) {
    const before = all.readings.slice(0, cut + 1);
    const from = before.at(-1)?.cursor;
    const after = await collect(driverFor(agent.url), { from, until: ({ observations }) => observations.length > 100 });
    const ours = seen([...before.slice(2), ...after.readings].flatMap(({ observations }) => observations));
    t.same(ours, booked(producedFrom(agent, 'cnc-1', start)).slice(0, ours.length), `after reading ${cut}`);
    t.same(after.of('gap'), []);
  }
});

t.test('remembers conditions, data sets and the state over a resume', async (t) => {
  const agent = await running(t);
  const tell = (item: string, value: Parameters<SimulatedAgent['observe']>[2]) => agent.observe('cnc-1', item, value);
  tell('avail', 'AVAILABLE');
  tell('execution', 'ACTIVE');
  tell('system', { level: 'FAULT', nativeCode: 'A1', text: 'door' });
  tell('vars', { entries: { a: 1, b: 2 } });
  const first = await collect(driverFor(agent.url), { until: level(agent) });
  t.match(first.signal('state').at(-1), { v: 'running', q: 'good' });
  tell('system', { level: 'WARNING', nativeCode: 'A2' });
  tell('vars', { entries: { b: null, c: 3 } });
  tell('execution', 'ACTIVE');
  const second = await collect(driverFor(agent.url), { from: first.cursor, until: level(agent) });
  t.equal(second.signal('system').at(-1)?.v, 'FAULT', 'the fault is still active');
  t.match(second.signal('system.active').at(-1)?.v, [
    { code: 'A1', level: 'FAULT' },
    { code: 'A2', level: 'WARNING' },
  ]);
  t.same(second.signal('vars').at(-1)?.v, { a: 1, c: 3 });
  t.same(second.signal('state'), [], 'the state has not changed');
});

t.test('catches up a backlog of many documents before it streams', async (t) => {
  const agent = await running(t);
  const first = await collect(driverFor(agent.url), { until: ({ cursor }) => cursor !== undefined });
  agent.flood('cnc-1', 'Xabs', 1000);
  const driver = driverFor(agent.url, { count: 50 });
  const yielded = await collect(driver, { from: first.cursor, until: (y) => y.of('driver').length > 0 });
  t.equal(yielded.signal('Xabs').length, 1000);
  t.ok(yielded.readings.every(({ observations }) => observations.length <= 50));
});

t.test('a restarted agent is read from the start of its new buffer, with a gap and a notice', async (t) => {
  const agent = await running(t);
  agent.observe('cnc-1', 'execution', 'ACTIVE');
  const first = await collect(driverFor(agent.url), { until: level(agent) });
  const old = agent.instanceId;
  await agent.restart();
  for (const value of [1, 2, 3]) agent.observe('cnc-1', 'Xabs', value);
  const second = await collect(driverFor(agent.url), { from: first.cursor, until: level(agent) });
  t.same(seen(second.observations), booked(producedFrom(agent, 'cnc-1', 1)), 'nothing of the new life is missing');
  const detail = { instanceId: String(agent.instanceId), previousInstanceId: String(old) };
  t.match(second.of('gap'), [{ cause: 'agent-restart', count: null, from: first.cursor?.['lastTime'], detail }]);
  t.match(second.of('notice'), [{ code: 'agent-restart' }]);
  t.equal(second.cursor?.['instanceId'], String(agent.instanceId));
});

t.test('a restart with a buffer that has rolled since begins with a snapshot', async (t) => {
  const agent = await running(t, { bufferSize: 64 });
  const first = await collect(driverFor(agent.url), { until: level(agent) });
  await agent.restart();
  agent.flood('cnc-1', 'Xabs', 500);
  const second = await collect(driverFor(agent.url), { from: first.cursor, until: level(agent) });
  t.match(second.of('gap'), [{ cause: 'agent-restart' }]);
  t.match(second.signal('execution'), [{ v: null, q: 'bad' }], 'what rolled out is told by the snapshot');
  t.same(
    second.signal('Xabs').map(({ v }) => v),
    Array.from({ length: 64 }, (_, i) => 436 + i),
  );
});

t.test('an overrun is a gap with exact counts, less what the snapshot recovers', async (t) => {
  const agent = await running(t, { bufferSize: 100 });
  agent.observe('cnc-1', 'avail', 'AVAILABLE');
  const first = await collect(driverFor(agent.url), { until: level(agent) });
  const begun = next(first);
  agent.observe('cnc-1', 'execution', 'FEED_HOLD');
  agent.observe('cnc-1', 'program', 'O1');
  agent.observe('cnc-1', 'program', 'O2');
  agent.flood('cnc-1', 'Xabs', 250);
  const second = await collect(driverFor(agent.url), { from: first.cursor, until: level(agent) });
  const [gap] = second.of('gap');
  const fromSequence = begun;
  const toSequence = agent.firstSequence - 1;
  // Recovered: the feed hold and O2, which were still the latest when the buffer began.
  const lost = toSequence - fromSequence + 1 - 2;
  t.match(gap, { cause: 'agent-overrun', count: lost, exact: true, detail: { fromSequence, toSequence } });
  t.equal(gap?.from, first.cursor?.['lastTime']);
  t.equal(gap?.to, second.signal('Xabs')[0]?.t);
  t.match(second.signal('execution'), [{ v: 'FEED_HOLD' }]);
  t.match(second.signal('program'), [{ v: 'O2' }]);
  t.match(second.signal('state'), [{ v: 'stopped' }]);
  t.equal(second.signal('Xabs').length, 100);
});

t.test('where others share the agent, the count of an overrun is an upper bound', async (t) => {
  const agent = await running(t, { bufferSize: 100, devices: [{ name: 'a' }, { name: 'b' }] });
  const driver = () => driverFor(agent.url, { device: 'a' });
  const first = await collect(driver(), { until: ({ cursor }) => cursor !== undefined });
  agent.flood('b', 'Xabs', 300);
  const second = await collect(driver(), {
    from: first.cursor,
    until: ({ events }) => events.some((e) => e.type === 'gap'),
  });
  t.match(second.of('gap'), [{ cause: 'agent-overrun', exact: false }]);
});

t.test('lands behind the start of a buffer that rolls while it is asked for', async (t) => {
  const agent = await running(t, { bufferSize: 333, rate: 3000 });
  const first = await collect(driverFor(agent.url), { until: ({ cursor }) => cursor !== undefined });
  // Far enough that a snapshot cannot know all of it.
  while (agent.firstSequence <= next(first) + 200) await sleep(20);
  const second = await collect(driverFor(agent.url), {
    from: first.cursor,
    until: ({ observations, events }) => observations.length > 300 && events.some((event) => event.type === 'gap'),
  });
  const gaps = second.of('gap');
  t.ok(gaps.every(({ cause, exact }) => cause === 'agent-overrun' && exact));
  const lost = gaps.reduce((sum, { count }) => sum + (count ?? 0), 0);
  const due = producedFrom(agent, 'cnc-1', next(first)).filter(({ sequence }) => sequence < next(second));
  const perSeries = due.filter(({ name }) => name === 'Svib').length;
  const got = seen(second.observations).length;
  // A lost time series counts as one, so the books can differ by no more than those.
  t.ok(
    Math.abs(due.length - lost - got) <= perSeries,
    `${due.length} made, ${lost} lost, ${got} read, ${perSeries} series`,
  );
});

t.test('a buffer that rolls between the snapshot and the first sample is told as a gap', async (t) => {
  const agent = await running(t, { bufferSize: 100 });
  let isFlooded = false;
  const yielded = await collect(driverFor(agent.url), {
    each: ({ cursor }) => {
      if (cursor !== undefined && !isFlooded) agent.flood('cnc-1', 'Xabs', 300);
      isFlooded ||= cursor !== undefined;
    },
    until: (y) => y.of('gap').length > 0 && level(agent)(y),
  });
  t.match(yielded.of('gap'), [{ cause: 'agent-overrun', count: 300 - 100, exact: true }]);
});

t.test('one refusal of the range is a hiccup and loses nothing; endless ones are a fault', async (t) => {
  const agent = await running(t, { rate: 300 });
  const first = await collect(driverFor(agent.url), { until: ({ cursor }) => cursor !== undefined });
  agent.fault({ on: 'sample', kind: 'outOfRange', times: 1 });
  const second = await collect(driverFor(agent.url), { from: first.cursor, until: (y) => y.observations.length > 100 });
  t.same(second.of('gap'), []);
  agent.fault({ on: 'sample', kind: 'outOfRange' });
  await t.rejects(collect(driverFor(agent.url), { from: first.cursor }), {
    name: 'Fault',
    of: 'machine',
    message: /OUT_OF_RANGE/,
  });
});

t.test('leaves what is not pulled with the agent, and loses nothing of it', async (t) => {
  const agent = await running(t, { rate: 2000 });
  let isPaused = false;
  const yielded = await collect(driverFor(agent.url), {
    each: async (_, y) => {
      if (isPaused || y.observations.length < 500) return;
      isPaused = true;
      await sleep(600);
    },
    until: ({ observations }) => isPaused && observations.length > 3000,
  });
  const start = yielded.readings[1]?.cursor?.['next'] as number;
  const ours = seen(yielded.readings.slice(2).flatMap(({ observations }) => observations));
  t.same(ours, booked(producedFrom(agent, 'cnc-1', start)).slice(0, ours.length));
});

t.test('ends within a second of the abort, whatever it is doing', async (t) => {
  const agent = await running(t, { rate: 50 });
  const ends = async (what: string, during: (abort: () => void) => Promise<unknown>) => {
    const stop = new AbortController();
    const reason = new Error('the gateway stops');
    let at = 0;
    const abort = () => {
      at = performance.now();
      stop.abort(reason);
    };
    const reading = (async () => {
      for await (const { events } of driverFor(agent.url, { requestTimeout: '20s' }).observe(undefined, stop.signal)) {
        if (events?.some(({ type }) => type === 'driver')) void during(abort);
      }
    })();
    if (what !== 'streaming') void during(abort);
    await t.rejects(reading, reason, what);
    t.ok(performance.now() - at < 1000, `${what}: ${Math.round(performance.now() - at)} ms`);
  };
  await ends('streaming', async (abort) => abort());
  agent.fault({ on: 'probe', kind: 'hang', times: 1 });
  await ends('waiting for an answer', async (abort) => sleep(100).then(abort));
  const stop = AbortSignal.abort(new Error('before'));
  await t.rejects(driverFor(agent.url).observe(undefined, stop).next(), { message: 'before' });
});

t.test('reads the device that is meant, and lists them where it is not clear', async (t) => {
  const agent = await running(t, { version: '2.3', devices: [{ name: 'mill 1' }, { name: 'lathe' }] });
  agent.observe('lathe', 'program', 'L1');
  agent.observe('mill 1', 'program', 'M1');
  for (const device of ['mill 1', 'sim-mill 1']) {
    const yielded = await collect(driverFor(agent.url, { device }), { until: sees('program', 'M1') });
    t.equal(yielded.of('machine')[0]?.model['name'], 'mill 1');
    t.notOk(sees('program', 'L1')(yielded));
    t.equal(yielded.cursor?.['device'], 'sim-mill 1');
  }
  for (const device of [undefined, 'saw']) {
    const own = device === undefined ? {} : { device };
    const error = await collect(driverFor(agent.url, own), {}).catch((thrown: unknown) => thrown);
    t.match(error, { name: 'Fault', of: 'config' });
    t.match(explain(error), /mill 1 \(uuid sim-mill 1\), lathe \(uuid sim-lathe\)/);
    t.notMatch(explain(error), /Agent/, 'the agent is no machine');
  }
});

t.test('a cursor of another device of the agent is not taken', async (t) => {
  const agent = await running(t, { devices: [{ name: 'a' }, { name: 'b' }] });
  const first = await collect(driverFor(agent.url, { device: 'a' }), { until: ({ cursor }) => cursor !== undefined });
  const second = await collect(driverFor(agent.url, { device: 'b' }), {
    from: first.cursor,
    until: ({ cursor }) => cursor !== undefined,
  });
  t.ok(second.signal('execution').length > 0, 'a snapshot');
  t.same(second.of('gap'), []);
});

t.test('probes again when the device model has changed', async (t) => {
  const agent = await running(t, { version: '2.0' });
  const yielded = await collect(driverFor(agent.url), {
    each: ({ events }) => {
      if (!events?.some(({ type }) => type === 'driver')) return;
      const dataItems = [{ id: 'new_item', category: 'EVENT', type: 'PROGRAM', name: 'added' }] as const;
      agent.setDevice({ element: 'Device', id: 'cnc-1', name: 'cnc-1', uuid: 'sim-cnc-1', dataItems });
      agent.observe('cnc-1', 'new_item', 'O77');
    },
    until: sees('added', 'O77'),
  });
  t.equal(yielded.of('machine').length, 2);
  t.ok(yielded.of('machine')[1]?.signals['added']);
});

t.test('tells the skew of the agent’s clock once', async (t) => {
  const agent = await running(t, { rate: 200 });
  agent.clockSkew = 3_600_000;
  const driver = driverFor(agent.url);
  const first = await collect(driver, { until: ({ observations }) => observations.length > 300 });
  t.match(first.of('notice'), [{ code: 'clock-skew', message: /ahead of/ }]);
  const second = await collect(driver, { from: first.cursor, until: ({ observations }) => observations.length > 50 });
  t.same(second.of('notice'), [], 'and not again after a reconnect');
});

t.test('warns when the agent’s buffer is too small for any pace', async (t) => {
  const agent = await running(t, { bufferSize: 100, rate: 2000 });
  const yielded = await collect(driverFor(agent.url), { until: (y) => y.of('notice').length > 0 });
  t.match(yielded.of('notice'), [{ code: 'buffer-overflow-risk', message: /keeps 100 observations/ }]);
});

t.test('keeps up with a buffer that rolls over in half a second', async (t) => {
  const agent = await running(t, { bufferSize: 500, rate: 1000 });
  const yielded = await collect(driverFor(agent.url, { mode: 'poll', pollInterval: '5s' }), {
    until: ({ observations }) => observations.length > 1500,
  });
  t.same(yielded.of('gap'), []);
});
