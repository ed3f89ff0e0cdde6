import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync, type MqttClient } from 'mqtt';
import { pino } from 'pino';
import { systemClock } from '../src/clock.ts';
import { encodeBatch, type Message } from '../src/forwarder/envelope.ts';
import { Forwarder } from '../src/forwarder/forwarder.ts';
import { openOutbox } from '../src/outbox/client.ts';
import type { LocalOutbox } from '../src/outbox/local.ts';
import type { NewBatch, StoredBatch } from '../src/outbox/outbox.ts';
import { IDENTITY, uplinkConfig } from '../test/support/forwarding.ts';
import { startBroker } from './measure/broker.ts';
import { bodiesOf } from './measure/data.ts';
import { compared, figure, type Pair, type Run, type Scale, type Section } from './measure/figures.ts';
import { stopwatch } from './measure/stopwatch.ts';

const OBSERVATIONS = { guard: 2_000_000, short: 500_000, long: 5_000_000 };
const A_BATCH = 1000;
const MACHINES = 10;
/** Different bodies; each is used over and over. */
const BODIES = 16;
const DATA = { observations: BODIES * A_BATCH, reading: A_BATCH, signals: 20, everyMs: 100, seed: 1 };
const APPENDED_AT_ONCE = 100;
/** The gateway's default. */
const WINDOW = 64;
/** How old the backlog is. */
const AGE_MS = 3_600_000;
const BUDGET = { maxBytes: 8e9, maxAge: 1e12 };
const LOG = pino({ level: 'silent' });
/** How often it is asked whether all is acknowledged. */
const LOOK_MS = 2;

const COMPRESSIONS = ['none', 'zstd'] as const;
type Compression = (typeof COMPRESSIONS)[number];

/** (b) A backlog in the outbox → acknowledged by Mosquitto. */
export async function drain({ scale, repeats, folder }: Run): Promise<Section> {
  await using broker = await startBroker(folder);
  const observations = OBSERVATIONS[scale];
  const full = join(folder, 'full');
  const stored = await fill(full, observations / A_BATCH);
  const figures = [];
  for (const compression of scale === 'guard' ? (['none'] as const) : COMPRESSIONS) {
    const messages = stored.map((batch) => encodeBatch(batch, SENDER, compression, true));
    const pairs: Pair[] = [];
    const marked: number[] = [];
    // The first turn warms up.
    for (let i = 0; i <= repeats; i++) {
      const copy = join(folder, 'copy');
      rmSync(copy, { recursive: true, force: true });
      cpSync(full, copy, { recursive: true });
      const ours = await sendBacklog({ dataDir: copy, url: broker.url, compression, batches: stored.length, scale });
      const bare = await publishAll(broker.url, messages, scale);
      if (i === 0) continue;
      pairs.push({ value: observations / ours.acknowledged, limit: observations / bare });
      marked.push(observations / ours.marked);
    }
    const target = { text: '≥ 50 % of the limit, ≥ 2,000,000/s', ratioAtLeast: 0.5, atLeast: 2e6 };
    figures.push(
      compared(`compression ${compression}`, 'observations/s', 'bare mqtt.js', pairs, target),
      figure(`compression ${compression}, marked as delivered too`, 'observations/s', marked),
    );
  }
  return {
    title: 'Drain: a backlog → acknowledged',
    method: `${observations.toLocaleString('en')} observations of ${MACHINES} machines in batches of ${A_BATCH}, an hour old, by the forwarder in this process to Mosquitto, window ${WINDOW}, MQTT 5, from the standing link to the last acknowledgement, and to the last mark on the disk. The limit is mqtt.js with the same finished messages (topic, payload, properties) and the same window.`,
    figures,
  };
}

const SENDER = { tenant: IDENTITY.tenant, gateway: IDENTITY.id };

/** Makes the backlog; resolves with it. */
async function fill(dataDir: string, batches: number): Promise<StoredBatch[]> {
  const begun = Date.now() - AGE_MS;
  const outbox = await openOutbox({ dataDir, budget: BUDGET, log: LOG, clock: { now: () => begun } });
  const bodies = bodiesOf(DATA);
  const all = Array.from(
    { length: batches },
    (_, i): NewBatch => ({
      ...{ machine: `m${i % MACHINES}`, kind: 'telemetry', lane: 'live', clock: 'synced' },
      ...{ t0: begun + i, count: A_BATCH, body: bodies[i % BODIES] as string },
    }),
  );
  for (let at = 0; at < batches; at += APPENDED_AT_ONCE) {
    await outbox.append({ batches: all.slice(at, at + APPENDED_AT_ONCE) });
  }
  const stored = await outbox.claim({ lane: 'live', after: 0, limit: batches, maxBytes: Number.MAX_SAFE_INTEGER });
  await outbox.close();
  return stored;
}

interface BacklogToSend {
  readonly dataDir: string;
  readonly url: string;
  readonly compression: Compression;
  readonly batches: number;
  readonly scale: Scale;
}

/** Seconds until everything is acknowledged, and until it is marked. */
async function sendBacklog({ dataDir, url, compression, batches, scale }: BacklogToSend) {
  const outbox = await openOutbox({ dataDir, budget: BUDGET, log: LOG, clock: systemClock });
  const { watched, begun, done } = watch(outbox, batches, scale);
  const uplink = uplinkConfig(url, { version: '5', window: WINDOW, compression, ackTimeout: 20_000 });
  const forwarder = new Forwarder({
    ...{ outbox: watched, uplink, identity: IDENTITY, version: '0.0.0', log: LOG, clock: systemClock },
  });
  const stop = new AbortController();
  const running = forwarder.run(stop.signal);
  const seconds = await begun;
  while (forwarder.status().acknowledged < batches) await sleep(LOOK_MS);
  const acknowledged = seconds();
  await done;
  const marked = seconds();
  stop.abort();
  await running;
  await outbox.close();
  return { acknowledged, marked };
}

/** An outbox that tells of the forwarder's first question, which it asks on a standing link, and of the last mark. */
function watch(outbox: LocalOutbox, batches: number, scale: Scale) {
  const begun = Promise.withResolvers<() => number>();
  const done = Promise.withResolvers<void>();
  let marked = 0;
  const changed: Pick<LocalOutbox, 'boundary' | 'settle'> = {
    boundary(before) {
      begun.resolve(stopwatch(scale));
      return outbox.boundary(before);
    },
    async settle(ids, within) {
      await outbox.settle(ids, within);
      marked += ids.length;
      if (marked === batches) done.resolve();
    },
  };
  const watched = new Proxy(outbox, {
    get(target, key) {
      if (key === 'boundary' || key === 'settle') return changed[key];
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { watched, begun: begun.promise, done: done.promise };
}

/** Seconds that bare mqtt.js takes from the first publish to the last PUBACK. */
async function publishAll(url: string, messages: readonly Message[], scale: Scale): Promise<number> {
  const client = await connectAsync(url, { protocolVersion: 5 });
  const watch = stopwatch(scale);
  await inWindow(client, messages);
  const seconds = watch();
  await client.endAsync();
  return seconds;
}

function inWindow(client: MqttClient, messages: readonly Message[]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let next = 0;
  let acknowledged = 0;
  const publish = () => {
    const message = messages[next];
    if (message === undefined) return;
    next += 1;
    const { topic, payload, properties } = message;
    const { contentType, userProperties } = properties;
    client.publish(
      topic,
      payload,
      { qos: 1, properties: { contentType, userProperties: { ...userProperties } } },
      told,
    );
  };
  const told = (error?: Error | null) => {
    if (error) return reject(error);
    acknowledged += 1;
    if (acknowledged === messages.length) resolve();
    else publish();
  };
  for (let i = 0; i < WINDOW; i++) publish();
  return promise;
}
