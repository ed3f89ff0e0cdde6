import { z } from 'zod';

const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const SIZE_UNITS = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const;

function amount(units: Record<string, number>, example: string, what: string) {
  const pattern = new RegExp(`^(\\d+(?:\\.\\d+)?) ?(${Object.keys(units).join('|')})$`);
  return z
    .string(`expected ${what} with its unit, e.g. ${example}`)
    .regex(pattern, `expected ${what} with its unit (${Object.keys(units).join(', ')}), e.g. ${example}`)
    .transform((text) => {
      const [, number, unit] = pattern.exec(text) as unknown as [string, string, string];
      return Number(number) * (units[unit] as number);
    });
}

/** `250ms`, `1.5s`, `10m`, `2h`, `7d` → milliseconds. */
export const duration = () => amount(DURATION_UNITS, '250ms', 'a duration');

/** `64KiB`, `8GiB`, `50MB` → bytes. */
export const size = () => amount(SIZE_UNITS, '8GiB', 'a size');
