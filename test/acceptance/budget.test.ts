import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { stringify } from 'yaml';
import { receive } from '../../src/consumer/consumer.ts';
import { openOutbox } from '../../src/outbox/client.ts';
import type { NewBatch } from '../../src/outbox/outbox.ts';
import { command, run } from '../cli/commission.ts';
import { noMosquitto, OPEN, startMosquitto } from '../support/brokers.ts';
import { runGateway, until } from '../support/plant.ts';
import { seededRandom } from '../support/random.ts';

const LONG = process.env['LONG'] === '1';
const MB = LONG ? 50 : 3;
const MACHINES = ['mill', 'lathe', 'saw'];
/** Observations of a machine in a second, and how many seconds the broker is away: some four times the budget. */
const PER_SECOND = 400;
const SECONDS = LONG ? 40_000 : 2400;
const BEGUN = 1_763_640_000_000;

t.test(
  `the broker is away, the disk has ${MB} MB: runs on, thins, and in the end every observation is accounted for`,
  { skip: noMosquitto, timeout: 900_000 },
  async (t) => {
    const folder = t.testdir();
    await using broker = await startMosquitto([...OPEN, 'max_queued_messages 0', 'max_inflight_messages 1000']);
    const random = seededRandom(3);
    const bodies = Array.from({ length: 16 }, () => {
      const v = Array.from({ length: PER_SECOND }, () => Math.round(random() * 1e8) / 1000);
      return JSON.stringify({ load: { unit: '%', t: v.map((_, i) => i * 2.5), v } });
    });

    // What drivers and pipelines hand over, faster than time passes.
    let now = BEGUN;
    const warnings: string[] = [];
    const log = pino({ base: null }, { write: (line: string) => warnings.push(JSON.parse(line).msg) });
    const budget = { maxBytes: MB * 1e6, maxAge: 1e12, whenFull: 'thin' } as const;
    const outbox = await openOutbox({ dataDir: join(folder, 'data'), budget, log, clock: { now: () => now } });
    for (let second = 0; second < SECONDS; second++) {
      now = BEGUN + second * 1000;
      const batches = MACHINES.map(
        (machine, m): NewBatch => ({
          machine,
          kind: 'telemetry',
          lane: 'live',
          t0: now,
          count: PER_SECOND,
          clock: 'synced',
          body: bodies[(second + m) % bodies.length] as string,
        }),
      );
      await outbox.append({ batches });
    }
    const { bytes, shed, backlog } = await outbox.stats();
    await outbox.close();
    t.ok(bytes <= budget.maxBytes, `${bytes} bytes in use`);
    t.ok(
      warnings.some((line) => /thinned to rollups of a minute, and recorded as gaps/.test(line)),
      'it says so',
    );

    const file = join(folder, 'gateway.yaml');
    const uplink = { url: `mqtt://127.0.0.1:${broker.port}` };
    const silent = { id: 'other', driver: 'mtconnect', url: 'http://127.0.0.1:1' };
    writeFileSync(
      file,
      stringify({
        gateway: { id: 'gw', tenant: 'acme', dataDir: 'data' },
        machines: [silent],
        uplink,
        buffer: { maxBytes: `${MB}MB`, minFreeDisk: '0B' },
        http: { listen: 'off' },
        log: { format: 'json' },
      }),
    );
    const verifying = command(folder, [
      'receive',
      uplink.url,
      '--verify',
      '--from-start',
      '--for',
      LONG ? '60s' : '8s',
      '--json',
    ]);
    const stop = new AbortController();
    const ready = Promise.withResolvers<void>();
    const sums = { delivered: 0, rollups: 0, lost: 0 };
    const consuming = (async () => {
      for await (const received of receive({ ...uplink, signal: stop.signal, onReady: ready.resolve })) {
        if (received.type !== 'batch' || received.batch.machine === 'other') continue;
        const { batch } = received;
        if (batch.kind === 'telemetry') for (const { t } of Object.values(batch.signals)) sums.delivered += t.length;
        if (batch.kind === 'rollup')
          for (const { n } of Object.values(batch.rollups)) sums.rollups += n.reduce((sum, one) => sum + one, 0);
        if (batch.kind === 'event')
          for (const event of batch.events) if (event.type === 'gap') sums.lost += Number(event['count']);
      }
    })();
    await ready.promise;
    // What goes out before it is there would be missing to it.
    await until('the other consumer receives', () => verifying.output.stderr.includes('receiving'));
    const gateway = runGateway(file);
    t.teardown(() => gateway.child.kill('SIGKILL'));
    const produced = SECONDS * PER_SECOND * MACHINES.length;
    await until('all is accounted for', () => sums.delivered + sums.lost >= produced, LONG ? 120_000 : 30_000);
    await until('the gateway has nothing left', async () => {
      const { stdout } = await run(folder, ['buffer', 'stats', '--data-dir', 'data', '--json']);
      return JSON.parse(stdout).backlog.live.batches === 0;
    });
    const { status, stdout, stderr } = await verifying.ended;
    stop.abort();
    await consuming;
    const { missing, awaited, channels } = JSON.parse(stdout);
    t.comment({
      produced,
      ...sums,
      shed,
      waited: backlog.live.batches,
      missing,
      exit: status,
      channels: channels.length,
    });
    t.equal(sums.delivered + sums.lost, produced, 'delivered, or in a gap');
    t.equal(sums.lost, shed.thinned + shed.dropped);
    t.equal(sums.rollups, sums.lost, 'and what is in a gap is in a rollup');
    t.same([missing, awaited], [0, 0], 'no batch is missing without a gap record');
    t.equal(status, 0, stderr);
    gateway.child.kill('SIGTERM');
    t.same(await once(gateway.child, 'exit'), [0, null]);
  },
);
