import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'mqtt';
import t, { type Test } from 'tap';
import type { Direction, FaultyProxy } from '../../simulator/proxy.ts';
import { ask } from '../../src/control/client.ts';
import type { ApiState } from '../../src/http/api.ts';
import { noMosquitto } from '../support/brokers.ts';
import { Plant, residentMb, until } from '../support/plant.ts';
import { seededRandom } from '../support/random.ts';

// `SOAK=1` (npm run soak) runs a random mixture of the faults; the short form strikes with each once.
const SOAK = process.env['SOAK'] === '1';
const SOAK_MS = Number(process.env['SOAK_MS'] ?? 480_000);
const RATE = 1000;
/** Between a reading and its commit: a flush, and what a busy computer adds. */
const COMMIT_MS = 1000;
/** Garbage that V8 leaves lying; collected by force, the memory stays what it was over any number of faults. */
const MEMORY_GROWTH = 1.6;
const SLOW_BYTES_PER_SECOND = 10_000;
const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);

/** The times of the config, short enough for a test. */
const UPLINK = { ackTimeout: '2s', keepalive: '2s', connectTimeout: '1s' };
const BUFFER = { flushInterval: '200ms' };

interface Fault {
  /** Whether the link outlives it. */
  readonly keepsLink?: boolean;
  /** Strikes, for about `ms` where it lasts, and takes the fault away again. */
  strike(proxy: FaultyProxy, ms: number, random: () => number): Promise<void>;
}

const FAULTS: Readonly<Record<string, Fault>> = {
  latency: {
    keepsLink: true,
    async strike(proxy, ms, random) {
      proxy.latency = 100 + 400 * random();
      await sleep(ms);
      proxy.latency = 0;
    },
  },
  jitter: {
    keepsLink: true,
    async strike(proxy, ms, random) {
      proxy.jitter = 200 + 800 * random();
      await sleep(ms);
      proxy.jitter = 0;
    },
  },
  '10 kB/s': {
    keepsLink: true,
    async strike(proxy, ms) {
      proxy.bandwidth = SLOW_BYTES_PER_SECOND;
      await sleep(2 * ms);
      proxy.bandwidth = undefined;
    },
  },
  'lost in mid-packet on the way up': {
    async strike(proxy, _ms, random) {
      for (let times = 0; times < 3; times++) await proxy.cutAfter(Math.floor(20_000 * random()), 'up');
    },
  },
  'lost in mid-packet on the way down': {
    async strike(proxy, _ms, random) {
      for (let times = 0; times < 3; times++) await proxy.cutAfter(Math.floor(40 * random()), 'down');
    },
  },
  'reset again and again': {
    async strike(proxy, ms) {
      for (const end = performance.now() + ms; performance.now() < end; await sleep(300)) proxy.cut();
    },
  },
  'black hole': {
    async strike(proxy, ms) {
      proxy.mode = 'blackHole';
      await sleep(ms);
      proxy.mode = 'flow';
    },
  },
  'the way up dies silently': { strike: (proxy, ms) => mute(proxy, 'up', ms) },
  'the way down dies silently': { strike: (proxy, ms) => mute(proxy, 'down', ms) },
  'the broker vanishes without a FIN': { strike: async (proxy) => proxy.vanish('server') },
  'the broker keeps a dead connection': { strike: async (proxy) => proxy.vanish('client') },
};

async function mute(proxy: FaultyProxy, direction: Direction, ms: number): Promise<void> {
  proxy.mute = direction;
  await sleep(ms);
  proxy.mute = undefined;
}

async function startPlant(t: Test): Promise<Plant> {
  const plant = await Plant.start(t.testdir(), RATE, { secure: false, uplink: UPLINK, buffer: BUFFER });
  await plant.begin();
  await until('data flows', () => plant.tally.received > RATE);
  return plant;
}

async function statusOf({ configFile }: Plant): Promise<ApiState> {
  return ask<ApiState>(join(configFile, '../data'), { command: 'status' });
}

/** Strikes, and tells how reading went on meanwhile and how long it took to recover, in seconds. */
async function strike(plant: Plant, fault: Fault, ms: number, random: () => number) {
  const { tally, uplink } = plant;
  const connects = uplink.accepted;
  const before = { ...(await statusOf(plant)).buffer.appended, produced: tally.produced, received: tally.received };
  const began = performance.now();
  await fault.strike(uplink, ms, random);
  const healed = performance.now();
  const committed = (await statusOf(plant)).buffer.appended.observations - before.observations;
  const due = tally.produced - before.produced - (RATE * COMMIT_MS) / 1000;
  const during = tally.received - before.received;
  if (fault.keepsLink !== true) await until('the link is replaced', () => uplink.accepted > connects);
  await until('data flows', () => tally.received > before.received + during);
  const flowed = performance.now();
  await until('the backlog is acknowledged', async () => {
    const { buffer } = await statusOf(plant);
    return buffer.backlog.live.observations < RATE;
  });
  return {
    keptReading: committed >= due,
    lasted: seconds(healed - began),
    receivedMeanwhile: during,
    flowsAfter: seconds(flowed - healed),
    drainedAfter: seconds(performance.now() - healed),
    connects: uplink.accepted - connects,
  };
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}

/** What the broker says of the gateway to whoever asks now. */
async function retainedStatus({ broker }: Plant): Promise<unknown> {
  const client = connect(`mqtt://127.0.0.1:${broker.port}`);
  const { promise, resolve } = Promise.withResolvers<unknown>();
  client.once('message', (_topic, payload) => resolve(JSON.parse(payload.toString())));
  await client.subscribeAsync('plc/acme/gw-1/status');
  const status = await promise;
  await client.endAsync();
  return status;
}

/** All that was produced was received, once; the memory of the gateway did not grow. */
async function checkBooks(t: Test, plant: Plant, memoryBefore: number): Promise<void> {
  await plant.settle();
  t.match(await retainedStatus(plant), { status: 'online' });
  const child = plant.gateway?.child;
  const after = child === undefined ? Number.NaN : residentMb(child);
  const { code } = await plant.terminate();
  const figures = await plant.consumer.summary();
  const { produced, received, missing, repeated } = plant.tally;
  const told = (plant.gateway?.lines ?? []).filter(({ level }) => level >= 40).map(({ msg }) => msg);
  t.comment(told);
  t.comment({ produced, received, rssMb: [memoryBefore, after].map(Math.round), ...figures });
  t.equal(missing, 0, 'nothing is missing');
  t.equal(repeated, 0, 'nothing came twice under different keys');
  t.match(figures, { missingBatches: 0, gaps: 0, invalid: 0 });
  t.equal(code, 0);
  t.ok(after < memoryBefore * MEMORY_GROWTH, 'its memory does not grow with the faults');
}

t.test(
  'after each fault of the line the gateway comes back alone, and nothing is missing',
  {
    skip: noMosquitto,
    timeout: 110_000,
  },
  async (t) => {
    t.comment(`SEED=${seed}`);
    const random = seededRandom(seed);
    await using plant = await startPlant(t);
    const { child } = plant.gateway as NonNullable<typeof plant.gateway>;
    const memory = residentMb(child);
    for (const [name, fault] of Object.entries(FAULTS)) {
      const { keptReading, ...figures } = await strike(plant, fault, 1200, random);
      t.comment(name, figures);
      t.ok(keptReading, `${name}: reading went on`);
      t.ok(figures.drainedAfter < 15, `${name}: it came back alone`);
    }
    await checkBooks(t, plant, memory);
  },
);

t.test(
  'a random mixture of faults, several at a time, loses nothing',
  {
    skip: noMosquitto || (SOAK ? false : 'SOAK=1'),
    timeout: SOAK_MS + 400_000,
  },
  async (t) => {
    t.comment(`SEED=${seed}`);
    const random = seededRandom(seed);
    await using plant = await startPlant(t);
    const { child } = plant.gateway as NonNullable<typeof plant.gateway>;
    const memory = residentMb(child);
    const faults = Object.values(FAULTS);
    const struck: Promise<void>[] = [];
    for (const end = performance.now() + SOAK_MS; performance.now() < end; ) {
      const fault = faults[Math.floor(random() * faults.length)] as Fault;
      struck.push(fault.strike(plant.uplink, 500 + 4000 * random(), random));
      await sleep(2000 * random());
      if (struck.length % 20 > 0) continue;
      // What is ordered for bytes that never flow under another fault is done once they flow again.
      await Promise.all(struck);
      await until('data flows', () => plant.tally.missing < 2 * RATE, 60_000);
    }
    await Promise.all(struck);
    t.comment(`${struck.length} faults`);
    plant.agent.pause();
    // A batch that was alone under way at three cuts in a row is blamed for them, and comes a minute later.
    await until('what was blamed has come', () => plant.tally.missing === 0, 150_000).catch(() => undefined);
    await checkBooks(t, plant, memory);
  },
);
