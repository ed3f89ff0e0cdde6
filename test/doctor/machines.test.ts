import t, { type Test } from 'tap';
import { type AgentOptions, SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import { startProxy } from '../../simulator/proxy.ts';
import type { Finding } from '../../src/doctor/check.ts';
import type { Watched } from '../../src/doctor/machine-record.ts';
import { loadDrivers, machineSections } from '../../src/doctor/machines.ts';
import type { Driver, DriverModule } from '../../src/drivers/driver.ts';
import { settings } from '../../src/drivers/mtconnect/settings.ts';
import { Device } from '../drivers/modbus/device.ts';
import { ailing, loaded, named, told } from './support.ts';

// Most of it is waiting.
t.jobs = 6;

/** What is found of the machines of a config, by id. */
async function examined(
  t: Test,
  machines: string,
  { duration = 4000, drivers }: { duration?: number; drivers?: Record<string, DriverModule> } = {},
) {
  const setup = await loaded(t.testdir(), { machines });
  const watched = new Map<string, Watched>();
  const sections = machineSections(setup.config.machines, {
    config: setup.config,
    loaded: await loadDrivers(setup.config.machines, { ...setup.drivers, ...drivers }),
    duration,
    watched: (id, what) => watched.set(id, what),
  });
  const found = await Promise.all(sections.map(async (section) => [section.subject, await told(section)] as const));
  return { found: new Map<string, Finding[]>(found), watched };
}

const mtconnect = (url: URL | string, more = '') => `{ id: vmc-3, driver: mtconnect, url: "${url}"${more} }`;

async function started(t: Test, options: AgentOptions = {}) {
  const agent = new SimulatedAgent({ version: '1.6', ...options });
  t.teardown(() => agent.stop());
  await agent.start();
  return agent;
}

t.test('a machine that works is told with its figures, and before the time is over', { buffered: true }, async (t) => {
  const agent = await started(t, { rate: 200 });
  const begun = performance.now();
  const { found, watched } = await examined(t, `[${mtconnect(agent.url)}]`, { duration: 20_000 });
  t.ok(performance.now() - begun < 8000, 'ends once everything is known');
  const findings = found.get('vmc-3') ?? [];
  t.match(named(findings, 'reachable'), { level: 'good', text: /^first values after / });
  t.match(named(findings, 'machine'), { level: 'good', text: /cnc-1/ });
  t.match(named(findings, 'canonical signals'), { level: 'good' });
  t.match(named(findings, 'rate'), { level: 'good', text: /^\d{2,3}\.\d observations a second/ });
  t.match(named(findings, 'time stamps'), { level: 'good' });
  t.match(named(findings, 'way of reading'), { level: 'good', text: 'streaming' }, 'the driver’s own vitals');
  t.notOk(ailing(findings).some(({ level }) => level === 'bad'));
  t.ok((watched.get('vmc-3')?.record.fresh ?? 0) > 100);
});

t.test('each way of not being there is one sentence that says what to do', { buffered: true }, async (t) => {
  const agent = await started(t);
  const proxy = await startProxy(Number(agent.url.port));
  t.teardown(() => proxy[Symbol.asyncDispose]());
  proxy.mode = 'blackHole';
  const device = new Device();
  const port = await device.listen();
  t.teardown(() => device.close());
  device.answer = () => 'silence';
  const { found } = await examined(
    t,
    `[{ id: refused, driver: mtconnect, url: "http://127.0.0.1:1" },
      { id: silent, driver: mtconnect, url: "http://127.0.0.1:${proxy.port}", requestTimeout: 700ms },
      { id: very-silent, driver: mtconnect, url: "http://127.0.0.1:${proxy.port}", requestTimeout: 60s, device: x },
      { id: other, driver: mtconnect, url: "${agent.url}", device: nobody },
      { id: unit, driver: modbus, url: "modbus://127.0.0.1:${port}/7", timeout: 100ms, poll: 200ms, signals: { n: { address: 0 } } }]`,
    { duration: 1500 },
  );
  const expected: Record<string, RegExp> = {
    refused: /nothing listens there/,
    silent: /0\.7 s|700 ms|does not answer|no answer/i,
    'very-silent': /nothing was read within/,
    other: /nobody/,
    unit: /unit 7|does not answer|no answer/,
  };
  for (const [id, text] of Object.entries(expected)) {
    const [only, ...rest] = found.get(id) ?? [];
    t.match(only, { name: 'reachable', level: 'bad', text }, id);
    t.same(rest, [], `${id} is told once`);
  }
  for (const id of ['refused', 'very-silent', 'other']) t.type(found.get(id)?.[0]?.hint, 'string', id);
});

t.test('a link that breaks after it was read is a fault', { buffered: true }, async (t) => {
  const enough = Promise.withResolvers<void>();
  let left = 200;
  const onProduced = () => {
    left -= 1;
    if (left === 0) enough.resolve();
  };
  const agent = await started(t, { rate: 100, onProduced });
  const finding = examined(t, `[${mtconnect(agent.url)}]`, { duration: 6000 });
  await enough.promise;
  await agent.crash();
  const { found } = await finding;
  t.match(named(found.get('vmc-3') ?? [], 'reachable'), { level: 'good' });
  t.match(named(found.get('vmc-3') ?? [], 'link'), { level: 'bad', text: /the link broke/, hint: /./ });
});

t.test('a machine that is off, a clock that is wrong and a tiny buffer are told', { buffered: true }, async (t) => {
  const off = await started(t);
  off.observe('cnc-1', 'avail', 'UNAVAILABLE');
  const late = await started(t, { rate: 100, bufferSize: 64 });
  late.clockSkew = -60_000;
  const { found } = await examined(t, `[${mtconnect(off.url)}, { id: late, driver: mtconnect, url: "${late.url}" }]`, {
    duration: 3500,
  });
  t.match(named(found.get('vmc-3') ?? [], 'signals'), { level: 'warn', hint: /switch it on/ });
  const findings = found.get('late') ?? [];
  t.match(named(findings, 'clock skew'), { level: 'warn', text: /behind/, hint: /time/ });
  t.match(named(findings, 'agent buffer'), { level: /warn|bad/, hint: /BufferSize/ });
});

t.test('a Modbus unit is judged by the same code', { buffered: true }, async (t) => {
  const device = new Device();
  const port = await device.listen();
  t.teardown(() => device.close());
  const { found } = await examined(
    t,
    `[{ id: meter, driver: modbus, url: "modbus://127.0.0.1:${port}/1", poll: 100ms,
        signals: { rpm: { address: 65000 }, volts: { address: 230, unit: V } } }]`,
    { duration: 3200 },
  );
  const findings = found.get('meter') ?? [];
  t.match(named(findings, 'signals'), { level: 'good', text: /^3 of 3 signals/ });
  t.match(named(findings, 'rpm'), { level: 'warn', text: /65000, which no machine reaches/, hint: /word order/ });
  t.match(named(findings, 'canonical signals'), { level: 'warn', text: 'there is no feed_mm_min, no state' });
  t.match(named(findings, 'rate'), { level: 'warn', text: /nothing changed/ });
  t.match(named(findings, 'missed polls'), { name: 'missed polls' }, 'its vitals');
});

t.test('an OPC UA server that is not there is told once', { buffered: true }, async (t) => {
  const { found } = await examined(
    t,
    `[{ id: mill, driver: opcua, url: "opc.tcp://127.0.0.1:1", folders: [/Objects] }]`,
    {
      duration: 3000,
    },
  );
  const [only, ...rest] = found.get('mill') ?? [];
  t.match(only, { name: 'reachable', level: 'bad', text: /ECONNREFUSED|refused/, hint: /./ });
  t.same(rest, []);
});

t.test(
  'a driver that hangs, and one that cannot be loaded, are each a fault and hold up nobody',
  { buffered: true },
  async (t) => {
    const driver = (own: Partial<Driver>): DriverModule =>
      ({
        settings,
        load: async () => () => ({
          async *observe() {
            await new Promise(() => undefined);
          },
          ...own,
        }),
      }) as unknown as DriverModule;
    const throwing = { ...driver({}), load: async () => Promise.reject(new Error('no native module')) } as DriverModule;
    const drivers = { mtconnect: driver({}), modbus: throwing };
    const begun = performance.now();
    const { found } = await examined(
      t,
      `[${mtconnect('http://127.0.0.1:1')}, { id: m, driver: modbus, url: "modbus://127.0.0.1/1", signals: { n: { address: 0 } } }]`,
      { duration: 300, drivers },
    );
    t.ok(performance.now() - begun < 6000, 'bounded in time');
    t.match(found.get('vmc-3'), [{ name: 'reachable', level: 'bad', text: /nothing was read/ }]);
    t.match(found.get('m'), [{ name: 'driver', level: 'bad', text: 'no native module' }]);
  },
);
