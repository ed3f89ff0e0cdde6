import type { Vital } from '../drivers/driver.ts';
import { Fault, messageOf } from '../errors.ts';

export const GROUPS = ['machines', 'broker', 'disk', 'time', 'permissions'] as const;
export type Group = (typeof GROUPS)[number];

/** What was looked at, how it is, and what to do about it when it is not good: `warn` works, `bad` does not. */
export type Finding = Vital;
export type Level = Finding['level'];

/** A finding and whose it is, as `--json` prints it. */
export interface Check extends Finding {
  readonly group: Group;
  /** A machine's id, the broker's URL, the data folder …; the same for all checks of a section. */
  readonly subject: string;
}

/** Takes a finding as soon as it is known. */
export type Tell = (finding: Finding) => void;

/** What is tested as a whole, beside other sections. */
export interface Section {
  readonly group: Group;
  readonly subject: string;
  /** Milliseconds after which it is given up; what was told by then counts. */
  readonly limit: number;
  /** Tells its findings in order. What it throws becomes a finding; the abort reason ends it in silence. */
  run(tell: Tell, signal: AbortSignal): Promise<void>;
}

/** The finding of what broke a check. */
export function failed(name: string, error: unknown): Finding {
  const hint = error instanceof Fault ? error.hint : undefined;
  return { name, level: 'bad', text: messageOf(error), ...(hint === undefined ? {} : { hint }) };
}
