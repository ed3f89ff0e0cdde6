import { Books, type Channel } from './books.ts';
import { LANES, type Lane, type LaneStats, type OutboxStats } from './outbox.ts';
import { bytesInUse, type Room } from './retention.ts';
import { type CommonStatements, LANE_CODES, laneOf } from './statements.ts';

/** Counts the whole database once, row by row: about half a second for a million batches, in constant memory. */
export function readBooks(sql: CommonStatements): Books {
  const books = Books.empty((sql.highestId.get() as number) + 1);
  for (const { id, machine, kind, stream, nextSeq } of sql.channels.all()) {
    books.open({ id, machine, kind, stream, nextSeq, backlog: 0 });
  }
  for (const [channel, code, delivered, count, bytes] of sql.tallies.iterate()) {
    const weight = { channel, lane: laneOf(code), count, bytes };
    books.stored(weight);
    if (delivered === 1) books.settled(weight);
  }
  return books.opened();
}

export function readRoom(sql: CommonStatements): Room {
  return {
    pageBytes: sql.pageBytes.get() as number,
    pages: sql.pageCount.get() as number,
    freePages: sql.freePages.get() as number,
  };
}

/** Figures from the books; asks the database only for what an index answers at once. */
export function statsOf(
  sql: CommonStatements,
  books: Books,
  now: number,
): Omit<OutboxStats, 'maxBytes' | 'appended' | 'shed' | 'commits'> {
  const backlog = Object.fromEntries(
    LANES.map((lane) => [
      lane,
      { ...books.backlog[lane], oldest: sql.oldestWaiting.get(LANE_CODES[lane]) ?? null } satisfies LaneStats,
    ]),
  ) as Record<Lane, LaneStats>;
  return {
    stream: sql.meta.get('stream') as string,
    backlog,
    held: sql.heldCount.get(now) as number,
    delivered: { ...books.delivered, oldest: sql.oldestKept.get() ?? null },
    bytes: bytesInUse(readRoom(sql)),
    machines: [...books.channels].toSorted(byName).map(({ machine, kind, stream, nextSeq, backlog: waiting }) => ({
      machine,
      kind,
      stream,
      lastSeq: nextSeq - 1,
      backlog: waiting,
    })),
  };
}

/** As the database gives them, in whatever order they were opened. */
function byName(a: Channel, b: Channel): number {
  const [x, y] = [`${a.machine} ${a.kind}`, `${b.machine} ${b.kind}`];
  return x === y ? a.id - b.id : x < y ? -1 : 1;
}
