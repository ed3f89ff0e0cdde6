import t from 'tap';
import { SimulatedUnit, type UnitOptions } from '../../../simulator/modbus/device.ts';
import { hex, text } from './client.ts';

/** The unit of the examples in Modbus Application Protocol 1.1b3, 6: addresses counted from 0. */
function exampleUnit(more: UnitOptions = {}): SimulatedUnit {
  const unit = new SimulatedUnit({
    ranges: {
      coil: [[0, 300]],
      discrete: [[0, 300]],
      holding: [[0, 300]],
      input: [[0, 20]],
    },
    ...more,
  });
  const bits = (bytes: string) =>
    [...hex(bytes)].flatMap((byte) => Array.from({ length: 8 }, (_, at) => (byte >> at) & 1));
  unit.set('coil', 0x13, bits('cd 6b 05').slice(0, 19));
  unit.set('discrete', 0xc4, bits('ac db 35').slice(0, 22));
  unit.set('holding', 0x6b, [0x022b, 0, 0x64]);
  unit.set('input', 8, [0x000a]);
  unit.set('holding', 4, [0x12]);
  return unit;
}

const EXAMPLES: readonly (readonly [name: string, request: string, answer: string])[] = [
  ['6.1 read coils', '01 00 13 00 13', '01 03 cd 6b 05'],
  ['6.2 read discrete inputs', '02 00 c4 00 16', '02 03 ac db 35'],
  ['6.3 read holding registers', '03 00 6b 00 03', '03 06 02 2b 00 00 00 64'],
  ['6.4 read input registers', '04 00 08 00 01', '04 02 00 0a'],
  ['6.5 write single coil', '05 00 ac ff 00', '05 00 ac ff 00'],
  ['6.6 write single register', '06 00 01 00 03', '06 00 01 00 03'],
  ['6.11 write multiple coils', '0f 00 13 00 0a 02 cd 01', '0f 00 13 00 0a'],
  ['6.12 write multiple registers', '10 00 01 00 02 04 00 0a 01 02', '10 00 01 00 02'],
  ['6.16 mask write register', '16 00 04 00 f2 00 25', '16 00 04 00 f2 00 25'],
  [
    '6.17 read and write registers',
    '17 00 03 00 06 00 0e 00 03 06 00 ff 00 ff 00 ff',
    '17 0c 00 00 00 12 00 00 00 00 00 00 00 00',
  ],
];

for (const [name, request, answer] of EXAMPLES) {
  t.test(`answers as the example of the specification: ${name}`, async (t) => {
    t.equal(text(exampleUnit().respond(hex(request)).pdu), answer);
  });
}

t.test('writes change the tables', async (t) => {
  const unit = exampleUnit();
  for (const request of ['05 00 ac ff 00', '06 00 01 00 03', '16 00 04 00 f2 00 25', '0f 00 00 00 03 01 05']) {
    unit.respond(hex(request));
  }
  t.same(unit.get('coil', 0xac), [1]);
  t.same(unit.get('holding', 1), [3]);
  t.same(unit.get('holding', 4), [0x17], '(current AND and-mask) OR (or-mask AND NOT and-mask)');
  t.same(unit.get('coil', 0, 3), [1, 0, 1]);
});

const REFUSALS: readonly (readonly [name: string, request: string, answer: string])[] = [
  ['an unknown function with 01', '2a 00', 'aa 01'],
  ['a hole with 02', '03 01 2d 00 01', '83 02'],
  ['a range that ends in a hole with 02', '03 01 2c 00 02', '83 02'],
  ['a range beyond 65535 with 02', '03 ff ff 00 02', '83 02'],
  ['a write to a hole with 02', '06 ff 00 00 01', '86 02'],
  ['no registers at all with 03', '03 00 00 00 00', '83 03'],
  ['126 registers with 03', '03 00 00 00 7e', '83 03'],
  ['2001 bits with 03', '01 00 00 07 d1', '81 03'],
  ['a coil that is neither on nor off with 03', '05 00 00 12 34', '85 03'],
  ['a byte count that does not fit with 03', '10 00 01 00 02 03 00 0a 01', '90 03'],
  ['a request that is cut short with 03', '03 00', '83 03'],
];

for (const [name, request, answer] of REFUSALS) {
  t.test(`refuses ${name}`, async (t) => {
    t.equal(text(exampleUnit().respond(hex(request)).pdu), answer);
  });
}

t.test('gives no more at once than the device of its kind', async (t) => {
  const unit = exampleUnit({ maxRegisters: 10, functions: [3] });
  t.equal(text(unit.respond(hex('03 00 00 00 0b')).pdu), '83 03');
  t.equal(unit.respond(hex('03 00 00 00 0a')).pdu?.length, 22);
  t.equal(text(unit.respond(hex('04 00 00 00 01')).pdu), '84 01', 'and knows only the functions of its kind');
});

t.test('tells what it is, in as many parts as it takes', async (t) => {
  const long = 'x'.repeat(120);
  const unit = exampleUnit({
    identity: { objects: { 0: 'Acme', 1: 'P', 2: 'V1', 3: long, 4: long, 128: 'own' }, serverId: 'ID' },
  });
  const basic = unit.respond(hex('2b 0e 01 00')).pdu;
  t.equal(text(basic), `2b 0e 01 83 00 00 03 00 04 ${text(Buffer.from('Acme'))} 01 01 50 02 02 56 31`);
  const first = unit.respond(hex('2b 0e 02 00')).pdu as Buffer;
  t.same([...first.subarray(4, 7)], [0xff, 4, 4], 'more follows, from object 4');
  const second = unit.respond(hex('2b 0e 02 04')).pdu as Buffer;
  t.same([...second.subarray(4, 9)], [0, 0, 1, 4, 120]);
  t.equal(text(unit.respond(hex('2b 0e 04 80')).pdu), `2b 0e 04 83 00 00 01 80 03 ${text(Buffer.from('own'))}`);
  t.equal(text(unit.respond(hex('2b 0e 04 70')).pdu), 'ab 02', 'no such object');
  t.equal(text(unit.respond(hex('2b 0e 09 00')).pdu), 'ab 03', 'no such code');
  t.equal(text(unit.respond(hex('11')).pdu), '11 03 49 44 ff');
});

t.test('counts and tells every request that reached it, dead or not', async (t) => {
  const seen: string[] = [];
  const unit = exampleUnit({ onRequest: ({ pdu }) => seen.push(text(pdu)) });
  unit.respond(hex('03 00 00 00 01'));
  unit.fault({ kind: 'dead' });
  t.equal(unit.respond(hex('04 00 00 00 01')).pdu, undefined);
  t.same(seen, ['03 00 00 00 01', '04 00 00 00 01']);
  t.equal(unit.requests, 2);
});

t.test('faults hit a share of the requests, or so many, and heal', async (t) => {
  const unit = exampleUnit({ seed: 4 });
  const ask = () => text(unit.respond(hex('03 00 00 00 01')).pdu).slice(0, 5);
  unit.fault({ kind: 'exception', code: 6, times: 2 });
  t.same([ask(), ask(), ask()], ['83 06', '83 06', '03 02']);
  unit.fault({ kind: 'exception', code: 4, share: 0.25 });
  const hit = Array.from({ length: 1000 }, ask).filter((one) => one === '83 04').length;
  t.ok(hit > 200 && hit < 300, `${hit} of 1000`);
  unit.fault();
  t.equal(ask(), '03 02');
});
