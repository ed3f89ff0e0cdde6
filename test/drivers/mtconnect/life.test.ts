import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { ClockSkew } from '../../../src/drivers/mtconnect/clock-skew.ts';
import { place, positionOf, toCursor } from '../../../src/drivers/mtconnect/cursor.ts';
import type { StreamsHeader } from '../../../src/drivers/mtconnect/document.ts';
import { BufferForecast } from '../../../src/drivers/mtconnect/forecast.ts';
import { get } from '../../../src/drivers/mtconnect/http.ts';
import { deriveState, StateTracker } from '../../../src/drivers/mtconnect/state.ts';

t.test('state: unavailable, emergency stop, then the word of the Execution', async (t) => {
  const state = (execution: string | undefined, available = 'AVAILABLE', emergencyStop = false) => {
    const { v, q } = deriveState({ execution, available, emergencyStop });
    return `${v} ${q}`;
  };
  t.equal(state('ACTIVE'), 'running good');
  for (const word of ['READY', 'WAIT', 'PROGRAM_COMPLETED']) t.equal(state(word), 'idle good', word);
  for (const word of ['STOPPED', 'INTERRUPTED', 'FEED_HOLD', 'PROGRAM_STOPPED', 'OPTIONAL_STOP']) {
    t.equal(state(word), 'stopped good', word);
  }
  t.equal(state('UNAVAILABLE'), 'stopped uncertain');
  t.equal(state('ACTIVE', 'UNAVAILABLE'), 'stopped uncertain');
  t.equal(state('ACTIVE', 'AVAILABLE', true), 'stopped good');
  t.equal(state('DANCING'), 'idle uncertain');
  t.equal(state('constructor'), 'idle uncertain');
  t.equal(state(undefined), 'null bad');
});

t.test('the state is told when it changes, and any of several emergency stops stops', async (t) => {
  const tracker = new StateTracker();
  tracker.note('execution', 'e', 'ACTIVE');
  t.match(tracker.changed(), { v: 'running' });
  t.equal(tracker.changed(), undefined);
  tracker.note('estop', '1', 'TRIGGERED');
  tracker.note('estop', '2', 'TRIGGERED');
  t.match(tracker.changed(), { v: 'stopped' });
  tracker.note('estop', '1', 'ARMED');
  t.equal(tracker.changed(), undefined);
  tracker.note('estop', '2', 'ARMED');
  t.match(tracker.changed(), { v: 'running' });
});

const header = (more: Partial<StreamsHeader>): StreamsHeader => ({
  instanceId: '1',
  agentVersion: undefined,
  schemaVersion: undefined,
  bufferSize: 100,
  creationTime: undefined,
  deviceModelChangeTime: undefined,
  firstSequence: 50,
  lastSequence: 149,
  nextSequence: 150,
  ...more,
});

t.test('places a cursor in the agent’s buffer', async (t) => {
  const at = (next: number, more: Partial<StreamsHeader> = {}) =>
    place({ instanceId: '1', next, device: 'd', lastTime: null }, header(more));
  t.equal(at(50), 'inside');
  t.equal(at(150), 'inside', 'nothing new');
  t.equal(at(49), 'overrun');
  t.equal(at(151), 'restart', 'it has not counted that far');
  t.equal(at(100, { instanceId: '2' }), 'restart');
  t.equal(at(150, { nextSequence: 0 }), 'inside', 'an agent that leaves nextSequence out of a current');
});

t.test('a cursor survives JSON and is only taken where it fits', async (t) => {
  const position = { instanceId: '17', next: 4711, device: 'u', lastTime: 5 };
  t.same(positionOf(JSON.parse(JSON.stringify(toCursor(position))), 'u'), position);
  t.equal(positionOf(toCursor(position), 'other'), undefined);
  t.equal(positionOf({ device: 'u', next: 'x', instanceId: '1' }, 'u'), undefined);
  t.equal(positionOf({ device: 'u', next: 1.5, instanceId: '1' }, 'u'), undefined);
  t.equal(positionOf(undefined, 'u'), undefined);
});

t.test('foretells the overflow and asks in time', async (t) => {
  const forecast = new BufferForecast();
  t.equal(forecast.period(1000), 250, 'cautious until the rate is known');
  t.equal(forecast.period(50), 50);
  for (let s = 0; s <= 5; s += 1) forecast.note({ lastSequence: s * 100, bufferSize: 333 }, s * 1000);
  t.equal(forecast.rate, 100);
  t.equal(forecast.fillTime, 3330);
  t.equal(forecast.period(5000), 1110);
  t.equal(forecast.period(500), 500);
  t.notOk(forecast.isAtRisk(20));
  t.ok(forecast.isAtRisk(2000), 'one request takes longer than the buffer allows');
  forecast.note({ lastSequence: 5500, bufferSize: 333 }, 6000);
  t.equal(forecast.rate, 5000, 'a rise counts at once');
  t.ok(forecast.isAtRisk(20));
  t.match(forecast.describe(), /333 observations and makes 5000 a second: its buffer rolls over in 0\.1 s/);
  forecast.note({ lastSequence: 5500, bufferSize: 333 }, 7000);
  t.equal(forecast.rate, 4000, 'a fall by and by');
  forecast.note({ lastSequence: 1, bufferSize: 333 }, 8000);
  t.equal(forecast.rate, 4000, 'a restart is no rate');
});

t.test('without a buffer size there is nothing to foretell', async (t) => {
  const forecast = new BufferForecast();
  for (let s = 0; s < 3; s += 1) forecast.note({ lastSequence: s * 1e6, bufferSize: undefined }, s * 1000);
  t.equal(forecast.period(5000), 5000);
  t.notOk(forecast.isAtRisk(1e9));
});

t.test('the clock’s skew is told once, and again when it changes by more than five seconds', async (t) => {
  const skew = new ClockSkew();
  t.equal(skew.note(1_004_000, 1_000_000), undefined);
  t.match(skew.note(1_030_000, 1_000_000), { code: 'clock-skew', message: /30 s ahead of/ });
  t.equal(skew.note(1_033_000, 1_000_000), undefined);
  t.match(skew.note(940_000, 1_000_000), { message: /60 s behind/ });
  t.match(skew.note(1_000_500, 1_000_000), { message: /agrees .* again/ });
  t.equal(skew.note(1_000_500, 1_000_000), undefined);
});

t.test('a body that nobody reads stays with the sender', async (t) => {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  let written = 0;
  const server = createServer(async (_, response: ServerResponse) => {
    while (!response.destroyed) {
      written += chunk.length;
      if (!response.write(chunk)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await using answer = await get(url, { signal: AbortSignal.timeout(5000), timeout: 1000 });
  await answer.read(1000);
  // The kernel's buffers fill, then nothing moves any more.
  let before = -1;
  while (before !== written) {
    before = written;
    await sleep(100);
  }
  t.ok(written < 16 * 2 ** 20, `${Math.round(written / 1024)} KiB were taken`);
  await sleep(200);
  t.equal(written, before);
  await answer.read(1000);
});
