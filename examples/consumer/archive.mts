/**
 * Archives the stream in SQLite, and tells at the end (Ctrl-C) what is missing:
 *
 *     node archive.mts mqtts://broker.example.com:8883 archive.db
 */
import { readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { ARRIVAL_ORDER, receive } from 'edge-gateway/consumer';

const [url = 'mqtt://127.0.0.1:1883', path = 'archive.db'] = process.argv.slice(2);
const sql = (name: string) => readFileSync(new URL(`sqlite/${name}.sql`, import.meta.url), 'utf8');
const archive = new DatabaseSync(path);
archive.exec(sql('schema'));
const insert = archive.prepare(sql('insert'));

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
// With `clientId` the broker keeps what is published while this is away. A message is acknowledged when the loop asks
// for the next one: its batch is committed by then.
const stream = receive({ url, topics: ['plc/#'], clientId: 'archive', order: ARRIVAL_ORDER, signal: stop.signal });
for await (const received of stream) {
  if (received.type === 'problem') console.error(received.problem);
  if (received.type === 'conflict') console.error(`${received.key} came with other content than before`);
  if (received.type === 'batch') insert.run({ payload: JSON.stringify(received.batch) });
}

const count = (table: string) => archive.prepare(`select count(*) as count from ${table}`).get()?.['count'];
const missing = archive.prepare('select * from missing_batches').all();
console.log(JSON.stringify({ batches: count('batch'), observations: count('observation'), missing }));
process.exitCode = missing.length > 0 ? 1 : 0;
