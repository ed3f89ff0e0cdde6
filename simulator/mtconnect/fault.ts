/** What a request is to the faults: `stream` is a sample or current request with an interval, `sample` one without. */
export type Target = 'probe' | 'current' | 'sample' | 'stream' | 'asset';

/** Faults of the whole answer: they strike when the request comes. */
export const ANSWER_FAULTS = ['reset', 'status500', 'notFound', 'wrongContentType', 'webPage', 'outOfRange'] as const;

/** Faults of a document: they strike at a part where it is a stream. */
export const DOCUMENT_FAULTS = [
  'hang',
  'cut',
  'garbage',
  'notXml',
  'slow',
  'trickle',
  'doctype',
  'deep',
  'huge',
] as const;

/**
 * - `hang`: nothing is sent any more, the connection stays open.
 * - `cut`: half of the document, then the connection is closed.
 * - `reset`: the connection is reset without an answer.
 * - `garbage`: random bytes in the place of a document, in a stream without the part's headers.
 * - `notXml`: a text, well framed.
 * - `slow`: `ms` (default 1,000) of silence before the document.
 * - `trickle`: the document byte by byte, `ms` (default 0) apart.
 * - `status500`, `notFound`: that status with a plain text.
 * - `wrongContentType`: the right answer as `application/octet-stream`.
 * - `webPage`: an HTML page with status 200.
 * - `outOfRange`: an OUT_OF_RANGE error document, whatever was asked.
 * - `doctype`: a document with an entity bomb. `deep`: 100,000 nested elements. `huge`: a document of `bytes` (32 MiB).
 */
export type FaultKind = (typeof ANSWER_FAULTS)[number] | (typeof DOCUMENT_FAULTS)[number];

export interface FaultOrder {
  readonly on: Target | 'any';
  readonly kind: FaultKind;
  /** How often it strikes; default until `clearFaults`. */
  readonly times?: number;
  /** Chances that are let pass first: requests, or parts of streams for a fault of documents. */
  readonly after?: number;
  readonly ms?: number;
  readonly bytes?: number;
}

/** A fault that strikes now. */
export type Strike = Pick<FaultOrder, 'kind' | 'ms' | 'bytes'>;

/** The faults that were ordered and still have chances left. */
export class Faults {
  #orders: { order: FaultOrder; after: number; times: number }[] = [];

  order(order: FaultOrder): void {
    this.#orders.push({ order, after: order.after ?? 0, times: order.times ?? Number.POSITIVE_INFINITY });
  }

  clear(): void {
    this.#orders = [];
  }

  /** Gives every waiting order of these kinds its chance; the first that is ready strikes. */
  strike(target: Target, kinds: readonly FaultKind[]): Strike | undefined {
    for (const entry of this.#orders) {
      const { order } = entry;
      if ((order.on !== 'any' && order.on !== target) || !kinds.includes(order.kind)) continue;
      if (entry.after > 0) {
        entry.after -= 1;
        continue;
      }
      entry.times -= 1;
      if (entry.times <= 0) this.#orders = this.#orders.filter((other) => other !== entry);
      return order;
    }
    return undefined;
  }
}
