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
