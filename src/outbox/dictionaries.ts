import { constants } from 'node:zlib';
import { type Dictionary, encodeBody, encodeWith, readBody, type ZstdParameters } from './codec.ts';
import { DictionaryTexts } from './dictionary-texts.ts';
import type { DictionaryRow, DictionaryStatements } from './statements.ts';

/** Measured: from here on a dictionary saves less than a tenth, and costs more than a millisecond of a Raspberry Pi. */
const MAX_TEXT_BYTES = 8 * 1024;
/** Bodies from this size on are worth the thorough search: so that three of 10 s, and not two, fit into a page of the file. */
const THOROUGH_FROM_BYTES = 2048;
const QUICK: ZstdParameters = { [constants.ZSTD_c_compressionLevel]: 7, [constants.ZSTD_c_minMatch]: 5 };
const THOROUGH: ZstdParameters = { [constants.ZSTD_c_compressionLevel]: 13 };
/** Text that is searched thoroughly, and with a dictionary at all, in one commit: 14 and 30 ms on the development machine. */
const MAX_THOROUGH_BYTES = 128 * 1024;
const MAX_COMMIT_BYTES = 1024 * 1024;
/** Channels for which another text is tried in one commit: of a thousand that begin at once the others do it in later ones. */
const MAX_TRIALS = 32;

/** A dictionary itself is written once, and has a row that fits into a page. */
const STORED: ZstdParameters = { [constants.ZSTD_c_compressionLevel]: 19, [constants.ZSTD_c_checksumFlag]: 1 };
const MAX_STORED_BYTES = 3900;

/** Bodies of a channel after which another text is tried as its dictionary. */
const TRIAL_EVERY = 256;
/** The same where none has helped: at first, and at most. */
const FIRST_WAIT = 8;
const MAX_WAIT = 4096;
/** What is smaller by less is not worth a change. */
const WORTH = 0.95;

/** How the bodies of a channel are encoded. */
interface State {
  /** Of its dictionary; undefined: it has none. */
  readonly id: number | undefined;
  /** Bodies until another text is tried. */
  readonly rest: number;
  /** Bodies to wait for where the next trial brings nothing. */
  readonly wait: number;
  /** The body before, which is tried with the next one. */
  readonly challenger: Uint8Array | undefined;
}

const NEW: State = { id: undefined, rest: 0, wait: FIRST_WAIT, challenger: undefined };

/** What becomes of a commit's encoding once it is on the disk. */
interface Draft {
  readonly states: Map<number, State>;
  readonly created: Map<number, { readonly channel: number; readonly text: Uint8Array; readonly body: Buffer }>;
  readonly ended: Set<number>;
  /** Bytes of text that a dictionary was used for, and that were searched thoroughly. */
  spent: number;
  thorough: number;
  /** Channels for which another text is to be tried. */
  trials: number;
}

/**
 * Which dictionary the bodies of a channel are encoded with: an earlier body of the same channel. The first is tried at once,
 * another now and then, and what does not help is left. Many bodies depend on one dictionary, so each is stored twice, in two trees
 * of the file, in the transaction of the first body that needs it, and stays until the last one is deleted.
 *
 * A commit calls `discard`, `encode` for its bodies, `save` in its transaction, and `keep` once that is on the disk.
 */
export class Dictionaries {
  /** For whoever reads bodies. */
  readonly texts: DictionaryTexts;
  readonly #tables: DictionaryStatements;
  readonly #states = new Map<number, State>();
  #draft: Draft = emptyDraft();
  /** Copies that are damaged or missing, by the other one. */
  #mends: DictionaryRow[] = [];
  /** Dictionaries with which nothing goes on: neither copy can be read, or their channel has a newer one. */
  #over: number[] = [];
  /** Never given twice while the outbox is open, so that no text of an attempt that failed goes for another. */
  #nextId = 1;
  /** No dictionary that was given up ends before. */
  #leastUntil = Number.POSITIVE_INFINITY;

  /** Reads both copies of each. @throws what SQLite throws */
  constructor(tables: DictionaryStatements) {
    this.#tables = tables;
    this.texts = new DictionaryTexts(tables);
    for (const [id, copies] of [...rowsById(tables)].toSorted(([a], [b]) => a - b)) {
      this.#nextId = Math.max(this.#nextId, id + 1);
      const row = soundOf(copies);
      if (row === undefined) this.#over.push(id);
      else if (!isAgreed(copies)) this.#mends.push(row);
      this.#leastUntil = Math.min(this.#leastUntil, row?.until ?? Number.POSITIVE_INFINITY);
      if (row?.until !== null) continue;
      const older = this.#states.get(row.channel)?.id;
      if (older !== undefined) this.#over.push(older);
      // What the machine says may have changed since: another text is tried at once.
      this.#states.set(row.channel, { ...NEW, id });
    }
  }

  /** Forgets what an attempt has left that did not reach the disk. */
  discard(): void {
    this.#draft = emptyDraft();
  }

  /** The stored form of a body. @param channel undefined: one that is not there yet @throws what SQLite throws */
  encode(channel: number | undefined, text: string): Buffer {
    // No text has fewer bytes than characters.
    if (channel === undefined || text.length > MAX_TEXT_BYTES) return encodeBody(text);
    const bytes = Buffer.from(text);
    const draft = this.#draft;
    if (bytes.length > MAX_TEXT_BYTES || draft.spent > MAX_COMMIT_BYTES) return encodeBody(bytes);
    draft.spent += bytes.length;
    const params = this.#effortFor(bytes);
    const state = draft.states.get(channel) ?? this.#states.get(channel) ?? NEW;
    const own = this.#dictionary(state.id);
    if (state.challenger !== undefined) return this.#try(channel, state, own, bytes, params);
    const isDue = state.rest === 0 && draft.trials < MAX_TRIALS;
    if (isDue) draft.trials += 1;
    draft.states.set(channel, { ...state, rest: Math.max(0, state.rest - 1), challenger: isDue ? bytes : undefined });
    return own === undefined ? encodeBody(bytes) : encodeWith(own, bytes, params);
  }

  /** Writes what `encode` has decided. @param newest highest id of a batch that was given */
  save(newest: number): void {
    const { created, ended } = this.#draft;
    for (const { save, end } of this.#tables) {
      for (const { id, channel, until, body } of this.#mends) save.run(id, channel, until, body);
      for (const [id, { channel, body }] of created) save.run(id, channel, null, body);
      for (const id of [...this.#over, ...ended]) end.run(newest, id);
    }
    if (this.#over.length + ended.size > 0) this.#leastUntil = Math.min(this.#leastUntil, newest);
  }

  /** Deletes the dictionaries that no batch needs any more. @param lowest id of a batch that is there */
  prune(lowest: number): void {
    if (this.#leastUntil >= lowest) return;
    for (const { prune } of this.#tables) prune.run(lowest);
    // Where the transaction fails they stay until the next one is given up.
    this.#leastUntil = Math.min(...this.#tables.map(({ leastUntil }) => leastUntil.get() ?? Number.POSITIVE_INFINITY));
  }

  /** What was saved is on the disk. */
  keep(): void {
    const { states, created } = this.#draft;
    for (const [channel, state] of states) this.#states.set(channel, state);
    for (const [id, { text }] of created) this.texts.add(id, text);
    this.#mends = [];
    this.#over = [];
    this.#draft = emptyDraft();
  }

  #dictionary(id: number | undefined): Dictionary | undefined {
    if (id === undefined) return undefined;
    const text = this.#draft.created.get(id)?.text ?? this.texts.of(id);
    return text && { id, text };
  }

  #effortFor({ length }: Uint8Array): ZstdParameters {
    if (length < THOROUGH_FROM_BYTES || this.#draft.thorough > MAX_THOROUGH_BYTES) return QUICK;
    this.#draft.thorough += length;
    return THOROUGH;
  }

  /** Encodes without a dictionary, with the own one, and with the body before as one: the smallest is taken from now on. */
  #try(channel: number, state: State, own: Dictionary | undefined, bytes: Uint8Array, params: ZstdParameters): Buffer {
    const { challenger: text = bytes, wait } = state;
    const { states, created, ended } = this.#draft;
    const plain = encodeBody(bytes);
    const before = own && encodeWith(own, bytes, params);
    const other: Dictionary = { id: this.#nextId, text };
    const after = encodeWith(other, bytes, params);
    const best = Math.min(plain.length, before?.length ?? plain.length);
    const body = after.length < best * WORTH ? encodeBody(text, STORED) : undefined;
    const isBetter = body !== undefined && body.length <= MAX_STORED_BYTES;
    const isGood = before !== undefined && before.length < plain.length * WORTH;
    if (state.id !== undefined && (isBetter || !isGood)) ended.add(state.id);
    if (isBetter) {
      this.#nextId += 1;
      created.set(other.id, { channel, text, body });
      states.set(channel, { ...NEW, id: other.id, rest: TRIAL_EVERY });
      return after;
    }
    if (isGood) {
      states.set(channel, { ...state, rest: TRIAL_EVERY, challenger: undefined });
      return before;
    }
    states.set(channel, { ...NEW, rest: wait, wait: Math.min(2 * wait, MAX_WAIT) });
    return plain;
  }
}

function emptyDraft(): Draft {
  return { states: new Map(), created: new Map(), ended: new Set(), spent: 0, thorough: 0, trials: 0 };
}

/** What each table has under an id. */
export function rowsById(tables: DictionaryStatements): Map<number, (DictionaryRow | undefined)[]> {
  const rows = new Map<number, (DictionaryRow | undefined)[]>();
  tables.forEach(({ rows: all }, i) => {
    for (const row of all.iterate()) {
      const copies = rows.get(row.id) ?? tables.map(() => undefined);
      copies[i] = row;
      rows.set(row.id, copies);
    }
  });
  return rows;
}

/** Whether every copy is there and says the same. */
export function isAgreed(copies: readonly (DictionaryRow | undefined)[]): boolean {
  const [first] = copies;
  return copies.every(
    (row) =>
      first !== undefined && row?.channel === first.channel && row.until === first.until && row.body.equals(first.body),
  );
}

/** What is sound of the copies. Nothing tells which end is right where they do not agree, so the later one is: no body is left without. */
function soundOf(copies: readonly (DictionaryRow | undefined)[]): DictionaryRow | undefined {
  const there = copies.filter((row) => row !== undefined);
  const sound = there.find(({ body }) => readBody(body) !== undefined);
  const ends = there.map(({ until }) => until ?? Number.POSITIVE_INFINITY);
  const end = Math.max(...ends);
  return sound && { ...sound, until: end === Number.POSITIVE_INFINITY ? null : end };
}
