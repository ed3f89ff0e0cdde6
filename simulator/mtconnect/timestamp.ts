/** Whole microseconds since the Unix epoch, UTC. */
export type Micros = number;

/** Microseconds by this computer's clock. */
export function systemMicros(): Micros {
  return Math.floor((performance.timeOrigin + performance.now()) * 1000);
}

/** `2026-11-20T21:38:11.2396Z`: as cppagent writes it, up to six digits without zeros at the end. */
export function formatMicros(micros: Micros): string {
  const seconds = Math.floor(micros / 1e6);
  const fraction = String(micros - seconds * 1e6).padStart(6, '0');
  const digits = fraction === '000000' ? '' : `.${fraction.replace(/0+$/, '')}`;
  return `${formatSeconds(seconds)}${digits}Z`;
}

/** `2026-11-20T21:38:11`. */
export function formatSeconds(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19);
}

/** Hands out strictly increasing timestamps for each data item, so that (item, timestamp) is unique. */
export class Stamper {
  readonly #last = new Map<string, Micros>();

  stamp(itemId: string, micros: Micros): string {
    const unique = Math.max(micros, (this.#last.get(itemId) ?? 0) + 1);
    this.#last.set(itemId, unique);
    return formatMicros(unique);
  }
}
