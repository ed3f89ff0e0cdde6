import type { Database } from 'better-sqlite3';
import { Fault } from '../errors.ts';
import { damage } from './disk-faults.ts';

/** `edgw` in the header of the file (https://www.sqlite.org/fileformat2.html#application_id). */
export const APPLICATION_ID = 0x65646777;

/**
 * Each entry brings the schema from its index to the next `user_version`. Entries are only ever added: a gateway in
 * the field may come from any of them.
 *
 * Bodies have a table of their own, so that a mark, a scan or a deletion in the books touches rows of some 45 bytes
 * and a settled batch is not written to the card a second time (docs/decisions/005-outbox-layout.md).
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  -- One for each (machine, kind). Every seq below next_seq is either kept or was counted in removed.
  CREATE TABLE channels (
    id       INTEGER PRIMARY KEY,
    machine  TEXT NOT NULL,
    kind     TEXT NOT NULL,
    next_seq INTEGER NOT NULL,
    removed  INTEGER NOT NULL,
    UNIQUE (machine, kind)
  ) STRICT;

  CREATE TABLE cursors (machine TEXT PRIMARY KEY, cursor TEXT NOT NULL) STRICT, WITHOUT ROWID;

  -- Times are milliseconds since the epoch. lane: 0 alert, 1 live. bytes: length of the body.
  CREATE TABLE batches (
    id           INTEGER PRIMARY KEY,
    channel      INTEGER NOT NULL,
    seq          INTEGER NOT NULL,
    lane         INTEGER NOT NULL,
    t0           INTEGER NOT NULL,
    count        INTEGER NOT NULL,
    synced       INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    stored_at    INTEGER NOT NULL,
    delivered_at INTEGER,
    hold_until   INTEGER,
    refusals     INTEGER NOT NULL DEFAULT 0,
    hold_reason  TEXT
  ) STRICT;
  CREATE INDEX backlog ON batches (lane, id) WHERE delivered_at IS NULL;
  CREATE INDEX history ON batches (delivered_at) WHERE delivered_at IS NOT NULL;
  CREATE INDEX held ON batches (hold_until) WHERE hold_until IS NOT NULL;

  CREATE TABLE bodies (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
  `,
  `
  -- What was salvaged from a damaged database keeps its identity, and so its stream. The database's own is in meta.
  CREATE TABLE channels_2 (
    id       INTEGER PRIMARY KEY,
    machine  TEXT NOT NULL,
    kind     TEXT NOT NULL,
    stream   TEXT NOT NULL,
    next_seq INTEGER NOT NULL,
    removed  INTEGER NOT NULL,
    UNIQUE (machine, kind, stream)
  ) STRICT;
  INSERT INTO channels_2 SELECT id, machine, kind, (SELECT value FROM meta WHERE key = 'stream'), next_seq, removed FROM channels;
  DROP TABLE channels;
  ALTER TABLE channels_2 RENAME TO channels;
  `,
  `
  -- Batches of this boot that were stamped by a clock not known to be right, and how it was set (StampClock.origin).
  CREATE TABLE stamps (id INTEGER PRIMARY KEY, origin INTEGER NOT NULL) STRICT;
  `,
  `
  -- What a machine's engines knew when the batch after_id was stored.
  CREATE TABLE states (
    machine  TEXT PRIMARY KEY,
    after_id INTEGER NOT NULL,
    saved_at INTEGER NOT NULL,
    state    BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- What is to be told to people, by channel. Rows go when it is told, or given up.
  CREATE TABLE notices (
    id         INTEGER PRIMARY KEY,
    channel    TEXT NOT NULL,
    body       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    due_at     INTEGER NOT NULL,
    tries      INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX notices_of ON notices (channel, due_at);
  `,
  `
  -- Texts that bodies of a channel depend on, as zstd frames. until: the highest batch that may need it; null: in use.
  -- Both tables have the same rows: in a tree each, so that no damaged page costs a dictionary.
  CREATE TABLE dictionaries (id INTEGER PRIMARY KEY, channel INTEGER NOT NULL, until INTEGER, body BLOB NOT NULL) STRICT;
  CREATE TABLE dictionary_copies (id INTEGER PRIMARY KEY, channel INTEGER NOT NULL, until INTEGER, body BLOB NOT NULL) STRICT;
  `,
];

/** The schema that this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** No program will ever write such a version: it is damaged. */
const MAX_VERSION = 1000;

/**
 * Refuses a file that is not an outbox or that a newer program wrote, before anything in it is touched.
 * @throws Fault of the config; Error of a damaged database for a foreign file in a folder that is the gateway's own
 */
export function checkIdentity(db: Database, path: string, isOwn = false): void {
  const applicationId = db.pragma('application_id', { simple: true });
  const version = db.pragma('user_version', { simple: true }) as number;
  const tables = db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get();
  // A start that was killed before its first transaction leaves a file without an identity, but without tables too.
  const fresh = applicationId === 0 && version === 0 && tables === 0;
  if (!fresh && applicationId !== APPLICATION_ID) {
    if (isOwn) throw damage(`${path} is a database of another program`);
    throw new Fault('config', `${path} is a database of another program`, {
      hint: 'point gateway.dataDir at a folder of the gateway’s own',
    });
  }
  if (version > MAX_VERSION) throw damage(`its schema is ${version}`);
  if (version > SCHEMA_VERSION) {
    throw new Fault(
      'config',
      `${path} was written by a newer edge-gateway (schema ${version}, not ${SCHEMA_VERSION})`,
      {
        hint: 'install that version again, or point gateway.dataDir at another folder',
      },
    );
  }
}

/** Brings the database to SCHEMA_VERSION, or to `to`, in one transaction; a new one gets its identity with it. */
export function migrate(db: Database, stream: string, now: number, to = SCHEMA_VERSION): void {
  const from = db.pragma('user_version', { simple: true }) as number;
  if (from >= to) return;
  db.transaction(() => {
    // What later schemas refer to is there before they are made.
    const [first = '', ...later] = MIGRATIONS.slice(from, to);
    db.exec(first);
    if (from === 0) {
      const insert = db.prepare('INSERT INTO meta (key, value) VALUES (?, ?)');
      insert.run('stream', stream);
      insert.run('created_at', String(now));
    }
    for (const sql of later) db.exec(sql);
    db.pragma(`application_id = ${APPLICATION_ID}`);
    db.pragma(`user_version = ${to}`);
  }).immediate();
}
