import type { Notice } from '../../observation.ts';

/** Less is within what a value takes to arrive. */
export const TOLERANCE_MS = 5000;

/** Compares the server's clock with ours, and tells when they disagree, once, until that changes. */
export class ClockSkew {
  #told = 0;
  /** Milliseconds that the server is ahead; undefined until it is known. */
  current: number | undefined;

  /** Takes the server's time as it has just arrived; both in milliseconds since the epoch. */
  note(server: number, now: number): Notice | undefined {
    const skew = server - now;
    this.current = skew;
    const isTelling = Math.abs(skew) > TOLERANCE_MS;
    if (Math.abs(skew - this.#told) <= TOLERANCE_MS || (!isTelling && this.#told === 0)) return undefined;
    this.#told = isTelling ? skew : 0;
    const message = isTelling
      ? `the server’s clock is ${skewText(skew)} the gateway’s: its timestamps are kept as they are`
      : 'the server’s clock agrees with the gateway’s again';
    return { type: 'notice', t: now, code: 'clock-skew', message };
  }
}

/** `12 s ahead of` or `3 s behind`. */
export function skewText(skew: number): string {
  return `${Math.abs(Math.round(skew / 1000))} s ${skew > 0 ? 'ahead of' : 'behind'}`;
}
