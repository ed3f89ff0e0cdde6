import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { aborted } from '../src/abort.ts';
import type { Config } from '../src/config/schema.ts';
import type { DriverModule } from '../src/drivers/driver.ts';
import { mtconnect } from '../src/drivers/mtconnect/module.ts';
import { Gateway } from '../src/gateway.ts';
import { loadGood, MINIMAL } from './config/support.ts';
import { freePort } from './support/brokers.ts';

t.test('a reload during the start reads no machine twice', async (t) => {
  const loaded = loadGood(t.testdir(), MINIMAL);
  const machine = { id: 'a', driver: 'watched', labels: {} };
  const config: Config = {
    ...loaded,
    gateway: { ...loaded.gateway, dataDir: join(t.testdir(), 'data') },
    machines: [machine, { ...machine, id: 'b' }],
    uplink: { ...loaded.uplink, url: `mqtt://127.0.0.1:${await freePort()}` },
  };
  const reading = new Map<string, number>();
  let most = 0;
  const starting = Promise.withResolvers<void>();
  const mayLoad = Promise.withResolvers<void>();
  const watched: DriverModule = {
    settings: mtconnect.settings,
    load: async () => {
      starting.resolve();
      await mayLoad.promise;
      return (_settings, { machine }) => ({
        // biome-ignore lint/correctness/useYield: a machine without news
        async *observe(_from, signal) {
          const now = (reading.get(machine) ?? 0) + 1;
          reading.set(machine, now);
          most = Math.max(most, now);
          await aborted(signal);
          reading.set(machine, (reading.get(machine) ?? 0) - 1);
          throw signal.reason;
        },
      });
    },
  };
  const stop = new AbortController();
  const log = pino({ level: 'silent' });
  const gateway = new Gateway({ config, drivers: { watched }, version: '0', log });
  const run = gateway.run(stop.signal);
  await starting.promise;
  const machines = [machine, { ...machine, id: 'b', labels: { line: '1' } }];
  const reload = gateway.reload({ config: { ...config, machines }, drivers: { watched } });
  setImmediate(mayLoad.resolve);
  await reload;
  t.strictSame(Object.fromEntries(reading), { a: 1, b: 1 });
  t.equal(most, 1);
  stop.abort();
  await run;
  t.strictSame(Object.fromEntries(reading), { a: 0, b: 0 });
});

t.test('a driver that cannot be loaded, or made, costs its own machines only', async (t) => {
  const loaded = loadGood(t.testdir(), MINIMAL);
  const machine = (id: string) => ({ id, driver: id, labels: {} });
  const config: Config = {
    ...loaded,
    gateway: { ...loaded.gateway, dataDir: join(t.testdir(), 'data') },
    machines: [machine('unloadable'), machine('unmakeable'), machine('well')],
    uplink: { ...loaded.uplink, url: `mqtt://127.0.0.1:${await freePort()}` },
  };
  const { settings } = mtconnect;
  const reads = Promise.withResolvers<void>();
  const drivers: Record<string, DriverModule> = {
    unloadable: { settings, load: () => Promise.reject(new Error('no such library')) },
    unmakeable: {
      settings,
      load: async () => () => {
        throw new Error('no such port');
      },
    },
    well: {
      settings,
      load: async () => () => ({
        // biome-ignore lint/correctness/useYield: a machine without news
        async *observe(_from, signal) {
          reads.resolve();
          await aborted(signal);
          throw signal.reason;
        },
      }),
    },
  };
  const lines: string[] = [];
  const log = pino({ level: 'error' }, { write: (line) => lines.push(JSON.parse(line).msg) });
  const stop = new AbortController();
  const run = new Gateway({ config, drivers, version: '0', log }).run(stop.signal);
  await reads.promise;
  stop.abort();
  await run;
  t.match(lines, [/no such library\. Trying again/, /no such port\. Trying again/]);
});

t.test('a stop does not wait for a reload that hangs', async (t) => {
  const loaded = loadGood(t.testdir(), MINIMAL);
  const machine = (id: string) => ({ id, driver: id, labels: {} });
  const config: Config = {
    ...loaded,
    gateway: { ...loaded.gateway, dataDir: join(t.testdir(), 'data') },
    machines: [machine('well')],
    uplink: { ...loaded.uplink, url: `mqtt://127.0.0.1:${await freePort()}` },
  };
  const { settings } = mtconnect;
  const [reads, hangs] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const drivers: Record<string, DriverModule> = {
    well: {
      settings,
      load: async () => () => ({
        // biome-ignore lint/correctness/useYield: a machine without news
        async *observe(_from, signal) {
          reads.resolve();
          await aborted(signal);
          throw signal.reason;
        },
      }),
    },
    hangs: {
      settings,
      load: () => {
        hangs.resolve();
        return new Promise(() => undefined);
      },
    },
  };
  const stop = new AbortController();
  const gateway = new Gateway({ config, drivers, version: '0', log: pino({ level: 'silent' }) });
  const run = gateway.run(stop.signal);
  await reads.promise;
  void gateway.reload({ config: { ...config, machines: [machine('well'), machine('hangs')] }, drivers });
  await hangs.promise;
  stop.abort();
  await run;
  t.notOk(gateway.isHung);
});

t.test('a reload that fails half-way ends the gateway: what it has stopped would not be read', async (t) => {
  const loaded = loadGood(t.testdir(), MINIMAL);
  const config: Config = {
    ...loaded,
    gateway: { ...loaded.gateway, dataDir: join(t.testdir(), 'data') },
    machines: [{ id: 'well', driver: 'well', labels: {} }],
    uplink: { ...loaded.uplink, url: `mqtt://127.0.0.1:${await freePort()}` },
  };
  const reads = Promise.withResolvers<void>();
  const well: DriverModule = {
    settings: mtconnect.settings,
    load: async () => () => ({
      // biome-ignore lint/correctness/useYield: a machine without news
      async *observe(_from, signal) {
        reads.resolve();
        await aborted(signal);
        throw signal.reason;
      },
    }),
  };
  const drivers = { well };
  const gateway = new Gateway({ config, drivers, version: '0', log: pino({ level: 'silent' }) });
  const run = gateway.run(AbortSignal.timeout(20_000));
  await reads.promise;
  const broken = [{ name: 'without channels' }] as unknown as Config['alerts'];
  await Promise.all([
    t.rejects(gateway.reload({ config: { ...config, alerts: broken }, drivers }), TypeError),
    t.rejects(run, TypeError),
  ]);
});

t.test('a driver that was left behind gives no signs of life for the one in its place', async (t) => {
  const loaded = loadGood(t.testdir(), MINIMAL);
  const config: Config = {
    ...loaded,
    gateway: { ...loaded.gateway, dataDir: join(t.testdir(), 'data'), watchdog: 1000 },
    machines: [{ id: 'a', driver: 'hangs', labels: {} }],
    uplink: { ...loaded.uplink, url: `mqtt://127.0.0.1:${await freePort()}` },
  };
  let made = 0;
  const replacedTwice = Promise.withResolvers<void>();
  const hangs: DriverModule = {
    settings: mtconnect.settings,
    load:
      async () =>
      (_settings, { sign }) => ({
        patience: 0,
        async *observe(_from, signal) {
          made += 1;
          if (made === 3) replacedTwice.resolve();
          if (made === 1) {
            await aborted(signal);
            const zombie = setInterval(() => sign?.('turn'), 50);
            t.teardown(() => clearInterval(zombie));
          }
          await new Promise(() => undefined);
        },
      }),
  };
  const stop = new AbortController();
  const log = pino({ level: 'silent' });
  const run = new Gateway({ config, drivers: { hangs }, version: '0', log }).run(stop.signal);
  const timer = setTimeout(() => replacedTwice.reject(new Error('the second one is not found to hang')), 15_000);
  await replacedTwice.promise.catch((error: unknown) => t.fail(String(error)));
  clearTimeout(timer);
  t.equal(made, 3);
  stop.abort();
  await run;
});
