import t, { type Test } from 'tap';
import type { Value } from '../../src/observation.ts';
import { driverFor, type Own } from '../drivers/modbus/support.ts';
import { noPymodbus, type PeerValue, startPymodbus } from '../support/modbus-peers.ts';
import { noPty, openPtyPair } from '../support/pty.ts';

const skip = noPymodbus || noPty;

/** What the driver reads of each signal first. */
async function readOnce(own: Own): Promise<Map<string, { v: Value; q: string }>> {
  const stop = new AbortController();
  const wanted = new Set(Object.keys(own.signals));
  const read = new Map<string, { v: Value; q: string }>();
  for await (const { observations } of driverFor(own).observe(undefined, stop.signal)) {
    for (const { signal, v, q } of observations) {
      if (wanted.delete(signal)) read.set(signal, { v, q });
    }
    if (wanted.size === 0) break;
  }
  return read;
}

function nameOf({ table, address, type, order = '' }: PeerValue): string {
  return `${table}_${address}_${type}${order}`;
}

/** Reads all values of a unit by one driver and compares them one by one. */
async function compare(t: Test, url: string, values: readonly PeerValue[]): Promise<void> {
  const signals = Object.fromEntries(
    values.map((value) => {
      const { table, address, type, order, length } = value;
      const more = { ...(order === undefined ? {} : { order }), ...(length === undefined ? {} : { length }) };
      return [nameOf(value), { table, address, type, ...more }];
    }),
  ) as Own['signals'];
  const read = await readOnce({ url, signals, poll: '1s', timeout: '2s' });
  t.ok(values.length > 200, `${values.length} values`);
  for (const value of values) {
    const expected = { v: value.value, q: value.value === null ? 'bad' : 'good' };
    t.same(read.get(nameOf(value)), expected, `${nameOf(value)} is ${value.value}`);
  }
}

t.test('reads every type in every order from pymodbus over TCP, of several units', { skip }, async (t) => {
  await using server = await startPymodbus();
  for (const unit of [1, 17]) {
    const values = server.values.filter((value) => value.unit === unit);
    await compare(t, `modbus://127.0.0.1:${server.port}/${unit}`, values);
  }
});

t.test(
  'reads every type in every order from pymodbus over RTU, of several units',
  { skip, timeout: 60_000 },
  async (t) => {
    await using pair = await openPtyPair(t.testdir());
    const [ours, theirs] = pair.paths;
    await using server = await startPymodbus(theirs);
    for (const unit of [1, 17]) {
      const values = server.values.filter((value) => value.unit === unit);
      await compare(t, `modbus+rtu://${ours}?baud=19200&parity=none&unit=${unit}`, values);
    }
  },
);
