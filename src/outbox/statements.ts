import type { Database, Statement } from 'better-sqlite3';
import type { Kind } from '../wire/contract.ts';
import { damage } from './disk-faults.ts';
import { LOCAL_STREAM } from './local.ts';
import type { Lane } from './outbox.ts';

/** Lanes as they are stored. A code is never given another meaning. */
export const LANE_CODES = { alert: 0, live: 1 } as const satisfies Record<Lane, number>;

const LANE_OF = new Map<number, Lane>(Object.entries(LANE_CODES).map(([lane, code]) => [code, lane as Lane]));

/** @throws Error of a damaged database for a code that no version wrote */
export function laneOf(code: number): Lane {
  const lane = LANE_OF.get(code);
  if (lane === undefined) throw damage(`there is no lane ${code}`);
  return lane;
}

/** A row of the books without its body. */
export interface WeightRow {
  readonly id: number;
  readonly channel: number;
  readonly lane: number;
  readonly count: number;
  readonly bytes: number;
}

export interface ChannelRow {
  readonly id: number;
  readonly machine: string;
  readonly kind: Kind;
  readonly stream: string;
  readonly nextSeq: number;
  readonly removed: number;
}

export interface BatchRow {
  readonly id: number;
  readonly machine: string;
  readonly kind: Kind;
  readonly stream: string;
  readonly seq: number;
  readonly lane: number;
  readonly t0: number;
  readonly count: number;
  readonly synced: number;
  /** Length of the body. */
  readonly bytes: number;
  readonly storedAt: number;
  readonly deliveredAt: number | null;
  readonly holdUntil: number | null;
  readonly refusals: number;
  readonly holdReason: string | null;
  /** Null only where the database is damaged. */
  readonly body: Buffer | null;
}

/** An undelivered batch as `shed` needs it. */
export interface RunRow extends WeightRow {
  readonly seq: number;
  readonly t0: number;
  readonly synced: number;
  readonly storedAt: number;
  readonly body: Buffer | null;
}

/** A batch that was stamped by a clock which was not known to be right. */
export interface StampedRow extends WeightRow {
  readonly seq: number;
  readonly t0: number;
  readonly origin: number;
  readonly deliveredAt: number | null;
}

export interface NoticeRow {
  readonly id: number;
  readonly channel: string;
  readonly body: string;
  readonly createdAt: number;
  readonly dueAt: number;
  readonly tries: number;
}

/** A text that bodies of a channel depend on. */
export interface DictionaryRow {
  readonly id: number;
  readonly channel: number;
  /** Highest id of a batch that may need it; null while it is in use. */
  readonly until: number | null;
  readonly body: Buffer;
}

/** Channel, lane, 1 when delivered, count, bytes. */
export type TallyRow = readonly [number, number, number, number, number];

export interface HeldRow {
  readonly machine: string;
  readonly kind: Kind;
  readonly seq: number;
  readonly until: number;
  readonly refusals: number;
  readonly reason: string;
}

/** What the books say of a channel's numbering; `lowest` and `highest` are null when nothing is kept. */
export interface NumberingRow extends ChannelRow {
  readonly kept: number;
  readonly distinct: number;
  readonly lowest: number | null;
  readonly highest: number | null;
}

const BATCH = `
  SELECT b.id, c.machine, c.kind, c.stream, b.seq, b.lane, b.t0, b.count, b.synced, b.bytes, b.stored_at AS storedAt,
         b.delivered_at AS deliveredAt, b.hold_until AS holdUntil, b.refusals, b.hold_reason AS holdReason, d.body
  FROM batches b JOIN channels c ON c.id = b.channel LEFT JOIN bodies d ON d.id = b.id`;

const CLAIM = `${BATCH} WHERE b.lane = @lane AND b.delivered_at IS NULL AND b.id > @after AND b.id <= @upTo
  AND (b.hold_until IS NULL OR b.hold_until <= @now)`;

type ClaimParameters = Readonly<Record<'lane' | 'after' | 'upTo' | 'now' | 'limit', number>>;

/** What a running gateway asks of its database. Together with the schema in `migrations.ts`: all SQL that there is. */
export function writerStatements(db: Database) {
  const one = <P extends unknown[]>(sql: string) => db.prepare(sql) as Statement<P>;
  const row = <P extends unknown[], R>(sql: string) => db.prepare(sql) as unknown as Statement<P, R>;
  return {
    ...commonStatements(db),
    insertChannel: one<[machine: string, kind: string, stream: string, nextSeq: number, removed: number]>(
      'INSERT INTO channels (machine, kind, stream, next_seq, removed) VALUES (?, ?, ?, ?, ?)',
    ),
    seqs: db.prepare('SELECT seq FROM batches WHERE channel = ?').pluck() as Statement<[channel: number], number>,
    keptOf: db.prepare('SELECT count(*) FROM batches WHERE channel = ?').pluck() as Statement<
      [channel: number],
      number
    >,
    saveNextSeq: one<[nextSeq: number, channel: number]>('UPDATE channels SET next_seq = ? WHERE id = ?'),
    setRemoved: one<[removed: number, channel: number]>('UPDATE channels SET removed = ? WHERE id = ?'),
    addRemoved: one<[removed: number, channel: number]>('UPDATE channels SET removed = removed + ? WHERE id = ?'),
    insertBatch: one<(number | null)[]>(
      `INSERT INTO batches (id, channel, seq, lane, t0, count, synced, bytes, stored_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    saveMeta: one<[key: string, value: string]>(
      'INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
    ),
    newestStored: db
      .prepare('SELECT coalesce((SELECT stored_at FROM batches ORDER BY id DESC LIMIT 1), 0)')
      .pluck() as Statement<[], number>,
    insertStamp: one<[id: number, origin: number]>('INSERT INTO stamps VALUES (?, ?)'),
    deleteStamp: one<[id: number]>('DELETE FROM stamps WHERE id = ?'),
    deleteStamps: one<[]>('DELETE FROM stamps'),
    hasStamps: db.prepare('SELECT EXISTS (SELECT 1 FROM stamps)').pluck() as Statement<[], number>,
    stampOf: db.prepare('SELECT origin FROM stamps WHERE id = ?').pluck() as Statement<[id: number], number>,
    stamped: row<[limit: number], StampedRow>(
      `SELECT b.id, b.channel, b.lane, b.seq, b.t0, b.count, b.bytes, s.origin, b.delivered_at AS deliveredAt
       FROM stamps s JOIN batches b ON b.id = s.id ORDER BY s.id LIMIT ?`,
    ),
    bodyOf: db.prepare('SELECT body FROM bodies WHERE id = ?').pluck() as Statement<[id: number], Buffer>,
    moveBatch: one<[t0: number, bytes: number, id: number]>(
      'UPDATE batches SET t0 = ?, bytes = ?, synced = 1 WHERE id = ?',
    ),
    saveBody: one<[body: Buffer, id: number]>('UPDATE bodies SET body = ? WHERE id = ?'),
    insertBody: one<[id: number, body: Buffer]>('INSERT INTO bodies (id, body) VALUES (?, ?)'),
    saveCursor: one<[machine: string, cursor: string]>(
      'INSERT INTO cursors VALUES (?, ?) ON CONFLICT DO UPDATE SET cursor = excluded.cursor',
    ),
    cursor: row<[machine: string], string>('SELECT cursor FROM cursors WHERE machine = ?').pluck() as Statement<
      [string],
      string
    >,
    settle: row<[now: number, id: number], WeightRow>(
      `UPDATE batches SET delivered_at = ?, hold_until = NULL WHERE id = ? AND delivered_at IS NULL
       RETURNING id, channel, lane, count, bytes`,
    ),
    hold: one<[until: number, reason: string, id: number]>(
      `UPDATE batches SET hold_until = ?, hold_reason = ?, refusals = refusals + 1
       WHERE id = ? AND delivered_at IS NULL`,
    ),
    release: one<[Readonly<Record<'machine' | 'now', string | number | null>>]>(
      `UPDATE batches SET hold_until = @now WHERE hold_until > @now AND delivered_at IS NULL
       AND (@machine IS NULL OR channel IN (SELECT id FROM channels WHERE machine = @machine))`,
    ),
    claimOldest: row<[ClaimParameters], BatchRow>(`${CLAIM} ORDER BY b.id LIMIT @limit`),
    claimNewest: row<[ClaimParameters], BatchRow>(`${CLAIM} ORDER BY b.id DESC LIMIT @limit`),
    due: row<[now: number, limit: number], BatchRow>(
      `${BATCH} WHERE b.hold_until <= ? AND b.delivered_at IS NULL ORDER BY b.id LIMIT ?`,
    ),
    find: row<[id: number, now: number], BatchRow>(
      `${BATCH} WHERE b.id = ? AND b.delivered_at IS NULL AND (b.hold_until IS NULL OR b.hold_until <= ?)`,
    ),
    boundary: row<[lane: number, before: number], number>(
      `SELECT id FROM batches WHERE lane = ? AND delivered_at IS NULL AND stored_at < ? ORDER BY id DESC LIMIT 1`,
    ).pluck() as unknown as Statement<[number, number], number>,
    weigh: row<[lane: number, after: number, upTo: number], { batches: number; observations: number; bytes: number }>(
      `SELECT count(*) AS batches, coalesce(sum(count), 0) AS observations, coalesce(sum(bytes), 0) AS bytes
       FROM batches WHERE lane = ? AND delivered_at IS NULL AND id > ? AND id <= ?`,
    ),
    recall: row<[Readonly<Record<string, string | number | null>>], BatchRow>(
      `${BATCH} WHERE b.id > @after AND b.delivered_at IS NOT NULL AND (@machine IS NULL OR c.machine = @machine)
       AND b.t0 >= @from AND b.t0 < @to AND c.stream <> '${LOCAL_STREAM}' ORDER BY b.id LIMIT @limit`,
    ),
    telemetry: row<[Readonly<Record<string, string | number | null>>], BatchRow>(
      `${BATCH} WHERE b.id > @after AND b.id <= @upTo AND c.kind = 'telemetry' AND (@machine IS NULL OR c.machine = @machine)
       ORDER BY b.id LIMIT @limit`,
    ),
    idBefore: db
      .prepare('SELECT coalesce((SELECT id FROM batches WHERE stored_at < ? ORDER BY id DESC LIMIT 1), 0)')
      .pluck() as Statement<[time: number], number>,
    storedFrom: row<[id: number], { id: number; storedAt: number }>(
      'SELECT id, stored_at AS storedAt FROM batches WHERE id >= ? ORDER BY id LIMIT 1',
    ),
    saveState: one<[machine: string, afterId: number, now: number, state: Buffer]>(
      `INSERT INTO states VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET after_id = excluded.after_id, saved_at = excluded.saved_at, state = excluded.state`,
    ),
    state: row<[machine: string], { after: number; savedAt: number; state: Buffer }>(
      'SELECT after_id AS after, saved_at AS savedAt, state FROM states WHERE machine = ?',
    ),
    insertNotice: one<[channel: string, body: string, now: number, now: number]>(
      'INSERT INTO notices (channel, body, created_at, due_at, tries) VALUES (?, ?, ?, ?, 0)',
    ),
    notices: row<[channel: string, limit: number], NoticeRow>(
      `SELECT id, channel, body, created_at AS createdAt, due_at AS dueAt, tries FROM notices WHERE channel = ?
       ORDER BY due_at, id LIMIT ?`,
    ),
    noticeChannels: db.prepare('SELECT DISTINCT channel FROM notices').pluck() as Statement<[], string>,
    noticeCount: db.prepare('SELECT count(*) FROM notices WHERE channel = ?').pluck() as Statement<[string], number>,
    deleteNotice: one<[id: number]>('DELETE FROM notices WHERE id = ?'),
    deleteOldestNotice: one<[channel: string]>(
      'DELETE FROM notices WHERE id = (SELECT min(id) FROM notices WHERE channel = ?)',
    ),
    delayNotice: one<[until: number, id: number]>('UPDATE notices SET due_at = ?, tries = tries + 1 WHERE id = ?'),
    history: row<[limit: number], WeightRow & { deliveredAt: number }>(
      `SELECT id, channel, lane, count, bytes, delivered_at AS deliveredAt FROM batches
       WHERE delivered_at IS NOT NULL ORDER BY delivered_at, id LIMIT ?`,
    ),
    oldestOf: row<[lane: number, channels: string], { id: number; channel: number }>(
      `SELECT id, channel FROM batches WHERE lane = ? AND delivered_at IS NULL
       AND channel IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT 1`,
    ),
    run: row<[lane: number, channel: number, from: number, limit: number], RunRow>(
      `SELECT b.id, b.channel, b.lane, b.seq, b.t0, b.count, b.synced, b.bytes, b.stored_at AS storedAt, d.body
       FROM batches b LEFT JOIN bodies d ON d.id = b.id
       WHERE b.lane = ? AND b.delivered_at IS NULL AND b.channel = ? AND b.id >= ? ORDER BY b.id LIMIT ?`,
    ),
    one: row<[id: number], RunRow>(
      `SELECT b.id, b.channel, b.lane, b.seq, b.t0, b.count, b.synced, b.bytes, b.stored_at AS storedAt, d.body
       FROM batches b LEFT JOIN bodies d ON d.id = b.id WHERE b.id = ? AND b.delivered_at IS NULL AND b.lane = ${LANE_CODES.live}`,
    ),
    deleteBatch: one<[id: number]>('DELETE FROM batches WHERE id = ?'),
    deleteBody: one<[id: number]>('DELETE FROM bodies WHERE id = ?'),
  };
}

/** What the `buffer` commands ask, beside a running gateway. Each answer is short: a long read would hold up the WAL. */
export function readerStatements(db: Database) {
  const row = <P extends unknown[], R>(sql: string) => db.prepare(sql) as unknown as Statement<P, R>;
  return {
    ...commonStatements(db),
    held: row<[limit: number], HeldRow>(
      `SELECT c.machine, c.kind, b.seq, b.hold_until AS until, b.refusals, b.hold_reason AS reason
       FROM batches b JOIN channels c ON c.id = b.channel WHERE b.hold_until IS NOT NULL ORDER BY b.id LIMIT ?`,
    ),
    page: row<[Readonly<Record<string, string | number | null>>], BatchRow>(
      `${BATCH} WHERE b.id > @after AND (@machine IS NULL OR c.machine = @machine) AND b.t0 >= @from AND b.t0 < @to
       AND (@undelivered = 0 OR b.delivered_at IS NULL) ORDER BY b.id LIMIT @limit`,
    ),
    numbering: row<[], NumberingRow>(
      `SELECT c.id, c.machine, c.kind, c.stream, c.next_seq AS nextSeq, c.removed, count(b.id) AS kept,
              count(DISTINCT b.seq) AS "distinct", min(b.seq) AS lowest, max(b.seq) AS highest
       FROM channels c LEFT JOIN batches b ON b.channel = c.id GROUP BY c.id`,
    ),
    seqs: row<[channel: number], number>('SELECT seq FROM batches WHERE channel = ? ORDER BY seq').pluck() as Statement<
      [number],
      number
    >,
    cursors: row<[], { machine: string; cursor: string }>('SELECT machine, cursor FROM cursors'),
    strayBatches: row<[], number>(
      'SELECT count(*) FROM batches WHERE channel NOT IN (SELECT id FROM channels)',
    ).pluck() as Statement<[], number>,
    strayBodies: row<[], number>(
      'SELECT count(*) FROM bodies WHERE id NOT IN (SELECT id FROM batches)',
    ).pluck() as Statement<[], number>,
  };
}

function commonStatements(db: Database) {
  const number = <P extends unknown[] = []>(sql: string) => db.prepare(sql).pluck() as unknown as Statement<P, number>;
  return {
    meta: db.prepare('SELECT value FROM meta WHERE key = ?').pluck() as Statement<[key: string], string>,
    channels: db.prepare(
      'SELECT id, machine, kind, stream, next_seq AS nextSeq, removed FROM channels ORDER BY machine, kind, id',
    ) as unknown as Statement<[], ChannelRow>,
    tallies: db
      .prepare('SELECT channel, lane, delivered_at IS NOT NULL, count, bytes FROM batches')
      .raw() as unknown as Statement<[], TallyRow>,
    lowestId: number('SELECT coalesce(min(id), 9007199254740991) FROM batches'),
    highestId: number('SELECT coalesce(max(id), 0) FROM batches'),
    oldestWaiting: number<[lane: number]>(
      `SELECT stored_at FROM batches WHERE lane = ? AND delivered_at IS NULL ORDER BY id LIMIT 1`,
    ),
    oldestKept: number(
      'SELECT stored_at FROM batches WHERE delivered_at IS NOT NULL ORDER BY delivered_at, id LIMIT 1',
    ),
    oldestDelivery: number('SELECT min(delivered_at) FROM batches WHERE delivered_at IS NOT NULL'),
    newestDelivery: number('SELECT max(delivered_at) FROM batches WHERE delivered_at IS NOT NULL'),
    heldCount: number<[now: number]>('SELECT count(*) FROM batches WHERE hold_until > ?'),
    pageCount: number('PRAGMA page_count'),
    freePages: number('PRAGMA freelist_count'),
    pageBytes: number('PRAGMA page_size'),
  };
}

/** Both have the same rows: in a tree each, so that no damaged page costs a dictionary. */
const DICTIONARY_TABLES = ['dictionaries', 'dictionary_copies'] as const;

/** The dictionaries of bodies: from schema 5 on. */
export function dictionaryStatements(db: Database) {
  return DICTIONARY_TABLES.map((table) => ({
    rows: db.prepare(`SELECT id, channel, until, body FROM ${table}`) as unknown as Statement<[], DictionaryRow>,
    body: db.prepare(`SELECT body FROM ${table} WHERE id = ?`).pluck() as unknown as Statement<[id: number], Buffer>,
    leastUntil: db.prepare(`SELECT min(until) FROM ${table}`).pluck() as Statement<[], number | null>,
    save: db.prepare(`INSERT OR REPLACE INTO ${table} VALUES (?, ?, ?, ?)`) as Statement<
      [id: number, channel: number, until: number | null, body: Buffer]
    >,
    end: db.prepare(`UPDATE ${table} SET until = ? WHERE id = ?`) as Statement<[until: number, id: number]>,
    prune: db.prepare(`DELETE FROM ${table} WHERE until < ?`) as Statement<[lowest: number]>,
  }));
}

export type DictionaryStatements = ReturnType<typeof dictionaryStatements>;
export type CommonStatements = ReturnType<typeof commonStatements>;
export type WriterStatements = ReturnType<typeof writerStatements>;
export type ReaderStatements = ReturnType<typeof readerStatements>;
