import { rmSync } from 'node:fs';
import SqliteDatabase, { type Database } from 'better-sqlite3';

/** A bare database as durable as the outbox: a table of bodies and nothing else. */
export function bareDatabase(file: string): Database {
  for (const ending of ['', '-wal', '-shm']) rmSync(file + ending, { force: true });
  const db = new SqliteDatabase(file);
  db.pragma('journal_mode = WAL');
  db.pragma('synchronous = FULL');
  db.exec('CREATE TABLE bodies (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT');
  return db;
}

/** Inserts what `bodies` gives, `group` of them in each transaction. */
export function insertAll<T>(db: Database, bodies: readonly T[], group: number, encode: (body: T) => Buffer): void {
  const insert = db.prepare('INSERT INTO bodies (body) VALUES (?)');
  const commit = db.transaction((some: readonly T[]) => {
    for (const body of some) insert.run(encode(body));
  });
  for (let at = 0; at < bodies.length; at += group) commit(bodies.slice(at, at + group));
}
