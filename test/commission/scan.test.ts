import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parseRange } from '../../src/commission/addresses.ts';
import { probeTarget } from '../../src/commission/probe-target.ts';
import { type Progress, type ScanOptions, scan } from '../../src/commission/scan.ts';
import { serialHint, serialPorts } from '../../src/commission/serial-ports.ts';
import { type NamedTools, parseTarget, Toolboxes } from '../../src/commission/toolboxes.ts';
import type { Toolbox } from '../../src/drivers/toolbox.ts';

const LIMIT = () => AbortSignal.timeout(8000);
const nothing = async () => [];

/** What a driver of the test's own does; what is left out finds nothing. */
function tool(driver: string, own: Partial<Toolbox> = {}, ports: number[] = [], protocol = `${driver}:`): NamedTools {
  const probe = async () => ({ facts: [['is', driver]] as const, machines: [], notes: [] });
  return { driver, tools: { protocols: [protocol], ports, load: async () => ({ identify: nothing, probe, ...own }) } };
}

const finder = (driver: string, ports: number[] = []) =>
  tool(
    driver,
    { identify: async (host, port) => [{ url: `${driver}://${host}:${port}`, name: driver, facts: {} }] },
    ports,
  );

/** Accepts connections until the test ends. */
async function listeningOn(t: Test, host: string, port = 0): Promise<{ readonly port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined).resume());
  }).listen(port, host);
  await once(server, 'listening');
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return server.address() as AddressInfo;
}

function run(
  texts: readonly string[],
  tools: readonly NamedTools[],
  more: Partial<ScanOptions> = {},
  signal = LIMIT(),
) {
  return scan(texts.map(parseRange), { tools, toolboxes: new Toolboxes(), ...more }, signal);
}

t.test('finds what answers on several addresses, sorted, each once', async (t) => {
  const { port } = await listeningOn(t, '127.0.0.10');
  await listeningOn(t, '127.0.0.9', port);
  const progress: Progress[] = [];
  const found = await run(['127.0.0.8-12', '127.0.0.9'], [finder('a', [port])], {
    onProgress: (p) => progress.push(p),
  });
  t.match(found, [
    { url: `a://127.0.0.9:${port}`, driver: 'a' },
    { url: `a://127.0.0.10:${port}`, driver: 'a' },
  ]);
  t.equal(found.length, 2);
  t.match(progress.at(-1), { total: 6, open: 2, found: 2 });
});

t.test('a host name is looked at by its name', async (t) => {
  const { port } = await listeningOn(t, '127.0.0.1');
  t.match(await run(['localhost'], [finder('a', [port])]), [{ url: `a://localhost:${port}` }]);
});

t.test('looks at every address once, with a bound over all of them', async (t) => {
  const { port } = await listeningOn(t, '0.0.0.0');
  const hosts: string[] = [];
  let busy = 0;
  let most = 0;
  const identify = async (host: string) => {
    hosts.push(host);
    busy += 1;
    most = Math.max(most, busy);
    await new Promise(setImmediate);
    busy -= 1;
    return [];
  };
  t.same(await run(['127.0.1.0/24'], [tool('a', { identify }, [port])], { concurrency: 8 }), []);
  t.equal(new Set(hosts).size, 254);
  t.equal(hosts.length, 254);
  t.ok(most <= 8, `${most} at once`);
});

t.test('a port is left to one driver at a time, after the scan has hung up', async (t) => {
  const { port } = await listeningOn(t, '127.0.0.1');
  let busy = 0;
  let most = 0;
  const slow = (driver: string) =>
    tool(
      driver,
      {
        identify: async () => {
          busy += 1;
          most = Math.max(most, busy);
          await new Promise(setImmediate);
          busy -= 1;
          return [];
        },
      },
      [port],
    );
  await run(['127.0.0.1'], [slow('a'), slow('b'), slow('c')]);
  t.equal(most, 1);
});

t.test('drivers are asked only about their own ports, but about each port that a person names', async (t) => {
  const { port } = await listeningOn(t, '127.0.0.1');
  t.same(await run(['127.0.0.1'], [finder('a', [1])]), [], 'nothing listens on the port of a');
  const asked: string[] = [];
  const note = (driver: string) => {
    asked.push(driver);
    return [];
  };
  const noting = (driver: string, ports: number[]) => tool(driver, { identify: async () => note(driver) }, ports);
  t.match(await run(['127.0.0.1'], [noting('a', []), noting('b', [port]), finder('c')], { ports: [port] }), [
    { driver: 'c' },
  ]);
  t.same(asked, ['b', 'a'], 'who claims the port comes first');
});

t.test('a driver that throws does not end the scan, and is told', async (t) => {
  const { port } = await listeningOn(t, '127.0.0.1');
  const told: string[] = [];
  const broken = tool('broken', { identify: () => Promise.reject(new Error('oops')) }, [port]);
  const found = await run(['127.0.0.1'], [broken, finder('good', [port])], { tell: (line) => told.push(line) });
  t.match(found, [{ driver: 'good' }]);
  t.same(told, [`broken could not look at 127.0.0.1:${port}: oops`]);
});

t.test('an abort ends a scan at once with its reason, also while a driver looks', async (t) => {
  const { port } = await listeningOn(t, '127.0.0.1');
  const stop = new AbortController();
  const stuck = tool(
    'stuck',
    {
      identify: (_host, _port, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
          stop.abort(new Error('enough'));
        }),
    },
    [port],
  );
  await t.rejects(run(['127.0.0.0/16'], [stuck], {}, stop.signal), { message: 'enough' });
});

t.test('a target is a URL of a driver, or a host', async (t) => {
  const tools = [tool('a', {}, [], 'opc.tcp:'), tool('b', {}, [], 'modbus+rtu:')];
  t.match(parseTarget('OPC.TCP://h:4840/x', tools), { kind: 'url', by: { driver: 'a' } });
  t.match(parseTarget('modbus+rtu:///dev/ttyUSB0?unit=3', tools), { kind: 'url', by: { driver: 'b' } });
  t.same(parseTarget('192.168.0.21:5000', tools), { kind: 'host', host: '192.168.0.21', port: 5000 });
  t.same(parseTarget('localhost', tools), { kind: 'host', host: 'localhost', port: undefined });
  t.same(parseTarget('[::1]:80', tools), { kind: 'host', host: '::1', port: 80 });
  for (const [text, why] of [
    ['opctcp://h', 'no driver reads opctcp://: did you mean opc.tcp://?'],
    ['mqtt://h', 'no driver reads mqtt://: expected opc.tcp://, modbus+rtu://'],
    ['opc.tcp://h:99999', /is no URL: check host and port/],
    ['opc.tcp://u:p/w@h:99999', 'opc.tcp://…@h:99999 is no URL: check host and port'],
    ['u:secret@h', /^…@h: expected a URL/],
    ['h:0', /expected a URL/],
    ['h:99999', /expected a URL/],
    ['a b', /expected a URL/],
    ['', /expected a URL/],
  ] as const) {
    t.throws(() => parseTarget(text, tools), { name: 'Error', message: why }, text);
  }
});

t.test('a bare host is probed by the driver that knows what is there', async (t) => {
  const { port } = await listeningOn(t, '127.0.0.1');
  const told: string[] = [];
  const probe = (tools: readonly NamedTools[], text: string) =>
    probeTarget(
      parseTarget(text, tools),
      { tools, toolboxes: new Toolboxes(), dataDir: '/data', options: { tell: (line) => told.push(line) } },
      LIMIT(),
    );
  const [a, b] = [finder('a', [port]), finder('b', [port + 1])];
  t.match(await probe([tool('c'), a], `127.0.0.1:${port}`), { driver: 'a', url: `a://127.0.0.1:${port}` });
  t.match(await probe([a], '127.0.0.1'), { driver: 'a' }, 'without a port, by the usual ones');
  t.ok(told.includes(`a://127.0.0.1:${port} answers as a`));
  await t.rejects(probe([tool('c')], `127.0.0.1:${port}`), {
    of: 'machine',
    message: /^nothing at 127\.0\.0\.1:\d+ answers/,
  });
  await listeningOn(t, '127.0.0.1', port + 1);
  await t.rejects(probe([a, b], '127.0.0.1'), {
    of: 'machine',
    message: '2 things answer at 127.0.0.1',
    hint: /probe one of them: a:.*b:/,
  });
});

t.test(
  'a driver keeps what it must in its own folder of the gateway, and is not waited for after an abort',
  async (t) => {
    let folder = '';
    const stop = new AbortController();
    const deaf = tool(
      '@x/deaf',
      {
        probe: (_url, options) => {
          folder = options.folder;
          setImmediate(() => stop.abort(new Error('enough')));
          return new Promise(() => undefined);
        },
      },
      [],
      'deaf:',
    );
    const probing = { tools: [deaf], toolboxes: new Toolboxes(), dataDir: '/data', options: { tell: () => undefined } };
    await t.rejects(probeTarget(parseTarget('deaf://x', [deaf]), probing, stop.signal), { message: 'enough' });
    t.equal(folder, '/data/drivers/@x+deaf');
  },
);

t.test('serial ports are listed without ports that have no hardware, by their lasting names', async (t) => {
  const root = t.testdir({
    dev: {
      ttyS0: '',
      ttyS1: '',
      ttyUSB0: '',
      ttyUSB1: '',
      ttyAMA0: '',
      tty1: '',
      console: '',
      serial: { 'by-id': {} },
    },
  });
  symlinkSync('../../ttyUSB0', join(root, 'dev/serial/by-id/usb-FTDI_1234-if00-port0'));
  for (const [name, type] of [
    ['ttyS0', '4'],
    ['ttyS1', '0'],
  ] as const) {
    mkdirSync(join(root, 'sys/class/tty', name), { recursive: true });
    writeFileSync(join(root, 'sys/class/tty', name, 'type'), `${type}\n`);
  }
  const ports = serialPorts(join(root, 'dev'), join(root, 'sys'));
  t.same(
    ports.map((port) => port.slice(root.length)),
    ['/dev/serial/by-id/usb-FTDI_1234-if00-port0', '/dev/ttyAMA0', '/dev/ttyS0', '/dev/ttyUSB1'],
  );
  t.same(serialPorts(join(root, 'none'), root), []);
  t.same(serialHint([tool('a')], ports), [], 'no driver reads them');
  t.match(serialHint([tool('m', {}, [], 'modbus+rtu:')], ['/dev/ttyUSB1'])[1], /probe modbus\+rtu:\/\/\/dev\/ttyUSB1$/);
});
