import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { stringify } from 'yaml';
import { SimulatedUnit } from '../../simulator/modbus/device.ts';
import { SimulatedModbusTcp } from '../../simulator/modbus/tcp.ts';
import { SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import { receive } from '../../src/consumer/consumer.ts';
import { DemoConsumer } from '../../src/demo/demo-consumer.ts';
import { microsOf, Tally } from '../../src/demo/tally.ts';
import { observationsOf } from '../../src/wire/codec.ts';
import { noMosquitto, OPEN, startMosquitto } from '../support/brokers.ts';
import { runGateway, until } from '../support/plant.ts';
import { seededRandom } from '../support/random.ts';

const LONG = process.env['LONG'] === '1';
const KILLS = LONG ? 100 : 4;
const RATE = 500;
const POLL_MS = 100;
/** Between a poll and its commit: half a second of flushing, and what a busy computer adds. */
const COMMIT_MS = 1500;
const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);
const MAIN = join(import.meta.dirname, '../../bin/edge-gateway');

t.test(
  `${KILLS} SIGKILLs at random moments: nothing streamed is missing, what was polled is received or in a gap`,
  { skip: noMosquitto, timeout: 900_000 },
  async (t) => {
    t.comment(`SEED=${seed}`);
    const random = seededRandom(seed);
    const folder = t.testdir();
    await using broker = await startMosquitto([...OPEN, 'max_queued_messages 0']);

    const tally = new Tally();
    const agent = new SimulatedAgent({
      devices: [{ name: 'mill' }],
      rate: RATE,
      onProduced: ({ device, dataItemId: id, name, timestamp }) => {
        // The agent is a device of its own.
        if (device === 'mill') tally.addProduced(device, { id, name }, microsOf(timestamp));
      },
    });
    t.teardown(() => agent.stop());
    await agent.start();
    // What it says before it is read for the first time is nobody's.
    agent.pause();

    /** When each poll was answered, by the number that it was answered with. */
    const polls = new Map<number, number>();
    const unit = new SimulatedUnit({
      ranges: { holding: [[0, 1]] },
      onRequest: () => {
        const count = polls.size + 1;
        polls.set(count, Date.now());
        unit.set('holding', 0, [count >>> 16, count & 0xffff]);
      },
    });
    const device = new SimulatedModbusTcp({ units: new Map([[1, unit]]) });
    t.teardown(() => device.stop());
    const url = await device.start();

    const file = join(folder, 'gateway.yaml');
    writeFileSync(
      file,
      stringify({
        gateway: { id: 'gw', tenant: 'acme', dataDir: 'data' },
        machines: [
          { id: 'mill', driver: 'mtconnect', url: agent.url.href },
          {
            id: 'press',
            driver: 'modbus',
            url: `${url}/1`,
            poll: `${POLL_MS}ms`,
            signals: { count: { address: 0, type: 'uint32' } },
          },
        ],
        uplink: { url: `mqtt://127.0.0.1:${broker.port}` },
        buffer: { flushInterval: '500ms' },
        http: { listen: 'off' },
        log: { format: 'json' },
      }),
    );

    const counted = new Set<number>();
    const gaps: { from: number; to: number; machine: string }[] = [];
    const keys = new Set<string>();
    let conflicts = 0;
    const stop = new AbortController();
    const ready = Promise.withResolvers<void>();
    const subscription = receive({
      url: `mqtt://127.0.0.1:${broker.port}`,
      signal: stop.signal,
      onReady: ready.resolve,
    });
    const consuming = (async () => {
      for await (const received of subscription) {
        if (received.type === 'conflict') conflicts += 1;
        if (received.type !== 'batch') continue;
        const { batch } = received;
        keys.add(`${batch.machine} ${batch.kind} ${batch.stream}`);
        if (batch.kind === 'event') {
          for (const { event, machine } of batch.events.map((event) => ({ event, machine: batch.machine }))) {
            if (event.type === 'gap') gaps.push({ from: Number(event['from']), to: Number(event['to']), machine });
          }
        }
        if (batch.kind !== 'telemetry') continue;
        for (const { signal, v } of observationsOf(batch)) if (signal === 'count') counted.add(Number(v));
      }
    })();
    await ready.promise;
    await using consumer = await DemoConsumer.connect({ url: `mqtt://127.0.0.1:${broker.port}` }, tally);

    let gateway = runGateway(file);
    t.teardown(() => gateway.child.kill('SIGKILL'));
    await consumer.firstContact(['mill', 'press'], AbortSignal.timeout(30_000));
    agent.run();
    const killed: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      await sleep(300 + random() * 2200);
      gateway.child.kill('SIGKILL');
      await gateway.exited;
      killed.push(Date.now());
      gateway = runGateway(file);
    }
    await until('it polls again', () => (counted.has(polls.size - 1) ? true : sleep(0).then(() => false)), 60_000);
    agent.pause();
    await until('all has come', () => tally.missing === 0, 60_000).catch(() => undefined);
    const stoppedAt = Date.now();
    gateway.child.kill('SIGTERM');
    const code = await gateway.exited;
    stop.abort();
    await consuming;

    // What was under way at the stop is told at the next start.
    const lost = [...polls].filter(([count, at]) => !counted.has(count) && at < stoppedAt - COMMIT_MS);
    const own = gaps.filter(({ machine }) => machine === 'press');
    const untold = lost.filter(([, at]) => !own.some(({ from, to }) => from - POLL_MS <= at && at <= to + POLL_MS));
    const early = lost.filter(([, at]) => !killed.some((kill) => kill - COMMIT_MS <= at && at <= kill));
    const missing = subscription.report().flatMap((channel) => channel.missing);
    const verified = spawnSync(MAIN, ['buffer', 'verify', '--config', file], { encoding: 'utf8' });
    t.comment({
      kills: KILLS,
      produced: tally.produced,
      missing: tally.missing,
      polls: polls.size,
      lostPolls: lost.length,
      pollGaps: own.length,
      streams: new Set([...keys].map((key) => key.split(' ')[2])).size,
    });
    t.equal(tally.missing, 0, 'every streamed observation was received');
    t.same(missing, [], 'no seq is missing');
    t.equal(conflicts, 0, 'no key came with two contents');
    t.same(
      gaps.filter(({ machine }) => machine === 'mill'),
      [],
      'streaming lost nothing',
    );
    t.same(untold, [], 'each poll that was lost lies in a gap');
    t.same(early, [], 'and was read since the last commit');
    t.equal(new Set([...keys].map((key) => key.split(' ')[2])).size, 1, 'no database was given up');
    t.match(verified, { status: 0, stdout: /sound/ });
    t.equal(code, 0);
  },
);
