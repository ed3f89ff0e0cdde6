import type { Condition } from '../expression/condition.ts';
import type { ExpressionError } from '../expression/parse.ts';
import { isPattern, selects } from '../expression/selector.ts';
import { type SignalRef, UnknownName } from '../expression/terms.ts';
import { ANY, checkTypes, type Type } from '../expression/types.ts';
import { type AlertConfig, alertSchema, conditionMessage } from './alerts.ts';
import type { Finding } from './finding.ts';
import { type MachineSignals, machineSignals } from './machine-signals.ts';
import { nearest } from './nearest.ts';
import { isMapping, type Path, valueAt } from './visit.ts';

/** What the rules of a config name that it does not have: machines, signals, channels. Takes the data as it was read. */
export function checkAlerts(data: unknown): Finding[] {
  const alerts = valueAt(data, ['alerts']);
  if (!Array.isArray(alerts)) return [];
  const machines = machineSignals(valueAt(data, ['machines']));
  const channels = valueAt(data, ['channels']);
  const names = new Map<string, number>();
  return alerts.flatMap((alert: unknown, i) => {
    const { data: rule } = alertSchema.safeParse(alert);
    const path = ['alerts', i];
    const findings = [...checkName(alert, i, names), ...checkChannels(alert, path, channels)];
    return rule === undefined ? findings : [...findings, ...checkRule(rule, path, machines)];
  });
}

function checkName(alert: unknown, i: number, names: Map<string, number>): Finding[] {
  const name = valueAt(alert, ['name']);
  if (typeof name !== 'string') return [];
  const first = names.get(name);
  if (first === undefined) names.set(name, i);
  const path = ['alerts', i, 'name'];
  return first === undefined
    ? []
    : [{ path, message: `the same name as alerts[${first}]`, see: ['alerts', first, 'name'] }];
}

function checkChannels(alert: unknown, path: Path, channels: unknown): Finding[] {
  const named = valueAt(alert, ['channels']);
  const known = isMapping(channels) ? Object.keys(channels) : [];
  if (!Array.isArray(named)) return [];
  return named.flatMap((name: unknown, i) => {
    if (typeof name !== 'string' || known.includes(name)) return [];
    const message = `there is no such channel: ${known.length === 0 ? 'expected it below the key channels' : hint(name, known)}`;
    return [{ path: [...path, 'channels', i], message }];
  });
}

function checkRule(rule: AlertConfig, path: Path, machines: readonly MachineSignals[]): Finding[] {
  const ids = machines.map(({ id }) => id);
  const absent = rule.machines.flatMap((id, i): Finding[] =>
    isPattern(id) || ids.includes(id)
      ? []
      : [{ path: [...path, 'machines', i], message: `there is no such machine: ${hint(id, ids)}` }],
  );
  const chosen = machines.filter(({ id, labels }) => selects(rule, id, labels));
  if (chosen.length === 0) {
    const message = 'no machine of this config fits its machines and labels: it will never be evaluated';
    return absent.length > 0 || machines.length === 0 ? absent : [{ path, message, level: 'warning' }];
  }
  const conditions = { condition: rule.condition, clear: rule.clear };
  return [
    ...absent,
    ...Object.entries(conditions).flatMap(([key, condition]) =>
      condition === undefined ? [] : checkCondition(condition, [...path, key], chosen, machines),
    ),
  ];
}

/** A condition is right where one of its machines can tell it; what machines may have that are not read yet, they have. */
function checkCondition(
  condition: Condition,
  path: Path,
  chosen: readonly MachineSignals[],
  machines: readonly MachineSignals[],
): Finding[] {
  const judged = chosen.map((machine) => judge(condition, machine, machines));
  const best = judged.toSorted((a, b) => a.errors.length - b.errors.length || a.doubts.length - b.doubts.length)[0];
  const found = (errors: readonly ExpressionError[], level: 'error' | 'warning') =>
    errors.map((error) => ({ path, message: conditionMessage(error), level, character: error.column }));
  return [...found(best?.errors ?? [], 'error'), ...found(best?.doubts ?? [], 'warning')];
}

/** `doubts`: names that a machine may have, and that look like a slip in one that it is known to have. */
function judge(
  condition: Condition,
  machine: MachineSignals,
  machines: readonly MachineSignals[],
): { readonly errors: ExpressionError[]; readonly doubts: ExpressionError[] } {
  const doubts: ExpressionError[] = [];
  const errors = checkTypes(condition.tree, (ref, column) => typeOf(ref, column, machine, machines, doubts));
  return { errors, doubts: [...new Map(doubts.map((doubt) => [doubt.column, doubt])).values()] };
}

function typeOf(
  { machine: other, signal }: SignalRef,
  column: number,
  own: MachineSignals,
  machines: readonly MachineSignals[],
  doubts: ExpressionError[],
): Type {
  const machine = other === undefined ? own : machines.find(({ id }) => id === other);
  if (machine === undefined) {
    throw new UnknownName(
      `there is no machine ${other}`,
      column,
      `${other}`,
      machines.map(({ id }) => id),
    );
  }
  const { types, isComplete } = machine;
  const known = types.get(signal);
  if (known !== undefined) return known;
  // Features are signals of their own, named after the one that they are made of.
  const [base = ''] = signal.split('.');
  if (base !== signal && types.has(base)) return ANY;
  const message = `no machine of this rule is known to have a signal ${signal}`;
  const unknown = new UnknownName(message, column, signal, [...types.keys(), 'duration']);
  if (isComplete) throw unknown;
  if (nearest(signal, unknown.candidates) !== undefined) doubts.push(unknown);
  return ANY;
}

function hint(word: string, candidates: readonly string[]): string {
  const meant = nearest(word, candidates);
  return meant === undefined ? `expected one of ${candidates.join(', ')}` : `did you mean ${meant}?`;
}
