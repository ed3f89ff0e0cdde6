import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { SimulatedAgent } from '../../../simulator/mtconnect/agent.ts';
import type { FaultKind, FaultOrder } from '../../../simulator/mtconnect/fault.ts';
import { Fault } from '../../../src/errors.ts';
import type { Cursor, Reading } from '../../../src/observation.ts';
import { collect } from '../../support/yielded.ts';
import { booked, driverFor, producedFrom, seen } from './support.ts';

const RUN_MS = 4000;
const KINDS: readonly FaultKind[] = [
  'hang',
  'cut',
  'garbage',
  'notXml',
  'reset',
  'status500',
  'webPage',
  'trickle',
  'doctype',
  'outOfRange',
];
const TARGETS: readonly FaultOrder['on'][] = ['stream', 'stream', 'sample', 'current', 'probe', 'any'];

t.test('whatever breaks, in whatever order, every observation comes once and in order', async (t) => {
  const seed = Date.now() % 1_000_000;
  t.comment(`seed ${seed}`);
  let state = seed;
  const random = () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T;

  const devices = [{ name: 'a' }, { name: 'b' }];
  const agent = new SimulatedAgent({ version: '2.3', rate: 400, record: true, devices });
  t.teardown(() => agent.stop());
  await agent.start();
  const stop = new AbortController();
  const trouble = (async () => {
    while (!stop.signal.aborted) {
      agent.clearFaults();
      const times = 1 + Math.floor(random() * 2);
      agent.fault({ on: pick(TARGETS), kind: pick(KINDS), times, after: Math.floor(random() * 4) });
      if (random() < 0.08) await agent.restart();
      await sleep(150);
    }
  })();

  const short = { streamRetry: '500ms', requestTimeout: '400ms', heartbeat: '150ms' };
  const driver = driverFor(agent.url, { device: 'a', ...short });
  const readings: Reading[] = [];
  let cursor: Cursor | undefined;
  const end = performance.now() + RUN_MS;
  while (performance.now() < end) {
    try {
      await collect(driver, {
        from: cursor,
        each: async (reading) => {
          readings.push(reading);
          cursor = reading.cursor ?? cursor;
          if (random() < 0.03) await sleep(100);
        },
        // Now and then the gateway itself starts again.
        until: () => performance.now() >= end || random() < 0.01,
      });
    } catch (error) {
      t.match(error, { of: 'machine' }, `seed ${seed}: ${error instanceof Fault ? 'a fault of the machine' : error}`);
    }
  }
  stop.abort();
  await trouble;

  const withCursor = readings.filter((reading) => reading.cursor !== undefined);
  const lives = new Set(withCursor.map((reading) => reading.cursor?.['instanceId']));
  const start = withCursor[0]?.cursor;
  for (const life of lives) {
    // The first life begins with a snapshot, the others with the first sequence.
    const isFirst = life === start?.['instanceId'];
    const mine = withCursor.filter((reading) => reading.cursor?.['instanceId'] === life).slice(isFirst ? 1 : 0);
    const ours = seen(mine.flatMap(({ observations }) => observations));
    const from = isFirst ? (start?.['next'] as number) : 1;
    t.same(
      ours,
      booked(producedFrom(agent, 'a', from, Number(life))).slice(0, ours.length),
      `seed ${seed}, life ${life}`,
    );
  }
  const gaps = readings.flatMap(({ events }) => (events ?? []).filter(({ type }) => type === 'gap'));
  t.equal(gaps.length, lives.size - 1, `seed ${seed}: one gap for each restart and no other`);
});
