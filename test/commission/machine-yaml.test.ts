import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { configText } from '../../src/commission/config-text.ts';
import { machineIdError, uniqueId } from '../../src/commission/ids.ts';
import { entriesOf, machinesYaml } from '../../src/commission/machine-yaml.ts';
import { printable, valueText } from '../../src/commission/printable.ts';
import type { ProbedMachine } from '../../src/drivers/toolbox.ts';
import { ID_PATTERN } from '../../src/wire/contract.ts';
import { load, MINIMAL } from '../config/support.ts';
import { seededRandom } from '../support/random.ts';

const machine = (own: Partial<ProbedMachine> = {}): ProbedMachine => ({
  id: 'm',
  title: 'M',
  settings: {},
  signals: [],
  ...own,
});
const yamlOf = (...machines: ProbedMachine[]) =>
  machinesYaml(entriesOf('modbus', { facts: [], notes: [], machines }, new Set()));

t.test('an entry is written to be pasted, with what was read behind each signal', async (t) => {
  const settings = {
    url: 'modbus://10.0.0.5:502/3',
    signals: { rpm: { address: 40_001, type: 'float32', scale: 0.1 }, load: { address: 7 }, alarm: 'coil 5' },
    state: { from: 'alarm', stopped: [true], otherwise: 'running' },
  };
  const signals = [
    { signal: 'rpm', source: '40001', unit: 'rev/min', value: 1523.5, quality: 'good' },
    { signal: 'load', source: '7', value: null, quality: 'bad' },
    { signal: 'alarm', source: '5', value: false, quality: 'uncertain' },
    { signal: 'state', source: '', value: 'idle' },
  ] as const;
  t.equal(
    yamlOf(machine({ settings, signals })),
    `  - id: m
    driver: modbus
    url: modbus://10.0.0.5:502/3
    signals:
      rpm: { address: 40001, type: float32, scale: 0.1 } # read 1523.5 rev/min
      load: { address: 7 } # read no value
      alarm: coil 5 # read false (uncertain)
    state: { from: alarm, stopped: [ true ], otherwise: running } # read idle
    # M
`,
  );
});

t.test('an entry for Modbus is what its driver takes', async (t) => {
  const settings = {
    url: 'modbus://10.0.0.5:502/3',
    addressing: 'modicon',
    signals: { rpm: { address: 40_001, type: 'float32', order: 'CDAB', unit: 'rev/min', sentinels: ['0x8000'] } },
    state: "rpm > 0 ? 'running' : 'idle'",
  };
  const signals = [
    { signal: 'rpm', source: '40001', unit: 'rev/min', value: 1523.5 },
    { signal: 'state', source: '', value: 'running' },
  ];
  const text = yamlOf(machine({ id: '#1: *', settings, signals }));
  const { config, errors } = load(t.testdir(), MINIMAL.replace(/^ {2}- .*\n/m, text));
  t.strictSame(errors, []);
  t.match(config?.machines, [
    { id: '1', driver: 'modbus', addressing: 'modicon', signals: { rpm: { address: 40_001 } } },
  ]);
  t.match(text, /state: .* # read running\n/);
});

t.test('whatever a machine says of itself stays text and stays in its place', async (t) => {
  const evil = 'x\n  - id: y\r\u0085\u2028# {[&*!|>\'"%@`: \u001b[2J\u202e';
  const one = machine({
    id: evil,
    title: evil,
    settings: { url: evil, device: '007', no: 'no', empty: '', signals: { [evil]: evil, '1e3': '0x10', '- a': '~' } },
    signals: [
      { signal: evil, source: evil, value: evil, unit: evil },
      { signal: 'other', source: evil, value: [evil] },
    ],
  });
  const text = yamlOf(one, one);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this is what must not be there
  t.notMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f]/, 'nothing that moves a cursor');
  const [first, second, ...more] = parse(text) as Record<string, unknown>[];
  t.same(more, []);
  t.match(first, { ...one.settings, driver: 'modbus' });
  t.match(first?.['id'], ID_PATTERN);
  t.not(first?.['id'], second?.['id']);
});

t.test('random settings come out of YAML as they went in', async (t) => {
  const { seed, next } = seeded(t);
  const words = [
    'a',
    'yes',
    '0',
    '-1',
    'null',
    '~',
    'x: y',
    '# z',
    ' b ',
    '"',
    "'",
    'ü',
    '{',
    '- ',
    '1.0',
    '\n',
    '…',
    '=',
  ];
  const word = () =>
    Array.from({ length: 1 + Math.floor(next() * 3) }, () => words[Math.floor(next() * words.length)]).join('');
  const value = (depth: number): unknown => {
    const kind = Math.floor(next() * (depth > 2 ? 4 : 6));
    if (kind === 0) return Math.round(next() * 1e6) / 100;
    if (kind === 1) return next() < 0.5;
    if (kind < 4) return word();
    if (kind === 4) return Array.from({ length: Math.floor(next() * 3) }, () => value(depth + 1));
    return Object.fromEntries(Array.from({ length: Math.floor(next() * 4) }, () => [word(), value(depth + 1)]));
  };
  for (let n = 0; n < 300; n++) {
    const settings = { url: word(), signals: { rpm: value(1), [word()]: value(1) }, more: value(0) };
    const signals = Object.keys(settings.signals).map((signal) => ({
      signal,
      source: word(),
      value: word(),
      unit: word(),
    }));
    const text = yamlOf(machine({ settings: settings as never, signals }));
    const [entry] = parse(text) as Record<string, unknown>[];
    const { id: _, driver: __, ...rest } = entry ?? {};
    if (!t.strictSame(rest, settings, `seed ${seed}, case ${n}`)) return;
  }
});

function seeded(t: Test) {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);
  t.comment(`seed ${seed}`);
  return { seed, next: seededRandom(seed) };
}

t.test('signals without a key are told below the entry, the first of many', async (t) => {
  const signals = Array.from({ length: 20 }, (_, n) => ({ signal: `s${n}`, source: `i${n}`, value: n }));
  const lines = yamlOf(machine({ signals })).split('\n');
  t.equal(lines[3], '    # sends, without further settings:');
  t.equal(lines[4], '    #   s0: 0, from i0');
  t.equal(lines[16], '    #   and 8 more signals');
});

t.test('ids are valid, near to the suggestion, and never taken', async (t) => {
  const taken = new Set(['VMC-3']);
  t.equal(uniqueId('VMC-3', taken), 'VMC-3-2');
  t.equal(uniqueId('Fräse № 7 (Halle)', taken), 'Frase-No-7-Halle');
  t.equal(uniqueId('__proto__', taken), 'proto__');
  t.equal(uniqueId('機械', taken), 'machine');
  t.equal(uniqueId('', taken), 'machine-2');
  t.match(uniqueId('x'.repeat(200), taken), ID_PATTERN);
  t.equal(uniqueId('y'.repeat(64), taken), 'y'.repeat(64), 'what is valid stays as it is');
  t.match(uniqueId('y'.repeat(64), taken), ID_PATTERN);
  t.match(uniqueId('x'.repeat(200), taken), /-2$/);
  for (const id of ['', '_x', 'a b', 'VMC-3', 'x'.repeat(65)]) t.type(machineIdError(id, taken), 'string', id);
  t.equal(machineIdError('lathe', taken), undefined);
});

t.test('values are one line, and none is not a number', async (t) => {
  t.equal(valueText(0, 'rev/min'), '0 rev/min');
  t.equal(valueText(null, 'rev/min'), 'no value');
  t.equal(valueText(undefined, 'rev/min'), undefined);
  t.equal(valueText({ a: [1] }, undefined), '{"a":[1]}');
  t.equal(printable('a\u001b[31mb\r\nc'), 'a [31mb c');
  t.equal(printable('x'.repeat(300)).length, 200);
});

t.test('a config refers to its password and never holds one', async (t) => {
  const uplink = { url: 'mqtts://b:8883', username: 'u', password: '${env:MQTT_PASSWORD}', ca: 'tls/ca.pem' };
  const text = configText({ gateway: 'g', tenant: '007', entries: [], uplink }, 'a\nb.yaml');
  t.strictSame(parse(text), {
    gateway: { id: 'g', tenant: '007' },
    machines: [{ id: 'machine-1', driver: 'mtconnect', url: 'http://192.168.0.21:5000' }],
    uplink: {
      url: 'mqtts://b:8883',
      tls: { ca: 'tls/ca.pem' },
      auth: { username: 'u', password: '${env:MQTT_PASSWORD}' },
    },
  });
});
