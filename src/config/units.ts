import { z } from 'zod';

const DURATION = {
  what: 'a duration',
  example: '250ms',
  title: 'duration',
  units: { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 },
} as const;

const SIZE = {
  what: 'a size',
  example: '8GiB',
  title: 'size',
  units: { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 },
} as const;

/** A timer of Node.js holds 2^31 - 1 ms, about 24.8 days; a longer one fires at once. */
const LONGEST_TIMER = '24d';

/** Limits, both allowed themselves, written as in the config: `1s`, `64KiB`. */
interface Bounds {
  readonly min?: string;
  readonly max?: string;
}

interface Quantity {
  readonly what: string;
  readonly example: string;
  readonly title: string;
  readonly units: Readonly<Record<string, number>>;
}

function amount({ what, example, title, units }: Quantity, min: string, max: string) {
  const names = Object.keys(units);
  const pattern = new RegExp(`^(\\d+(?:\\.\\d+)?) ?(${names.join('|')})$`);
  const expected = `expected ${what} with its unit (${names.join(', ')}), e.g. ${example}`;
  const read = (text: string): number => {
    const [, number, unit] = pattern.exec(text) as unknown as [string, string, string];
    return Math.round(Number(number) * (units[unit] as number));
  };
  const [least, most] = [read(min), read(max)];
  return z
    .string(expected)
    .regex(pattern, expected)
    .transform(read)
    .refine((value) => value >= least, `expected at least ${min}`)
    .refine((value) => value <= most, `expected at most ${max}`)
    .meta({ title });
}

/** `250ms`, `1.5s`, `10m`, `2h`, `7d` → whole milliseconds; without `max` at most what a timer holds, 24 days. */
export const duration = ({ min = '1ms', max = LONGEST_TIMER }: Bounds = {}) => amount(DURATION, min, max);

/** `64KiB`, `8GiB`, `50MB` → whole bytes. */
export const size = ({ min = '1B', max = '8192GiB' }: Bounds = {}) => amount(SIZE, min, max);
