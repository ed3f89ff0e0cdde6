import { dictionaryOf, readBody } from './codec.ts';
import type { DictionaryStatements } from './statements.ts';

/** Texts that are kept in memory. Most are of 1 to 4 KiB, and a channel has one. */
const MAX_BYTES = 4 * 1024 * 1024;

/** The texts of a database's dictionaries, for whoever reads bodies. The newest used stay in memory. */
export class DictionaryTexts {
  readonly #tables: DictionaryStatements;
  readonly #texts = new Map<number, Uint8Array>();
  #bytes = 0;

  constructor(tables: DictionaryStatements) {
    this.#tables = tables;
  }

  /** From whichever copy is sound; undefined where neither is. @throws what SQLite throws where it cannot read */
  of(id: number): Uint8Array | undefined {
    const known = this.#texts.get(id);
    if (known !== undefined) {
      this.#texts.delete(id);
      this.#texts.set(id, known);
      return known;
    }
    for (const { body } of this.#tables) {
      const frame = body.get(id);
      const text = frame && readBody(frame);
      if (text === undefined) continue;
      this.add(id, text);
      return text;
    }
    return undefined;
  }

  /** What a stored body needs to be read; undefined where it needs nothing, or that is lost. */
  neededBy(body: Uint8Array): Uint8Array | undefined {
    const id = dictionaryOf(body);
    return id === undefined ? undefined : this.of(id);
  }

  /** The JSON text of a stored body as bytes; undefined when it or its dictionary is damaged or missing. */
  read(body: Uint8Array): Uint8Array | undefined {
    return readBody(body, this.neededBy(body));
  }

  add(id: number, text: Uint8Array): void {
    this.#texts.set(id, text);
    this.#bytes += text.length;
    for (const [oldest, { length }] of this.#texts) {
      if (this.#bytes <= MAX_BYTES) break;
      this.#texts.delete(oldest);
      this.#bytes -= length;
    }
  }
}
