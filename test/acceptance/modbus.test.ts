import { Worker } from 'node:worker_threads';
import t from 'tap';
import { Links } from '../../src/drivers/modbus/links.ts';
import { busFor, noSocat, serialUrl } from '../drivers/modbus/bus.ts';
import { counting } from '../drivers/modbus/device.ts';
import { driverFor } from '../drivers/modbus/support.ts';
import { collect } from '../support/yielded.ts';

const LONG = process.env['LONG'] === '1';
const BUS_MS = LONG ? 60_000 : 6000;
const BUS_POLL_MS = 200;
const LOAD_MS = LONG ? 30_000 : 4000;
const UNITS = 10;
/** Of each unit: 99 hundred in all. */
const REGISTERS = 990;

t.test(
  'units of one serial bus die and come back by turns: the others keep 90 % of their rate',
  { skip: noSocat, timeout: 90_000 },
  async (test) => {
    const { device, path } = await busFor(test);
    device.delay = () => 2;
    const links = new Links();
    const begun = performance.now();
    // A third of the time unit 3 is dead, then unit 7, then both live.
    const dead = (): number => [3, 7, 0][Math.min(2, Math.floor((3 * (performance.now() - begun)) / BUS_MS))] ?? 0;
    device.answer = (asked) => (asked.unit === dead() ? 'silence' : counting(asked));
    const signals = { a: { address: 3 }, b: { address: 40 } };
    const units = Array.from({ length: UNITS }, (_, i) => i + 1);
    const runs = units.map(async (unit) => {
      const breaker = { failures: 3, min: '500ms', max: '2s' };
      const driver = driverFor(
        { url: serialUrl(path, unit), signals, poll: `${BUS_POLL_MS}ms`, timeout: '100ms', breaker },
        links,
      );
      const until = () => performance.now() - begun > BUS_MS;
      return collect(driver, { until, within: BUS_MS + 5000 });
    });
    const all = await Promise.all(runs);
    for (const [i, yielded] of all.entries()) {
      const unit = i + 1;
      const share = yielded.values('a').filter((v) => v === 3).length / (BUS_MS / BUS_POLL_MS);
      if (unit !== 3 && unit !== 7) test.ok(share >= 0.9, `unit ${unit}: ${(share * 100).toFixed(0)} % of its polls`);
      else
        test.match(
          yielded.of('gap').filter(({ cause }) => cause === 'link-down'),
          [{ cause: 'link-down', exact: true }],
          `unit ${unit} is back, and its gap is told`,
        );
      test.ok(yielded.values('b').every((v) => v === 40 || v === null));
    }
  },
);

t.test(
  '9,900 registers at 10 Hz: what is missed is told, and alone none is, at a small share of a core',
  { timeout: 60_000 },
  async (test) => {
    const worker = new Worker(new URL('../drivers/modbus/device-worker.ts', import.meta.url));
    test.teardown(() => worker.terminate());
    const port = await new Promise<number>((resolve) => worker.once('message', resolve));
    const links = new Links();
    const signals = Object.fromEntries(
      Array.from({ length: REGISTERS }, (_, i) => [`r${i}`, { address: i, scale: i % 2 ? 0.1 : 1 }]),
    );
    const stop = AbortSignal.timeout(LOAD_MS);
    let count = 0;
    const events: string[] = [];
    const run = async (unit: number): Promise<void> => {
      const own = { url: `modbus://127.0.0.1:${port}/${unit}`, signals, poll: '100ms', timeout: '1s' };
      for await (const reading of driverFor(own, links).observe(undefined, stop)) {
        count += reading.observations.length;
        for (const event of reading.events ?? []) if (event.type === 'gap') events.push(event.cause);
      }
    };
    const before = process.threadCpuUsage();
    await Promise.all(
      Array.from({ length: UNITS }, (_, i) => run(i + 1).catch((error) => test.ok(stop.aborted, String(error)))),
    );
    const { user, system } = process.threadCpuUsage(before);
    const share = (user + system) / 1000 / LOAD_MS;
    const rate = count / (LOAD_MS / 1000);
    test.comment(`${Math.round(rate)} values a second at ${(share * 100).toFixed(1)} % of a core`);
    // Time that others take from this process is no fault of the driver: only the long form, which runs alone, judges speed.
    test.ok(
      events.every((cause) => cause === 'poll-skipped'),
      'what there was no time for is told',
    );
    if (!LONG) return;
    test.ok(rate > 0.95 * REGISTERS * UNITS * 10, 'all of them');
    test.ok(share < 0.5, `${(share * 100).toFixed(1)} % of a core`);
    test.same(events, []);
  },
);
