import { decodeBody } from './codec.ts';
import type { DictionaryTexts } from './dictionary-texts.ts';
import type { HistoryRange, MachineState, StoredNotice } from './local.ts';
import type { StoredBatch } from './outbox.ts';
import { batchesOf } from './rows.ts';
import type { WriterStatements } from './statements.ts';

/** What the gateway itself remembers by the database: `LocalHistory` and `NoticeQueue`, synchronous. */
export class LocalStore {
  readonly #sql: WriterStatements;
  readonly #texts: DictionaryTexts;

  constructor(sql: WriterStatements, texts: DictionaryTexts) {
    this.#sql = sql;
    this.#texts = texts;
  }

  state(machine: string): MachineState | undefined {
    const row = this.#sql.state.get(machine);
    return row && { ...row, state: JSON.parse(decodeBody(row.state)) };
  }

  idBefore(time: number): number {
    return this.#sql.idBefore.get(time) as number;
  }

  /** By halves: ids and commit times rise together, but for what was salvaged. */
  idNear(time: number): number {
    let [low, high] = [0, this.#sql.highestId.get() as number];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      const found = this.#sql.storedFrom.get(middle);
      if (found !== undefined && found.storedAt < time) low = Math.max(middle, found.id);
      else high = middle - 1;
    }
    return low;
  }

  telemetry(
    { machine, after, upTo = Number.MAX_SAFE_INTEGER }: HistoryRange,
    limit: number,
    maxBytes: number,
  ): StoredBatch[] {
    const rows = this.#sql.telemetry.iterate({ machine: machine ?? null, after, upTo, limit });
    return batchesOf(rows, maxBytes, this.#texts);
  }

  noticeChannels(): string[] {
    return this.#sql.noticeChannels.all();
  }

  notices(channel: string, limit: number): StoredNotice[] {
    return this.#sql.notices.all(channel, limit);
  }

  endNotice(id: number): undefined {
    this.#sql.deleteNotice.run(id);
  }

  delayNotice(id: number, until: number): undefined {
    this.#sql.delayNotice.run(until, id);
  }
}
