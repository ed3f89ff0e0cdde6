import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { HostWatch } from '../../src/health/host.ts';
import { askSystem } from '../../src/health/host-system.ts';

const CLOCK = { now: () => 1763640000000 };
const FIRMWARE = 'sys/devices/platform/soc/soc:firmware/get_throttled';
const NET_DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1000 10 0 0 0 0 0 0 1000 10 0 0 0 0 0 0
  eth0:987654321 100 1 2 0 0 0 5 123456 90 3 4 0 0 0 0
 wlan0: 5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0
 dummy0: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
vethab12: 5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0
`;

/** The kernel’s files of a Raspberry Pi. */
function raspberryPi(t: Test, more: Readonly<Record<string, string>> = {}): string {
  const root = t.testdir();
  const files = {
    'sys/class/thermal/thermal_zone0/type': 'gpu-thermal\n',
    'sys/class/thermal/thermal_zone0/temp': '30000\n',
    'sys/class/thermal/thermal_zone1/type': 'cpu-thermal\n',
    'sys/class/thermal/thermal_zone1/temp': '61329\n',
    'proc/meminfo': 'MemTotal:         948304 kB\nMemFree:  10 kB\nMemAvailable:     512000 kB\n',
    'proc/net/dev': NET_DEV,
    'sys/class/net/eth0/operstate': 'up\n',
    'sys/class/net/wlan0/operstate': 'dormant\n',
    [FIRMWARE]: '50005\n',
    ...more,
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return root;
}

t.test('the figures of a Raspberry Pi are read from the files of its kernel', async (t) => {
  const watch = new HostWatch({ dataDir: '.', clock: CLOCK, root: raspberryPi(t) });
  t.equal(watch.figures, null);
  const figures = await watch.take();
  t.match(figures, {
    t: 1763640000000,
    temperature: 61.329,
    throttled: true,
    throttledSinceBoot: true,
    underVoltage: true,
    underVoltageSinceBoot: true,
    memory: { total: 948304 * 1024, available: 512000 * 1024 },
    process: { cpu: null },
  });
  t.strictSame(figures.network, [
    { name: 'eth0', up: true, rxBytes: 987654321, txBytes: 123456, errors: 10 },
    { name: 'wlan0', up: null, rxBytes: 5, txBytes: 6, errors: 0 },
  ]);
  t.ok((figures.disk?.total ?? 0) > (figures.disk?.free ?? 0) && (figures.disk?.free ?? 0) > 0);
  t.equal(watch.figures, figures);
  t.type((await watch.take()).process.cpu, 'number');
});

t.test('what is over is told apart from what is so now', async (t) => {
  const root = raspberryPi(t, { [FIRMWARE]: '50000\n' });
  t.match(await new HostWatch({ dataDir: '.', clock: CLOCK, root }).take(), {
    throttled: false,
    throttledSinceBoot: true,
    underVoltage: false,
    underVoltageSinceBoot: true,
  });
});

t.test('what is not there, or makes no sense, is unknown', async (t) => {
  const nothing = {
    temperature: null,
    throttled: null,
    throttledSinceBoot: null,
    underVoltage: null,
    underVoltageSinceBoot: null,
    memory: null,
    network: [],
    disk: null,
  };
  const dataDir = join(t.testdir(), 'none');
  t.match(await new HostWatch({ dataDir, clock: CLOCK, root: dataDir }).take(), nothing);
  const root = raspberryPi(t, {
    [FIRMWARE]: 'no\n',
    'sys/class/thermal/thermal_zone0/temp': '',
    'sys/class/thermal/thermal_zone1/temp': 'hot',
    'proc/meminfo': 'MemTotal: many kB',
    'proc/net/dev': '  eth0: 1 2\n',
  });
  t.match(await new HostWatch({ dataDir, clock: CLOCK, root }).take(), nothing);
});

t.test('a dead mount costs only the figure of the disk, and is asked once', async (t) => {
  let asked = 0;
  let answer: (value: null) => void = () => undefined;
  const dead = () => {
    asked += 1;
    return new Promise<null>((resolve) => {
      answer = resolve;
    });
  };
  const root = raspberryPi(t);
  const watch = new HostWatch({ dataDir: '.', clock: CLOCK, root, patienceMs: 20, diskOf: dead });
  t.match(await watch.take(), { disk: null, temperature: 61.329 });
  t.match(await watch.take(), { disk: null, temperature: 61.329 });
  t.equal(asked, 1);
  answer(null);
  await new Promise(setImmediate);
  await watch.take();
  t.equal(asked, 2);
});

t.test('where there is no /proc, the tools of the system tell', async (t) => {
  const { memory, network, throttled } = await askSystem();
  t.ok((memory?.total ?? 0) > (memory?.available ?? 0));
  t.ok(Array.isArray(network));
  t.equal(throttled, null);
});
