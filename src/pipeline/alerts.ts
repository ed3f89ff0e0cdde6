import type { AlertNotice } from '../channels/channel.ts';
import type { NewNotice } from '../outbox/local.ts';
import { type Transition, UNPUBLISHED } from './rules/rule.ts';

/** Steps that people are told of, beside the channels that do not want to hear of an end. */
const TOLD: readonly Transition['state'][] = ['firing', 'resolved', 'disabled'];

/** Who an alert is of, for people. */
export interface AlertSource extends Omit<AlertNotice, 'alert' | 'machine'> {}

/** The body of an `alert` batch; undefined where nothing of it is to be sent. Times are relative to `t0`. Pure. */
export function sealAlerts(
  transitions: readonly Transition[],
): { readonly t0: number; readonly count: number; readonly body: string } | undefined {
  const told = transitions.filter(({ state }) => !UNPUBLISHED.includes(state));
  if (told.length === 0) return undefined;
  const t0 = Math.min(...told.map(({ t }) => t));
  const alerts = told.map(({ machine: _, t, since, ...rest }) => ({ ...rest, t: t - t0, since: since - t0 }));
  return { t0, count: alerts.length, body: JSON.stringify(alerts) };
}

/** What the channels are to tell of these steps, as far as `toTell` lets them. */
export function noticesOf(
  transitions: readonly Transition[],
  channelsOf: (rule: string) => readonly string[],
  source: AlertSource,
  toTell: (transition: Transition) => Transition | undefined = (transition) => transition,
): NewNotice[] {
  return transitions
    .filter(({ state, shadow, quiet }) => TOLD.includes(state) && shadow !== true && quiet !== true)
    .filter(({ rule }) => channelsOf(rule).length > 0)
    .flatMap((transition) => toTell(transition) ?? [])
    .flatMap(({ machine, ...alert }) => {
      const body = JSON.stringify({ ...source, machine, alert } satisfies AlertNotice);
      return channelsOf(alert.rule).map((channel) => ({ channel, body }));
    });
}
