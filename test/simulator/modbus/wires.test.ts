import { once } from 'node:events';
import t, { type Test } from 'tap';
import { crc } from '../../../simulator/modbus/crc.ts';
import { SimulatedUnit } from '../../../simulator/modbus/device.ts';
import type { ModbusFault } from '../../../simulator/modbus/fault.ts';
import { SimulatedModbusRtuTcp } from '../../../simulator/modbus/rtu.ts';
import { SimulatedModbusTcp, type TcpOptions } from '../../../simulator/modbus/tcp.ts';
import { hex, mbap, type RawClient, rawClient, text } from './client.ts';

const READ = hex('03 00 00 00 01');
const ANSWER = '03 02 00 07';

function unitWith(...faults: ModbusFault[]): SimulatedUnit {
  const unit = new SimulatedUnit({ ranges: { holding: [[0, 9]] } });
  unit.set('holding', 0, [7]);
  unit.fault(...faults);
  return unit;
}

async function tcp(t: Test, unit = unitWith(), more: Partial<TcpOptions> = {}) {
  const server = new SimulatedModbusTcp({ units: new Map([[1, unit]]), ...more });
  const url = await server.start();
  t.teardown(() => server.stop());
  const client = await rawClient(url);
  t.teardown(() => client.stream.destroy());
  return { server, url, client, unit };
}

async function rtu(t: Test, ...faults: ModbusFault[]): Promise<RawClient> {
  const server = new SimulatedModbusRtuTcp({ units: new Map([[1, unitWith(...faults)]]) });
  const client = await rawClient(await server.start());
  t.teardown(() => server.stop());
  t.teardown(() => client.stream.destroy());
  return client;
}

function framed(unit: number, pdu: Buffer): Buffer {
  const body = Buffer.concat([Buffer.of(unit), pdu]);
  const sum = crc(body);
  return Buffer.concat([body, Buffer.of(sum & 0xff, sum >> 8)]);
}

t.test('TCP: answers with the transaction and unit of the request, many at once and in pieces', async (t) => {
  const { client } = await tcp(t);
  const requests = Buffer.concat([mbap(7, 1, READ), mbap(8, 1, READ)]);
  client.send(requests.subarray(0, 5));
  client.send(requests.subarray(5));
  t.equal(text(await client.take(11)), `00 07 00 00 00 05 01 ${ANSWER}`);
  t.equal(text(await client.take(11)), `00 08 00 00 00 05 01 ${ANSWER}`);
});

t.test('TCP: other units are silent, or refused by the gateway', async (t) => {
  const { client } = await tcp(t);
  client.send(Buffer.concat([mbap(1, 9, READ), mbap(2, 1, READ)]));
  t.equal((await client.take(11)).readUInt16BE(0), 2);
  const gateway = await tcp(t, unitWith(), { absent: 'exception' });
  gateway.client.send(mbap(1, 9, READ));
  t.equal(text(await gateway.client.take(9)), '00 01 00 00 00 03 09 83 0b');
});

t.test('TCP: closes on what is no Modbus', async (t) => {
  const { client } = await tcp(t);
  client.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  await once(client.stream, 'close');
  t.equal(client.rest.length, 0);
});

t.test('TCP: wrong transaction, wrong unit, half a frame, noise, close', async (t) => {
  const cases: [ModbusFault, number, RegExp][] = [
    [{ kind: 'transaction' }, 11, /^55 54 00 00 00 05 01 03/],
    [{ kind: 'unit' }, 11, /^00 01 00 00 00 05 54 03/],
    [{ kind: 'truncated' }, 6, /^00 01 00 00 00 05$/],
    [{ kind: 'garbage', bytes: 40 }, 51, / 00 01 00 00 00 05 01 03 02 00 07$/],
    [{ kind: 'slow', msPerByte: 1 }, 11, /^00 01 00 00 00 05 01 03 02 00 07$/],
  ];
  for (const [fault, length, expected] of cases) {
    const { client } = await tcp(t, unitWith(fault));
    client.send(mbap(1, 1, READ));
    t.match(text(await client.take(length)), expected, fault.kind);
  }
  const { client } = await tcp(t, unitWith({ kind: 'close' }));
  client.send(mbap(1, 1, READ));
  await once(client.stream, 'end');
  t.equal(client.rest.length, 11);
});

t.test('TCP: a late answer comes during the next request', async (t) => {
  const { client } = await tcp(t, unitWith({ kind: 'late', ms: 60, times: 1 }));
  client.send(mbap(1, 1, READ));
  client.send(mbap(2, 1, READ));
  t.same([(await client.take(11)).readUInt16BE(0), (await client.take(11)).readUInt16BE(0)], [2, 1]);
});

t.test('TCP: takes one client only, where that is its kind', async (t) => {
  const { client, url, server } = await tcp(t, unitWith(), { maxClients: 1 });
  const second = await rawClient(url);
  await once(second.stream, 'close');
  t.equal(server.connections, 1);
  client.stream.destroy();
});

t.test('TCP: frozen it stays connected and says nothing, thawed it answers what waited', async (t) => {
  const { client, server, unit } = await tcp(t);
  client.send(mbap(1, 1, READ));
  await client.take(11);
  server.server.freeze();
  client.send(mbap(2, 1, READ));
  const other = await rawClient(server.url);
  other.send(mbap(3, 1, READ));
  t.equal(unit.requests, 1, 'nothing is read any more, from new clients neither');
  server.server.thaw();
  t.equal((await client.take(11)).readUInt16BE(0), 2);
  t.equal((await other.take(11)).readUInt16BE(0), 3);
  other.stream.destroy();
});

t.test('TCP: floods, cuts, and comes back on the same port', async (t) => {
  const { client, server, url } = await tcp(t);
  server.server.flood(1e6);
  t.equal((await client.take(50_000)).length, 50_000);
  server.server.flood(0);
  server.server.cut();
  await once(client.stream, 'close');
  await server.stop();
  t.equal(await server.start(), url);
});

t.test('RTU: answers with a checksum of its own, in pieces and after noise', async (t) => {
  const client = await rtu(t);
  const request = framed(1, READ);
  client.send(request.subarray(0, 3));
  client.send(request.subarray(3));
  t.equal(text(await client.take(7)), '01 03 02 00 07 f9 86');
  client.send(Buffer.concat([hex('00 ff 13'), request]));
  t.equal(text(await client.take(7)), '01 03 02 00 07 f9 86');
});

t.test('RTU: other units are silent, a damaged request too, and a broadcast is carried out', async (t) => {
  const client = await rtu(t);
  const damaged = framed(1, READ);
  damaged[3] = 1;
  client.send(Buffer.concat([framed(9, READ), damaged, framed(0, hex('06 00 00 00 2a')), framed(1, READ)]));
  t.equal(text(await client.take(5)), '01 03 02 00 2a');
});

t.test('RTU: damaged checksum, another unit, half a frame', async (t) => {
  const cases: [ModbusFault, number, RegExp][] = [
    [{ kind: 'crc' }, 7, /^01 03 02 00 07 f8 87$/],
    [{ kind: 'unit' }, 7, /^54 03 02 00 07/],
    [{ kind: 'truncated' }, 4, /^01 03 02 00$/],
  ];
  for (const [fault, length, expected] of cases) {
    const client = await rtu(t, fault);
    client.send(framed(1, READ));
    t.match(text(await client.take(length)), expected, fault.kind);
  }
});
