import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import pino from 'pino';
import t from 'tap';
import { loadWithDrivers } from '../../src/cli/load-config.ts';
import { configErrorText } from '../../src/config/load.ts';
import type { Reading } from '../../src/observation.ts';

const EXAMPLE = 'edge-gateway-driver-shelly';

/** A folder with a config that names the driver, and packages in its `node_modules`. */
function plant(folder: string, driver: string, own: string, packages: Readonly<Record<string, string>> = {}): string {
  for (const [name, code] of Object.entries(packages)) {
    const path = join(folder, 'node_modules', name);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'package.json'), JSON.stringify({ name, type: 'module', exports: './index.js' }));
    writeFileSync(join(path, 'index.js'), code);
  }
  const file = join(folder, 'gateway.yaml');
  const machine = `  - { id: meter-1, driver: ${JSON.stringify(driver)}, ${own} }`;
  writeFileSync(
    file,
    `gateway: { id: gw, tenant: acme }\nmachines:\n${machine}\nuplink: { url: "mqtt://127.0.0.1:1883" }\n`,
  );
  return file;
}

async function errorsOf(file: string): Promise<string[]> {
  const { result } = await loadWithDrivers(file);
  return 'errors' in result ? result.errors.map((error) => configErrorText(error).slice(file.length + 1)) : [];
}

t.test('the example, installed beside a config, reads a meter', async (t) => {
  const server = createServer((request, response) => {
    t.equal(request.url, '/rpc/Switch.GetStatus?id=0');
    response.end(JSON.stringify({ id: 0, apower: 12.5, voltage: 231.2, current: null }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const folder = t.testdir();
  cpSync(join(import.meta.dirname, '../../examples', EXAMPLE), join(folder, 'node_modules', EXAMPLE), {
    recursive: true,
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { result, drivers } = await loadWithDrivers(plant(folder, EXAMPLE, `url: "${url}", poll: 100ms`));
  if ('errors' in result) throw new Error(result.errors.map((error) => error.message).join());
  const [machine] = result.config.machines;
  const create = await drivers[EXAMPLE]?.load();
  const stop = new AbortController();
  const context = {
    machine: 'meter-1',
    log: pino({ level: 'silent' }),
    clock: { now: () => 1234, origin: () => 0 },
    folder,
  };
  const readings: Reading[] = [];
  for await (const reading of create?.(machine as never, context).observe(undefined, stop.signal) ?? []) {
    readings.push(reading);
    if (readings.length === 2) break;
  }
  t.match(readings[0]?.events?.[0], { type: 'machine', signals: { power: { unit: 'W' } } });
  t.same(readings[1]?.observations, [
    { signal: 'power', t: 1234, ns: 0, v: 12.5, q: 'good' },
    { signal: 'voltage', t: 1234, ns: 0, v: 231.2, q: 'good' },
    { signal: 'current', t: 1234, ns: 0, v: null, q: 'bad' },
  ]);
});

t.test('its settings are checked like ours', async (t) => {
  const folder = t.testdir();
  cpSync(join(import.meta.dirname, '../../examples', EXAMPLE), join(folder, 'node_modules', EXAMPLE), {
    recursive: true,
  });
  t.same(await errorsOf(plant(folder, EXAMPLE, 'url: "ftp://x", pol: 1s')), [
    '3:63: machines[0].url: expected the meter’s address, e.g. http://192.168.0.77',
    '3:74: machines[0].pol: unknown key: did you mean poll?',
  ]);
});

t.test('a package that is no driver, or not there, is told at its machine', async (t) => {
  const cases: readonly (readonly [string, string | undefined, RegExp])[] = [
    [
      'edge-gateway-driver-absent',
      undefined,
      /no npm package edge-gateway-driver-absent beside the config.*npm install/,
    ],
    ['no-driver', 'export const other = 1;', /it exports no function named driver/],
    ['no-settings', 'export const driver = () => ({});', /its settings are not a z.object/],
    ['no-load', 'export const driver = ({ z }) => ({ settings: z.object({}) });', /it has no load function/],
    ['@acme/throws', "throw new Error('no licence');", /of no use as a driver: no licence/],
    ['needs-more', "import 'not-installed-either';", /of no use as a driver: Cannot find package/],
    ['mtconect', undefined, /did you mean mtconnect/],
    ['fs', undefined, /there is no such driver: expected mtconnect/],
  ];
  for (const [name, code, message] of cases) {
    const folder = t.testdir({});
    const [error, ...more] = await errorsOf(
      plant(folder, name, 'url: "http://x"', code === undefined ? {} : { [name]: code }),
    );
    t.match(error, message, name);
    t.match(error, /^3:\d+: machines\[0\]\.driver: /);
    t.same(more, []);
  }
});
