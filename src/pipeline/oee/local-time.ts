const MINUTE_MS = 60_000;
export const DAY_MS = 86_400_000;

/** Local time of one zone, with its daylight saving. Times are milliseconds since the epoch. */
export class LocalTime {
  readonly #format: Intl.DateTimeFormat;

  /** `timeZone`: a name of the IANA database. */
  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en-US', {
      ...{ timeZone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric' },
      ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
    });
  }

  /** How far local time is ahead of UTC then, ms. */
  offset(t: number): number {
    const parts = new Map(this.#format.formatToParts(t).map(({ type, value }) => [type, Number(value)]));
    const part = (name: string) => parts.get(name as Intl.DateTimeFormatPartTypes) ?? 0;
    const local = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
    return local - Math.floor(t / 1000) * 1000;
  }

  /** The local date, as the time at which it begins in UTC. */
  dateOf(t: number): number {
    return Math.floor((t + this.offset(t)) / DAY_MS) * DAY_MS;
  }

  /**
   * When a clock on the wall shows this many minutes after midnight of a date. Where it shows them twice, the first time;
   * where it leaps over them, the time after the leap by as much.
   */
  at(date: number, minutes: number): number {
    const local = date + minutes * MINUTE_MS;
    const [before, after] = [this.offset(local - DAY_MS), this.offset(local + DAY_MS)];
    const first = local - before;
    return this.offset(first) === before || this.offset(local - after) !== after ? first : local - after;
  }
}
