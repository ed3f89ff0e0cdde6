import { once } from 'node:events';
import { createServer as createWebServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { SimulatedUnit } from '../../../../simulator/modbus/device.ts';
import type { Point } from '../../../../simulator/modbus/encode.ts';
import { SimulatedModbusRtuTcp } from '../../../../simulator/modbus/rtu.ts';
import { SimulatedModbusRtu } from '../../../../simulator/modbus/serial.ts';
import { SimulatedModbusTcp, type TcpOptions } from '../../../../simulator/modbus/tcp.ts';
import { modbus } from '../../../../src/drivers/modbus/module.ts';
import { settings } from '../../../../src/drivers/modbus/settings.ts';
import { toolbox } from '../../../../src/drivers/modbus/tools/toolbox.ts';
import type { Probed, ProbeOptions } from '../../../../src/drivers/toolbox.ts';
import { explain, type Fault } from '../../../../src/errors.ts';
import { noPty, openPtyPair } from '../../../support/pty.ts';
import { driverFor, type Own } from '../support.ts';

const HOST = '127.0.0.1';
const LIMIT_MS = 20_000;
const IDENTITY = { objects: { 0: 'Acme', 1: 'M-1', 2: '1.2', 5: 'Mill 5' }, serverId: 'MILL' };
const RPM: Point = { table: 'holding', address: 12, type: 'float32', order: 'CDAB' };
const FEED: Point = { table: 'input', address: 3, type: 'uint16', scale: 0.1 };

function millUnit(): SimulatedUnit {
  const unit = new SimulatedUnit({
    identity: IDENTITY,
    ranges: { holding: [[0, 19]], input: [[0, 9]], coil: [[0, 7]] },
  });
  unit.write(RPM, 1523.48);
  unit.write(FEED, 812.5);
  unit.set('coil', 2, [1]);
  return unit;
}

async function serve(t: Test, units: ReadonlyMap<number, SimulatedUnit>, more: Partial<TcpOptions> = {}) {
  const server = new SimulatedModbusTcp({ units, ...more });
  const url = await server.start();
  t.teardown(() => server.stop());
  return { server, url, port: Number(new URL(url).port) };
}

function probe(url: string, more: Partial<ProbeOptions> = {}, tell: string[] = []): Promise<Probed> {
  const options = { folder: '/nonexistent', tell: (line: string) => tell.push(line), ...more };
  return toolbox.probe(url, options, AbortSignal.timeout(LIMIT_MS));
}

/** The fault that a probe ends with, as the technician reads it. */
async function faultOf(url: string): Promise<string> {
  const error = await probe(url).then(
    () => undefined,
    (fault: Fault) => fault,
  );
  return explain(error);
}

const identify = (port: number) => toolbox.identify(HOST, port, AbortSignal.timeout(LIMIT_MS));

/** What the driver reads with suggested settings, each signal first. */
async function run(own: Own): Promise<Record<string, unknown>> {
  const wanted = new Set(Object.keys(own.signals));
  const read: Record<string, unknown> = {};
  for await (const { observations } of driverFor(own).observe(undefined, AbortSignal.timeout(LIMIT_MS))) {
    for (const { signal, v } of observations) if (wanted.delete(signal)) read[signal] = v;
    if (wanted.size === 0) break;
  }
  return read;
}

t.test('identify', async (t) => {
  t.test('finds a device under its unit id and tells what it is, in three requests at most', async (t) => {
    for (const id of [1, 255, 0]) {
      const { port } = await serve(t, new Map([[id, millUnit()]]), { absent: 'exception' });
      const found = await identify(port);
      t.match(found, [{ url: `modbus://${HOST}:${port}/${id}`, name: 'Acme Mill 5', facts: { version: '1.2' } }]);
    }
    const unit = millUnit();
    const { port } = await serve(t, new Map([[1, unit]]));
    await identify(port);
    t.ok(unit.requests <= 3, `${unit.requests} requests`);
  });

  t.test('takes a refusal for an answer, and function 17 where there is no identification', async (t) => {
    const unit = new SimulatedUnit({ identity: { serverId: 'PLC 7' } });
    const { port } = await serve(t, new Map([[1, unit]]));
    t.match(await identify(port), [{ name: 'PLC 7', facts: { 'server id': /PLC 7/ } }]);
  });

  t.test('a web server, a silent port, a closed one and noise are no Modbus device', async (t) => {
    const web = createWebServer((_request, response) => response.end('hello'));
    const silent = createServer();
    const noisy = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write(Buffer.alloc(4096, 0x55));
    });
    for (const server of [web, silent, noisy]) {
      server.listen(0, HOST);
      await once(server, 'listening');
    }
    const ports = [web, silent, noisy].map((server) => (server.address() as AddressInfo).port);
    const closed = createServer().listen(0, HOST);
    await once(closed, 'listening');
    ports.push((closed.address() as AddressInfo).port);
    closed.close();
    t.teardown(() => {
      for (const server of [web, silent, noisy]) server.close();
    });
    t.same(await Promise.all(ports.map(identify)), [[], [], [], []]);
  });

  t.test('rejects with the reason of an abort', async (t) => {
    const unit = millUnit();
    unit.fault({ kind: 'dead' });
    const { port } = await serve(t, new Map([[1, unit]]));
    const reason = new Error('enough');
    const stop = new AbortController();
    const identifying = toolbox.identify(HOST, port, stop.signal);
    stop.abort(reason);
    await t.rejects(identifying, reason);
  });
});

t.test('probe', async (t) => {
  t.test('finds ranges of all tables and raw values, and suggests settings that are valid and run', async (t) => {
    const { url } = await serve(t, new Map([[1, millUnit()]]));
    const told: string[] = [];
    const probed = await probe(`${url}/1`, {}, told);
    t.match(Object.fromEntries(probed.facts), {
      manufacturer: 'Acme',
      'holding registers': '0–19',
      'input registers': '0–9',
      coils: '0–7',
    });
    t.notMatch(Object.fromEntries(probed.facts), { 'discrete inputs': String });
    const [machine] = probed.machines;
    t.match(machine, { id: 'mill-5', title: 'Acme Mill 5', settings: { url: `${url}/1` } });
    t.same(
      machine?.signals.map(({ signal }) => signal),
      ['holding_12', 'holding_13', 'input_3', 'coil_2'],
      'what is zero all the time is left out',
    );
    t.ok(probed.notes.some((note) => /holding register 12 may be a float32, CDAB: 1523.48 \(a guess\)/.test(note)));
    t.ok(told.length > 5, 'progress is told');
    const own = machine?.settings as Own;
    const parsed = settings.parse(own);
    t.same(modbus.check?.([{ id: 'm', settings: parsed }]), []);
    t.same(await run(own), Object.fromEntries(machine?.signals.map(({ signal, value }) => [signal, value]) ?? []));
  });

  t.test('finds what the panel shows, and the settings read it', async (t) => {
    const { url } = await serve(t, new Map([[1, millUnit()]]));
    const { machines, notes } = await probe(`${url}/1`, { expect: [1523.5, 812.5, 77.123] });
    const own = machines[0]?.settings as Own;
    t.same(own.signals, {
      panel_1523_5: { address: 12, type: 'float32', order: 'CDAB' },
      panel_812_5: { address: 3, table: 'input', scale: 0.1 },
    });
    t.ok(notes.some((note) => /^77.123: no register shows it/.test(note)));
    t.match(await run(own), { panel_1523_5: Math.fround(1523.48), panel_812_5: 812.5 });
  });

  t.test('learns what the device gives at once', async (t) => {
    const unit = new SimulatedUnit({ ranges: { holding: [[0, 99]] }, maxRegisters: 16 });
    unit.set('holding', 50, [7]);
    const { url } = await serve(t, new Map([[1, unit]]));
    t.match((await probe(`${url}/1`)).machines, [{ settings: { maxRegisters: 16, signals: { holding_50: {} } } }]);
  });

  t.test('suggests nothing that takes more registers than the device gives at once', async (t) => {
    const unit = new SimulatedUnit({ ranges: { holding: [[0, 19]] }, maxRegisters: 1 });
    unit.write(RPM, 1523.48);
    unit.set('holding', 3, [812]);
    const { url } = await serve(t, new Map([[1, unit]]));
    const { machines, notes } = await probe(`${url}/1`, { expect: [1523.5, 812] });
    const own = settings.parse(machines[0]?.settings);
    t.same(modbus.check?.([{ id: 'm', settings: own }]), []);
    t.match(own, { maxRegisters: 1, signals: { panel_812: { address: 3 } } });
    t.match(notes.join(), /1523.5: no register shows it/);
  });

  t.test('looks for the unit where the URL names none', async (t) => {
    const { url } = await serve(t, new Map([[255, millUnit()]]), { absent: 'exception' });
    t.match((await probe(url)).machines, [{ settings: { url: `${url}/255` } }]);
  });

  t.test('a unit that cannot be read at all gives no machine, and a note', async (t) => {
    const { url } = await serve(t, new Map([[1, new SimulatedUnit()]]));
    const { machines, notes } = await probe(`${url}/1`);
    t.same(machines, []);
    t.match(notes.join(), /no address was found/);
  });

  t.test('a device that closes after each answer, or allows one client, is probed all the same', async (t) => {
    const unit = new SimulatedUnit({ ranges: { holding: [[0, 9]] } });
    unit.set('holding', 4, [9]);
    unit.fault({ kind: 'close', share: 0.05 });
    const { url, server } = await serve(t, new Map([[1, unit]]), { maxClients: 1 });
    t.match((await probe(`${url}/1`)).machines, [{ settings: { signals: { holding_4: {} } } }]);
    t.ok(server.server.accepted > 1);
  });

  t.test('RTU frames over TCP', async (t) => {
    const server = new SimulatedModbusRtuTcp({ units: new Map([[4, millUnit()]]) });
    const url = await server.start();
    t.teardown(() => server.stop());
    const { machines } = await probe(`${url}/4`, { expect: [1523.5] });
    t.match(machines, [{ settings: { url: `${url}/4`, signals: { panel_1523_5: { address: 12 } } } }]);
  });

  t.test('a serial line', { skip: noPty }, async (t) => {
    await using pair = await openPtyPair(t.testdir());
    const [ours, theirs] = pair.paths;
    const device = new SimulatedModbusRtu({ path: theirs, units: new Map([[3, millUnit()]]) });
    await device.start();
    t.teardown(() => device.stop());
    const told: string[] = [];
    const line = 'baud=115200&parity=none';
    const { machines } = await probe(`modbus+rtu://${ours}?${line}&unit=3`, { expect: [1523.5] }, told);
    const url = `modbus+rtu://${ours}?${line}&unit=3`;
    t.match(machines, [{ settings: { url, signals: { panel_1523_5: { address: 12 } } } }]);
    t.match(await run(machines[0]?.settings as Own), { panel_1523_5: Math.fround(1523.48) });
    t.match(told[0], 'trying 115200 baud, 8N1');
  });
});

t.test('one sentence says what to do', async (t) => {
  t.test('about a wrong unit: which one answers', async (t) => {
    const { url } = await serve(t, new Map([[1, millUnit()]]));
    t.match(await faultOf(`${url}/9`), /unit 9 at .* does not answer: unit 1 does: probe modbus:.*\/1/);
  });

  t.test('about a unit that the gateway cannot reach', async (t) => {
    const { url } = await serve(t, new Map(), { absent: 'exception' });
    t.match(await faultOf(`${url}/9`), /is not reached by the gateway.*check the unit id/);
  });

  t.test('about a port where nothing listens, and one where something else does', async (t) => {
    const web = createWebServer((_request, response) => response.end('hello'));
    web.listen(0, HOST);
    await once(web, 'listening');
    const { port } = web.address() as AddressInfo;
    t.match(await faultOf(`modbus://${HOST}:${port}/1`), /no Modbus\/TCP.*check that the port/);
    web.close();
    await once(web, 'close');
    t.match(await faultOf(`modbus://${HOST}:${port}/1`), /nothing listens there: check the port/);
  });

  t.test('about a serial device that is absent, is none, or is in use', { skip: noPty }, async (t) => {
    const folder = t.testdir({ file: '' });
    t.match(await faultOf(`modbus+rtu://${join(folder, 'ttyUSB7')}`), /no such device: plug the adapter in/);
    t.match(await faultOf(`modbus+rtu://${join(folder, 'file')}`), /no serial port|cannot/i);
    await using pair = await openPtyPair(t.testdir());
    const [ours, theirs] = pair.paths;
    const unit = new SimulatedUnit({ ranges: { holding: [[0, 2]] } });
    unit.set('holding', 0, [5]);
    const device = new SimulatedModbusRtu({ path: theirs, units: new Map([[1, unit]]) });
    await device.start();
    t.teardown(() => device.stop());
    const url = `modbus+rtu://${ours}?baud=115200&parity=none&unit=1`;
    const stop = new AbortController();
    const running = driverFor({ url, signals: { a: { address: 0 } } }).observe(undefined, stop.signal);
    for await (const { observations } of running) {
      if (observations.length === 0) continue;
      t.match(await faultOf(url), /another program uses it: stop that program/);
      break;
    }
  });

  t.test('about a URL that is none', async (t) => {
    t.match(await faultOf('modbus+rtu:///dev/ttyUSB0?baut=9600'), /unknown setting baut/);
  });
});
