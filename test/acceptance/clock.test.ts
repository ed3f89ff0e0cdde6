import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { stringify } from 'yaml';
import { SimulatedUnit } from '../../simulator/modbus/device.ts';
import { SimulatedModbusTcp } from '../../simulator/modbus/tcp.ts';
import { type FaultyProxy, startProxy } from '../../simulator/proxy.ts';
import { receive } from '../../src/consumer/consumer.ts';
import { observationsOf } from '../../src/wire/codec.ts';
import type { WireBatch, WireEvent } from '../../src/wire/contract.ts';
import { noMosquitto, OPEN, startMosquitto } from '../support/brokers.ts';
import { FakeTime, noFakeTime } from '../support/fake-time.ts';
import { runGateway, until } from '../support/plant.ts';

const POLL_MS = 50;
/** What two clocks, a commit and a busy computer may differ by. */
const TOLERANCE_MS = 1500;

/** A polled machine that answers with a count, a gateway with a clock of its own, a broker, and a consumer. */
async function plant(t: Test, clock: { offset: number; synced: boolean }) {
  const folder = t.testdir();
  mkdirSync(join(folder, 'clock'));
  const time = new FakeTime(join(folder, 'clock'), clock);
  const broker = await startMosquitto(OPEN);
  t.teardown(() => broker[Symbol.asyncDispose]());
  const proxy = await startProxy(broker.port);
  t.teardown(() => proxy[Symbol.asyncDispose]());
  /** By the number that it was answered with, when each poll was, by the true time. */
  const polls: number[] = [];
  const unit = new SimulatedUnit({
    ranges: { holding: [[0, 1]] },
    onRequest: () => {
      polls.push(Date.now());
      unit.set('holding', 0, [polls.length >>> 16, polls.length & 0xffff]);
    },
  });
  const device = new SimulatedModbusTcp({ units: new Map([[1, unit]]) });
  t.teardown(() => device.stop());
  const url = `${await device.start()}/1`;
  const file = join(folder, 'gateway.yaml');
  const signals = { count: { address: 0, type: 'uint32' } };
  const config = {
    gateway: { id: 'gw', tenant: 'acme', dataDir: 'data' },
    machines: [{ id: 'plc', driver: 'modbus', url, poll: `${POLL_MS}ms`, signals }],
    uplink: { url: `mqtt://127.0.0.1:${proxy.port}`, backoff: { min: '100ms', max: '500ms' } },
    buffer: { flushInterval: '200ms' },
    http: { listen: 'off' },
    log: { format: 'json' },
  };
  writeFileSync(file, stringify(config));
  const batches: WireBatch[] = [];
  let conflicts = 0;
  const stop = new AbortController();
  const ready = Promise.withResolvers<void>();
  const consuming = (async () => {
    const consumed = receive({ url: `mqtt://127.0.0.1:${broker.port}`, signal: stop.signal, onReady: ready.resolve });
    for await (const received of consumed) {
      if (received.type === 'conflict') conflicts += 1;
      if (received.type === 'batch') batches.push(received.batch);
    }
  })();
  t.teardown(() => {
    stop.abort();
    return consuming;
  });
  await ready.promise;
  const start = () => {
    const gateway = runGateway(file, time.env);
    t.teardown(() => gateway.child.kill('SIGKILL'));
    return gateway;
  };
  return { time, proxy, polls, batches, start, conflicts: () => conflicts };
}

/** The broker is gone for the gateway, at once. */
function refuse(proxy: FaultyProxy): void {
  proxy.mode = 'refuse';
  proxy.cut();
}

type Plant = Awaited<ReturnType<typeof plant>>;

function clockEvents(batches: readonly WireBatch[]): Extract<WireEvent, { type: 'clock' }>[] {
  return batches
    .flatMap((batch) => (batch.kind === 'event' ? batch.events : []))
    .filter((event): event is Extract<WireEvent, { type: 'clock' }> => event.type === 'clock');
}

/** By how many seconds the clock was set. */
function steps(batches: readonly WireBatch[]): number[] {
  const told = clockEvents(batches).filter(({ batches: run }) => run === undefined);
  return told.map(({ offset }) => Math.round(offset / 1000));
}

/** The offset that the consumer was told to add to the times of a batch. */
function correction(batch: WireBatch, events: readonly Extract<WireEvent, { type: 'clock' }>[]): number {
  const told = events.find(({ repaired, batches: run }) => {
    const isOf = run?.kind === batch.kind && run.stream === batch.stream;
    return repaired === false && isOf && run.first <= batch.seq && batch.seq <= run.last;
  });
  return told?.offset ?? 0;
}

/** Holds the times of all counts, as a consumer corrects them, against when they were polled. */
function checkTimes(t: Test, { batches, polls }: Plant): void {
  const events = clockEvents(batches);
  const errors: number[] = [];
  const seen = new Set<number>();
  for (const batch of batches) {
    if (batch.kind !== 'telemetry') continue;
    for (const { signal, t: at, v } of observationsOf(batch)) {
      const polled = polls[Number(v) - 1];
      if (signal !== 'count' || v === null || polled === undefined) continue;
      seen.add(Number(v));
      errors.push(Math.abs(at + correction(batch, events) - polled));
    }
  }
  errors.sort((a, b) => a - b);
  const [median, worst] = [errors[errors.length >> 1] ?? Number.NaN, errors.at(-1) ?? Number.NaN];
  t.comment(`${errors.length} times: off by ${median.toFixed(1)} ms in the median, ${worst.toFixed(1)} ms at most`);
  t.ok(errors.length > 20);
  t.ok(worst < TOLERANCE_MS, 'every time is right');
  t.ok(seen.size >= polls.length - 40, `${seen.size} of ${polls.length} polls are there`);
}

const skip = noMosquitto || noFakeTime;

t.test(
  'no clock at boot, then the time server answers: what was read meanwhile has its true time',
  { skip, timeout: 60_000 },
  async (t) => {
    const own = await plant(t, { offset: -7_200, synced: false });
    refuse(own.proxy);
    const gateway = own.start();
    await until('40 polls', () => own.polls.length >= 40);
    own.time.set(0);
    own.time.synced = true;
    await until('the correction', () => gateway.lines.some(({ msg }) => msg.includes('times of')));
    own.proxy.mode = 'flow';
    await until(
      'all of it',
      () => own.batches.filter(({ kind }) => kind === 'telemetry').length >= 10 && clockEvents(own.batches).length > 1,
    );
    await sleep(1000);
    const events = clockEvents(own.batches);
    t.same(steps(own.batches), [7200], 'the step is told');
    t.ok(events.some(({ repaired }) => repaired === true));
    t.notOk(
      events.some(({ repaired }) => repaired === false),
      'nothing was sent before',
    );
    t.ok(own.batches.filter(({ kind }) => kind === 'telemetry').every(({ clock }) => clock === 'synced'));
    t.equal(own.conflicts(), 0);
    checkTimes(t, own);
  },
);

t.test(
  'what was sent before the time was known keeps its content, and is corrected by an event',
  { skip, timeout: 60_000 },
  async (t) => {
    const own = await plant(t, { offset: 10_800, synced: false });
    const gateway = own.start();
    await until('batches', () => own.batches.filter(({ kind }) => kind === 'telemetry').length >= 5);
    // On the way when the clock is set: acknowledged by nobody.
    refuse(own.proxy);
    await sleep(1000);
    own.time.set(0);
    own.time.synced = true;
    await until('the correction', () => gateway.lines.some(({ msg }) => msg.includes('times of')));
    own.proxy.mode = 'flow';
    await until('the events', () => clockEvents(own.batches).some(({ repaired }) => repaired === false));
    await sleep(1000);
    t.same(steps(own.batches), [-10_800]);
    t.ok(own.batches.some(({ clock, kind }) => kind === 'telemetry' && clock === 'unsynced'));
    t.equal(own.conflicts(), 0);
    checkTimes(t, own);
  },
);

t.test(
  'a clock that is set back by hours disturbs neither order nor delivery',
  { skip, timeout: 60_000 },
  async (t) => {
    const own = await plant(t, { offset: 0, synced: true });
    const gateway = own.start();
    await until('batches', () => own.batches.filter(({ kind }) => kind === 'telemetry').length >= 5);
    own.time.set(-18_000);
    await until('the step', () => clockEvents(own.batches).length > 0);
    const before = own.polls.length;
    await until('what comes after', () => own.polls.length >= before + 40);
    gateway.child.kill('SIGTERM');
    t.equal(await gateway.exited, 0);
    const polled = own.polls.length;
    const again = own.start();
    await until('a restart', () => own.polls.length >= polled + 40);
    again.child.kill('SIGTERM');
    t.equal(await again.exited, 0);
    t.same(steps(own.batches), [-18_000]);
    const telemetry = own.batches.filter(({ kind }) => kind === 'telemetry');
    t.same(
      telemetry.map(({ seq }) => seq),
      telemetry.map((_, i) => i + 1),
      'in their order, without holes',
    );
    t.notOk(
      own.batches.some(({ historical }) => historical),
      'nothing counts as late',
    );
    t.equal(own.conflicts(), 0);
    const counts = telemetry
      .flatMap((batch) => (batch.kind === 'telemetry' ? [...observationsOf(batch)] : []))
      .filter(({ signal, v }) => signal === 'count' && v !== null);
    t.ok(
      counts.every(({ v }, i) => i === 0 || Number(v) > Number(counts[i - 1]?.v)),
      'values in the order of the polls',
    );
  },
);
