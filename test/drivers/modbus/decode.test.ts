import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { decoderOf } from '../../../src/drivers/modbus/decode.ts';
import { settings } from '../../../src/drivers/modbus/settings.ts';
import { type ModbusSignal, resolveSignals } from '../../../src/drivers/modbus/signals.ts';
import type { Value } from '../../../src/observation.ts';

interface Case {
  readonly name: string;
  readonly signal: Record<string, unknown>;
  readonly bytes: string;
  readonly value: Value;
}

const cases: Case[] = JSON.parse(readFileSync(join(import.meta.dirname, 'decode-cases.json'), 'utf8'));

function signalOf(own: Record<string, unknown>): ModbusSignal {
  const parsed = settings.parse({ url: 'modbus://127.0.0.1', signals: { s: { address: 10, ...own } } });
  const { signals, problems } = resolveSignals(parsed);
  if (signals[0] === undefined) throw new Error(problems[0]?.message);
  return signals[0];
}

t.test(
  'golden cases: every type, order, sentinel and nonsense, at the start of a block and within one',
  async (test) => {
    for (const { name, signal, bytes, value } of cases) {
      const data = Buffer.from(bytes.replaceAll(' ', ''), 'hex');
      const resolved = signalOf(signal);
      test.equal(data.length, resolved.size * 2, `${name}: as many bytes`);
      test.strictSame(decoderOf(resolved, 10)(data), value, name);
      const within = Buffer.concat([Buffer.from('a5a5a5a5', 'hex'), data, Buffer.from('5a5a', 'hex')]);
      test.strictSame(decoderOf(resolved, 8)(within), value, `${name}, within a block`);
    }
  },
);

t.test('every type has a case for each order that means something', async (test) => {
  const shown = new Set(cases.map(({ signal }) => `${signal['type']} ${signal['order'] ?? 'ABCD'}`));
  for (const type of ['uint32', 'uint64', 'float32', 'float64']) {
    for (const order of ['ABCD', 'CDAB', 'BADC', 'DCBA']) test.ok(shown.has(`${type} ${order}`), `${type} ${order}`);
  }
});

t.test('coils and discrete inputs: the lowest bit of the first byte is the first', async (test) => {
  const data = Buffer.from([0b0000_0101, 0b1000_0000]);
  const values = Array.from({ length: 16 }, (_, i) =>
    decoderOf(signalOf({ table: 'coil', address: 100 + i }), 100)(data),
  );
  test.same(values.map(Number), [1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
});
