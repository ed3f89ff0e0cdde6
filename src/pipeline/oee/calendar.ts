import { DAY_MS, LocalTime } from './local-time.ts';

/** A time of day, in minutes after midnight; `to` at or before `from` is on the next day. */
export interface DayTimes {
  readonly from: number;
  readonly to: number;
}

/** A planned shift. */
export interface Shift extends DayTimes {
  readonly name: string;
  /** Weekdays on which it begins; 0 is Sunday. */
  readonly days: readonly number[];
  /** Planned downtime within it. */
  readonly breaks: readonly DayTimes[];
}

/** From … up to but without `to`, milliseconds since the epoch. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What is planned at one time. */
export interface Plan {
  readonly isPlanned: boolean;
  readonly shift: (Span & { readonly name: string }) | undefined;
  readonly day: Span;
  readonly hour: Span;
  /** When something of this changes. */
  readonly until: number;
}

const HOUR_MS = 3_600_000;

/** The planned times of a machine. With no shifts every time is planned. Shifts must not overlap: of two the first counts. */
export class Calendar {
  readonly #zone: LocalTime;
  readonly #shifts: readonly Shift[];

  constructor(timeZone: string, shifts: readonly Shift[]) {
    this.#zone = new LocalTime(timeZone);
    this.#shifts = shifts;
  }

  at(t: number): Plan {
    const zone = this.#zone;
    const date = zone.dateOf(t);
    const day = { from: zone.at(date, 0), to: zone.at(date + DAY_MS, 0) };
    const intoHour = (t + zone.offset(t)) % HOUR_MS;
    const hour = { from: t - intoHour, to: t - intoHour + HOUR_MS };
    const shifts = [date - DAY_MS, date, date + DAY_MS].flatMap((begin) => this.#shiftsOf(begin));
    const edges = [
      hour.to,
      day.to,
      ...shifts.flatMap(({ from, to, breaks }) => [from, to, ...breaks.flatMap((one) => [one.from, one.to])]),
    ];
    const shift = shifts.find((one) => isIn(one, t));
    return {
      isPlanned: this.#shifts.length === 0 || (shift !== undefined && !shift.breaks.some((one) => isIn(one, t))),
      shift: shift === undefined ? undefined : { name: shift.name, from: shift.from, to: shift.to },
      day,
      hour,
      until: Math.min(...edges.filter((edge) => edge > t)),
    };
  }

  #shiftsOf(date: number) {
    const weekday = new Date(date).getUTCDay();
    return this.#shifts
      .filter(({ days }) => days.includes(weekday))
      .map((shift) => ({
        name: shift.name,
        ...this.#spanOf(date, shift),
        breaks: shift.breaks.map((one) => this.#spanOf(one.from < shift.from ? date + DAY_MS : date, one)),
      }));
  }

  #spanOf(date: number, { from, to }: DayTimes): Span {
    return { from: this.#zone.at(date, from), to: this.#zone.at(to <= from ? date + DAY_MS : date, to) };
  }
}

function isIn({ from, to }: Span, t: number): boolean {
  return t >= from && t < to;
}
