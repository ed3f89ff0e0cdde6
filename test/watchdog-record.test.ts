import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { markTold, record, recordAtOnce, records } from '../src/watchdog-record.ts';

const ended = (at: number) => ({ t: at, stage: 'memory', message: 'too much' });

t.test('records come in their order; a line that is torn is passed over', async (t) => {
  const folder = t.testdir();
  t.same(records(folder), []);
  await record(folder, ended(1));
  appendFileSync(join(folder, 'watchdog.ndjson'), '{"t":2,"st\n');
  recordAtOnce(folder, ended(3));
  t.match(records(folder), [ended(1), ended(3)]);
});

t.test('what was told is known to be told, and what comes after is not', async (t) => {
  const folder = t.testdir();
  await record(folder, ended(1));
  t.match(records(folder), [{ isTold: false }]);
  await markTold(folder);
  t.match(records(folder), [{ isTold: true }]);
  await record(folder, ended(2));
  t.match(records(folder), [{ isTold: true }, { isTold: false }]);
});

t.test('a file that has grown keeps what is newest', async (t) => {
  const folder = t.testdir();
  const file = join(folder, 'watchdog.ndjson');
  writeFileSync(file, `${JSON.stringify(ended(1))}\n`.repeat(40_000));
  recordAtOnce(folder, ended(2));
  t.match(records(folder).at(-1), ended(2));
  t.ok(statSync(file).size < 1_000_000, `${statSync(file).size} bytes`);
  t.ok(readFileSync(file, 'utf8').startsWith('{"t":1,'), 'from a whole line on');
});
