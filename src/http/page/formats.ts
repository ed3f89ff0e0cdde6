import type { Value } from '../../observation.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Characters of a value that is not a number. */
const MAX_VALUE = 120;
const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Numbers, times and values in the manner of a language. */
export class Formats {
  readonly #language: string;
  readonly #numbers = new Map<string, Intl.NumberFormat>();
  readonly #time: Intl.DateTimeFormat;
  readonly #minute: Intl.DateTimeFormat;
  readonly #dayTime: Intl.DateTimeFormat;
  readonly #day: Intl.DateTimeFormat;
  readonly #ago: Intl.RelativeTimeFormat;

  constructor(language: string) {
    this.#language = language;
    this.#time = new Intl.DateTimeFormat(language, { timeStyle: 'medium' });
    this.#minute = new Intl.DateTimeFormat(language, { timeStyle: 'short' });
    this.#dayTime = new Intl.DateTimeFormat(language, { dateStyle: 'short', timeStyle: 'short' });
    this.#day = new Intl.DateTimeFormat(language, { weekday: 'short', day: 'numeric', month: 'short' });
    this.#ago = new Intl.RelativeTimeFormat(language, { style: 'narrow' });
  }

  count(value: number): string {
    return this.#number({ maximumFractionDigits: 0 }).format(value);
  }

  /** With as many digits as a person reads. */
  number(value: number): string {
    const size = Math.abs(value);
    if (size !== 0 && (size >= 1e9 || size < 1e-4)) {
      return this.#number({ notation: 'scientific', maximumFractionDigits: 3 }).format(value);
    }
    return this.#number({ maximumFractionDigits: size >= 1000 ? 1 : size >= 10 ? 2 : 4 }).format(value);
  }

  /** Of something a second. */
  rate(value: number): string {
    return this.#number({ maximumFractionDigits: value >= 10 ? 0 : 1 }).format(value);
  }

  /** A share of 1. */
  percent(share: number): string {
    return this.#number({ style: 'percent', maximumFractionDigits: 0 }).format(share);
  }

  degrees(celsius: number): string {
    return `${this.#number({ maximumFractionDigits: 0 }).format(celsius)} °C`;
  }

  bytes(count: number): string {
    const power = count < 1 ? 0 : Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log2(count) / 10));
    const digits = power === 0 ? 0 : 1;
    return `${this.#number({ maximumFractionDigits: digits }).format(count / 1024 ** power)} ${BYTE_UNITS[power]}`;
  }

  /** How long, in milliseconds: `35 sec`, `12 min`, `3.5 hr`, `2.1 days` */
  span(ms: number): string {
    const [unit, size] = unitOf(ms);
    const maximumFractionDigits = size >= HOUR_MS ? 1 : 0;
    return this.#number({ style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits }).format(ms / size);
  }

  /** How long ago; never in the future, which a clock that was set would make of it. */
  ago(ms: number): string {
    const [unit, size] = unitOf(ms);
    return this.#ago.format(-Math.max(0, Math.round(ms / size)), unit);
  }

  time(t: number): string {
    return this.#time.format(t);
  }

  minute(t: number): string {
    return this.#minute.format(t);
  }

  day(t: number): string {
    return this.#day.format(t);
  }

  /** With the day, where that is not today's. */
  moment(t: number, now: number): string {
    const isToday = new Date(t).toDateString() === new Date(now).toDateString();
    return isToday ? this.#time.format(t) : this.#dayTime.format(t);
  }

  /** A value of a signal; what is no number is cut. */
  value(value: Value): string {
    if (value === null) return '—';
    if (typeof value === 'number') return this.number(value);
    const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
    return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
  }

  #number(options: Intl.NumberFormatOptions): Intl.NumberFormat {
    const key = JSON.stringify(options);
    let format = this.#numbers.get(key);
    if (format === undefined) {
      format = new Intl.NumberFormat(this.#language, options);
      this.#numbers.set(key, format);
    }
    return format;
  }
}

function unitOf(ms: number): ['second' | 'minute' | 'hour' | 'day', number] {
  if (ms < 90 * SECOND_MS) return ['second', SECOND_MS];
  if (ms < 90 * MINUTE_MS) return ['minute', MINUTE_MS];
  return ms < 48 * HOUR_MS ? ['hour', HOUR_MS] : ['day', DAY_MS];
}
