import type { Notice } from '../../observation.ts';

/** Less is within what a document takes to arrive, and what a header without fractions can tell. */
export const TOLERANCE_MS = 5000;

/** Compares the agent's clock with ours, and tells when they disagree, once, until that changes. */
export class ClockSkew {
  #told = 0;
  #last: number | undefined;

  /** Milliseconds by which the agent was ahead last; undefined until it has told its time. */
  get last(): number | undefined {
    return this.#last;
  }

  /** Takes the creationTime of a document that has just arrived; both in milliseconds since the epoch. */
  note(creationTime: number, now: number): Notice | undefined {
    const skew = creationTime - now;
    this.#last = skew;
    const isTelling = Math.abs(skew) > TOLERANCE_MS;
    if (Math.abs(skew - this.#told) <= TOLERANCE_MS || (!isTelling && this.#told === 0)) return undefined;
    this.#told = isTelling ? skew : 0;
    const seconds = Math.abs(Math.round(skew / 1000));
    const message = isTelling
      ? `the agent’s clock is ${seconds} s ${skew > 0 ? 'ahead of' : 'behind'} the gateway’s: its timestamps are kept as they are`
      : 'the agent’s clock agrees with the gateway’s again';
    return { type: 'notice', t: now, code: 'clock-skew', message };
  }
}
