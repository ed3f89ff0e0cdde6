import t from 'tap';
import { check } from '../../../src/drivers/modbus/check.ts';
import { settings } from '../../../src/drivers/modbus/settings.ts';
import type { Own } from './support.ts';

const PLAIN = { a: { address: 1 } };

/** What is found in machines that fit the schema, as `path: message`. */
function findings(...machines: Partial<Own>[]): string[] {
  const configured = machines.map((own, i) => ({
    id: `m${i}`,
    settings: settings.parse({ url: 'modbus://h/1', signals: PLAIN, ...own }),
  }));
  return check(configured).map(
    ({ machine, path, message, level }) => `${machine} ${level ?? 'error'} ${path.join('.')}: ${message}`,
  );
}

t.test('signals that cannot be are told at their key', async (test) => {
  const CASES: [signal: object, expected: RegExp, machine?: Partial<Own>][] = [
    [{ address: 65_535, type: 'uint32' }, /signals\.s\.address: its 2 registers reach beyond/],
    [{ address: 65_536 }, /signals\.s\.address: expected 0 to 65535/],
    [{ address: 40_001 }, /^$/],
    [{ address: 0 }, /signals\.s\.address: expected 1 to 65536/, { addressing: 'one' }],
    [{ address: 20_001 }, /signals\.s\.address: expected the modicon notation/, { addressing: 'modicon' }],
    [
      { address: 40_001, table: 'input' },
      /signals\.s\.table: the address names the holding table/,
      { addressing: 'modicon' },
    ],
    [{ address: 1, bit: 16 }, /signals\.s\.bit: reaches bit 16, and the highest of uint16 is 15/],
    [{ address: 1, bit: 10, bits: 7 }, /signals\.s\.bit: reaches bit 16/],
    [{ address: 1, type: 'float32', bit: 1 }, /signals\.s\.bit: bits are cut out of/],
    [{ address: 1, table: 'coil', type: 'int16' }, /signals\.s\.type: a coil or discrete input is a bool/],
    [{ address: 1, table: 'coil', scale: 2 }, /signals\.s\.scale: a bit has none/],
    [{ address: 1, type: 'string' }, /signals\.s\.type: a string needs its `length`/],
    [{ address: 1, length: 4 }, /signals\.s\.length: only a string/],
    [{ address: 1, type: 'string', length: 4, order: 'CDAB' }, /signals\.s\.order: the words of a string/],
    [{ address: 1, sentinels: ['0x8000', 65_536] }, /signals\.s\.sentinels: 65536 does not fit into the 16 bits/],
    [{ address: 1, type: 'int16', sentinels: [-32_769] }, /signals\.s\.sentinels: -32769 does not fit/],
    [{ address: 1, type: 'int16', sentinels: [-32_768, 0xffff] }, /^$/],
    [{ address: 1, type: 'uint64', sentinels: ['0xffffffffffffffff'] }, /^$/],
    [{ address: 1, scale: 0 }, /signals\.s\.scale/],
    [{ address: 1, type: 'uint64' }, /signals\.s\.type: takes 4 registers, and maxRegisters/, { maxRegisters: 3 }],
  ];
  for (const [signal, expected, machine] of CASES) {
    test.match(findings({ ...machine, signals: { s: signal as never } }).join('\n'), expected, JSON.stringify(signal));
  }
});

t.test('the modicon notation implies the table, with five and six digits', async (test) => {
  const { resolveSignals } = await import('../../../src/drivers/modbus/signals.ts');
  const addresses = [1, 10_001, 30_001, 40_001, 400_001, 465_536, 365_536, 100_001];
  const signals = Object.fromEntries(addresses.map((address) => [`s${address}`, { address }]));
  const resolved = resolveSignals(settings.parse({ url: 'modbus://h', addressing: 'modicon', signals }));
  test.same(resolved.problems, []);
  test.same(
    resolved.signals.map(({ table, address }) => [table, address]),
    [
      ['coil', 0],
      ['discrete', 0],
      ['input', 0],
      ['holding', 0],
      ['holding', 0],
      ['holding', 65_535],
      ['input', 65_535],
      ['discrete', 0],
    ],
  );
});

t.test('names that the driver gives itself, and a state that reads what is not there', async (test) => {
  test.match(findings({ signals: { available: { address: 1 } } }), [/error signals.available: the driver itself/]);
  test.match(findings({ signals: { state: { address: 1 } } }), [/error signals.state: it follows/]);
  test.match(findings({ state: "b > 0 ? 'running' : 'idle'" }), [/error state: no such signal: b/]);
});

t.test('one wire has one protocol and one set of line settings', async (test) => {
  const tty = 'modbus+rtu:///dev/ttyUSB0';
  const quick = { timeout: '100ms', poll: '10s' };
  test.match(findings({ ...quick, url: `${tty}?unit=1` }, { ...quick, url: `${tty}?unit=2&baud=9600` }), [
    /1 error url: other line settings .* than machine m0/,
  ]);
  test.match(findings({ ...quick, url: 'modbus://h:502/1' }, { ...quick, url: 'modbus+rtutcp://H/2' }), [
    /1 error url: another protocol/,
  ]);
  test.same(findings({ ...quick, url: `${tty}?unit=1` }, { ...quick, url: `${tty}?unit=2&baud=19200` }), []);
});

t.test('a link that cannot carry its polls is a warning with figures', async (test) => {
  const signals = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`r${i}`, { address: i }]));
  const slow = findings({ url: 'modbus+rtu:///dev/ttyS1?baud=9600', signals, poll: '200ms', timeout: '100ms' });
  test.match(slow, [/0 warning poll: the polls on \/dev\/ttyS1 take about 1[2-5]\d %/]);
  test.match(findings({ url: 'modbus://h/1' }, { url: 'modbus://h/2' }, { url: 'modbus://h/3' }), [
    /0 warning timeout: if none of the 3 units on h:502 answered, asking each once would take 3000 ms.*A timeout of 333 ms fits/,
  ]);
  test.same(findings({ url: 'modbus://h/1' }), [], 'one unit alone keeps nobody waiting');
});
