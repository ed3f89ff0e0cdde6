import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { codeOf } from '../../src/errors.ts';
import type { Cursor } from '../../src/observation.ts';
import { Archive } from '../../src/outbox/archive.ts';
import { LANES, type Lane, type NewBatch } from '../../src/outbox/outbox.ts';
import type { Group, Hold } from '../../src/outbox/protocol.ts';
import { Store } from '../../src/outbox/store.ts';
import { verify } from '../../src/outbox/verify.ts';
import { seededRandom } from '../support/random.ts';
import { bulky, moment, valuesOf } from './support.ts';

const RUNS = 12;
const STEPS = 60;
/** A budget whose hard limit is one page: no commit may make the file grow. */
const NO_GROWTH = { maxBytes: 4096 - 8 * 1024 * 1024, maxAge: 1e9 };
const MACHINES = ['m1', 'm2', 'm3'];

interface Row {
  readonly machine: string;
  readonly lane: Lane;
  readonly seq: number;
  readonly value: string;
  delivered: boolean;
  holdUntil: number;
  refusals: number;
}

/** What the outbox promises, in the plainest form. */
class Model {
  rows: Row[] = [];
  cursors = new Map<string, Cursor>();

  append({ machine, lane }: NewBatch, value: string): void {
    const seq = this.rows.filter((row) => row.machine === machine).length + 1;
    this.rows.push({ machine, lane, seq, value, delivered: false, holdUntil: 0, refusals: 0 });
  }

  waiting(lane: Lane, now: number): Row[] {
    return this.rows.filter((row) => row.lane === lane && !row.delivered && row.holdUntil <= now);
  }

  get delivered(): number {
    return this.rows.filter((row) => row.delivered).length;
  }
}

/** Enough of a value to tell it from others. */
function brief(values: readonly unknown[]): string {
  return String(values[0]).slice(0, 12);
}

/** What a power cut leaves: the files as they are while the outbox is open. */
function copyAsAfterCrash(from: string, to: string): void {
  mkdirSync(to);
  for (const file of ['outbox.db', 'outbox.db-wal']) {
    if (existsSync(join(from, file))) copyFileSync(join(from, file), join(to, file));
  }
}

const seeds =
  process.env['SEED'] === undefined
    ? Array.from({ length: RUNS }, () => Math.floor(Math.random() * 2 ** 31))
    : [Number(process.env['SEED'])];

for (const seed of seeds) {
  t.test(`agrees with a naive model over appends, marks, retention, crashes and reopens (SEED=${seed})`, async (t) => {
    const random = seededRandom(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
    const folder = t.testdir();
    let dataDir = join(folder, '0');
    let now = 1_763_640_000_000;
    let budget = { maxBytes: 1e9, maxAge: 1e9 };
    let store = Store.open(dataDir, now);
    const { stream } = store;
    const model = new Model();
    let serial = 0;
    let refused = 0;

    const someAppends = (): Group['appends'] =>
      Array.from({ length: Math.floor(random() * 4) }, () => {
        const machine = pick(MACHINES);
        const batches = Array.from({ length: Math.floor(random() * 4) }, () => {
          serial += 1;
          const lane = pick(LANES);
          const prefix = `s${Math.floor(serial / 50)}`;
          return random() < 0.2 ? bulky(20_000, { machine, lane }) : moment(serial, { machine, lane }, 12, prefix);
        });
        for (const entry of batches) model.append(entry, brief(JSON.parse(entry.body).rpm.v));
        if (random() < 0.5) return { batches };
        const cursor = { serial };
        model.cursors.set(machine, cursor);
        return { batches, cursor: { machine, cursor } };
      });

    const someMarks = (): Pick<Group, 'settled' | 'holds'> => {
      const settled: number[] = [];
      const holds: Hold[] = [];
      for (const { id, machine, seq } of LANES.flatMap((lane) =>
        store.claim({ lane, after: 0, limit: 1e6, maxBytes: 1e9 }, now),
      )) {
        const row = model.rows.find((known) => known.machine === machine && known.seq === seq) as Row;
        if (random() < 0.3) {
          settled.push(id);
          row.delivered = true;
        } else if (random() < 0.1) {
          row.holdUntil = now + Math.floor(random() * 5000);
          row.refusals += 1;
          holds.push({ id, until: row.holdUntil, reason: 'refused' });
        }
      }
      return { settled, holds };
    };

    const steps: (() => void)[] = [
      () => store.commit({ ...someMarks(), appends: someAppends() }, { now, budget }),
      () => store.commit({ settled: [], holds: [], appends: someAppends() }, { now, budget }),
      () => store.commit({ ...someMarks(), appends: [] }, { now, budget }),
      () => store.tidy({ now, budget }),
      () => {
        const before = structuredClone({ rows: model.rows, cursors: model.cursors });
        try {
          store.commit({ ...someMarks(), appends: someAppends() }, { now, budget: NO_GROWTH });
        } catch (error) {
          if (codeOf(error) !== 'SQLITE_FULL') throw error;
          Object.assign(model, before);
          refused += 1;
        }
      },
      () => {
        budget = pick([
          { maxBytes: 1e9, maxAge: 1e9 },
          { maxBytes: 1e9, maxAge: 3000 },
          { maxBytes: 80_000, maxAge: 1e9 },
        ]);
      },
      () => {
        store.close();
        store = Store.open(dataDir, now);
      },
      () => {
        const copy = `${dataDir}x`;
        copyAsAfterCrash(dataDir, copy);
        store.close();
        dataDir = copy;
        store = Store.open(dataDir, now);
      },
    ];

    for (let step = 0; step < STEPS; step += 1) {
      now += Math.floor(random() * 1000);
      pick(steps)();
      for (const lane of LANES) {
        const got = store
          .claim({ lane, after: 0, limit: 1e6, maxBytes: 1e9 }, now)
          .map(({ machine, seq, refusals, ...rest }) => {
            return { machine, seq, value: brief(valuesOf(rest)), refusals };
          });
        const expected = model.waiting(lane, now).map(({ machine, seq, value, refusals }) => {
          return { machine, seq, value, refusals };
        });
        if (!t.same(got, expected, `what waits in ${lane} after step ${step}`)) return store.close();
      }
    }
    for (const [machine, cursor] of model.cursors) t.same(store.cursor(machine), cursor);
    t.equal(store.stream, stream);
    const { delivered, ...books } = store.stats(now);
    t.ok(delivered.batches <= model.delivered, 'only delivered batches were deleted');
    {
      using archive = Archive.open(dataDir);
      t.match(
        archive.stats(now),
        { delivered, backlog: books.backlog, machines: books.machines },
        'the books are right',
      );
      t.same([...verify(archive, { quick: false })], []);
    }
    t.comment(`${model.rows.length} batches, ${refused} commits refused for want of room`);
    store.close();
  });
}
