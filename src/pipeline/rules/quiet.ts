import type { QuietHours } from './rule.ts';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;
const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

const formats = (timeZone: string) =>
  new Intl.DateTimeFormat('en-US', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });

/** The quiet hours of a rule. Times are milliseconds since the epoch. */
export class Quiet {
  readonly #hours: readonly { readonly hours: QuietHours; readonly format: Intl.DateTimeFormat }[];

  constructor(hours: readonly QuietHours[]) {
    this.#hours = hours.map((one) => ({ hours: one, format: formats(one.timeZone) }));
  }

  /**
   * When the quiet hours end that this time lies in; undefined where it lies in none. Where the clocks change within them
   * that may still be quiet: ask again then.
   */
  endOf(t: number): number | undefined {
    const ends = this.#hours.flatMap(({ hours, format }) => {
      const minutes = minutesLeft(hours, localTime(format, t));
      return minutes === undefined ? [] : [(Math.floor(t / MINUTE_MS) + minutes) * MINUTE_MS];
    });
    return ends.length === 0 ? undefined : Math.max(...ends);
  }
}

interface LocalTime {
  /** 0 is Sunday. */
  readonly day: number;
  /** Whole minutes since midnight. */
  readonly minute: number;
}

function localTime(format: Intl.DateTimeFormat, t: number): LocalTime {
  const parts = new Map(format.formatToParts(t).map(({ type, value }) => [type, value]));
  return {
    day: DAYS.indexOf(parts.get('weekday') ?? ''),
    minute: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  };
}

function minutesLeft({ days, from, to }: QuietHours, { day, minute }: LocalTime): number | undefined {
  const yesterday = (day + 6) % 7;
  const isOvernight = to <= from;
  if (days.includes(day) && minute >= from && (isOvernight || minute < to)) {
    return (isOvernight ? to + DAY_MINUTES : to) - minute;
  }
  return isOvernight && days.includes(yesterday) && minute < to ? to - minute : undefined;
}
