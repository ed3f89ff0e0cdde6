import type { Condition } from '../../expression/condition.ts';
import type { Selector } from '../../expression/selector.ts';
import type { Value } from '../../observation.ts';

export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Hours in which an alert disturbs nobody, e.g. 22:00 to 06:00. They end on the next day where `to` is not after `from`. */
export interface QuietHours {
  /** Days on which they begin, 0 is Sunday. */
  readonly days: readonly number[];
  /** Minutes after midnight. */
  readonly from: number;
  readonly to: number;
  /** IANA name. */
  readonly timeZone: string;
}

/** A condition that makes an alert of a machine. Durations are whole milliseconds. */
export interface Rule extends Selector {
  /** Unique within the config. */
  readonly name: string;
  readonly condition: Condition;
  /** How long the condition must hold before the alert fires. */
  readonly for: number;
  /** Ends the alert instead of the condition being false. */
  readonly clear?: Condition | undefined;
  readonly severity: Severity;
  /** Text of the notice, a template that who delivers it fills in. */
  readonly summary?: string | undefined;
  /** An alert that is over stays until somebody acknowledges it. */
  readonly latch: boolean;
  /** So many alerts and ends within so long are one flapping alert. */
  readonly flapping?: { readonly changes: number; readonly within: number } | undefined;
  readonly quietHours: readonly QuietHours[];
  /** Runs and is recorded, and disturbs nobody. */
  readonly shadow: boolean;
  /** An alert that is not acknowledged is told again this often. */
  readonly repeat?: number | undefined;
}

/**
 * - `pending`: the condition holds, not yet for long enough; `cancelled`: it held for too short a time.
 * - `firing`: the alert is on; again with `repeat` above 0 as a reminder.
 * - `latched`: the condition is over, and the alert waits to be acknowledged.
 * - `acknowledged`: somebody has seen it.
 * - `resolved`: the alert is over.
 * - `disabled`: the rule failed and is no longer evaluated.
 */
export type TransitionState = 'pending' | 'cancelled' | 'firing' | 'latched' | 'acknowledged' | 'resolved' | 'disabled';

/** A step in the life of an alert. Times are event times, whole milliseconds since the epoch. */
export interface Transition {
  readonly rule: string;
  readonly machine: string;
  /** The same for all steps of one alert, and the same again when the data is evaluated once more. */
  readonly id: string;
  readonly state: TransitionState;
  readonly t: number;
  /** Since when the condition has held. */
  readonly since: number;
  readonly severity: Severity;
  /** What the condition read at `t`, by its words in the condition, e.g. `{ "rpm": 5100, "avg(rpm, 5m)": 5020 }`. */
  readonly values: Readonly<Record<string, Value>>;
  readonly summary?: string;
  /** Reminders so far. */
  readonly repeat?: number;
  readonly shadow?: true;
  /** It comes and goes so often that its ends are held back. */
  readonly flapping?: true;
  /** Within the quiet hours: to be recorded, not to be delivered. */
  readonly quiet?: true;
  /** Who acknowledged. */
  readonly by?: string;
  /** Why it was disabled, or resolved other than by its condition. */
  readonly reason?: string;
}

/** An alert that is on, as it stands. */
export interface OpenAlert extends Pick<Transition, 'id' | 'machine' | 'rule' | 'severity' | 'since' | 'summary'> {
  readonly state: 'firing' | 'latched';
  readonly acknowledged: boolean;
  readonly shadow: boolean;
}

/** Transitions that nobody needs to hear of by default. */
export const UNPUBLISHED: readonly TransitionState[] = ['pending', 'cancelled'];
