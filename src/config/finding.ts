import type { Path } from './visit.ts';

/** Something wrong with a value of the config, before it is known where in the file that is. */
export interface Finding {
  readonly path: Path;
  /** What is wrong, and what would be right. Never repeats a value of the file: it may be a secret in a wrong place. */
  readonly message: string;
  /** Where to point: at the value unless said. */
  readonly at?: 'key' | 'value';
  /** Where in the text of the value, from 1. */
  readonly character?: number;
  /** The last step of the path is not told: it may be a secret. */
  readonly unnamed?: boolean;
  /** Another place that the message ends with, told by its line. */
  readonly see?: Path;
  /** `absent`: what the value refers to is not on this computer; it may be on the gateway. */
  readonly level?: 'error' | 'absent' | 'warning';
}
