import type { Value } from '../../../observation.ts';

/** A variable of a machine as it was found. */
export interface Variable {
  /** Names from the machine down to it. */
  readonly path: readonly string[];
  readonly unit?: string | undefined;
  readonly value: Value;
  /** Texts of its numbers, from 0 on. */
  readonly texts?: readonly string[] | undefined;
}

/** What a canonical signal is read from. */
export interface Choice {
  readonly index: number;
  readonly scale?: number;
}

export interface Suggestion {
  readonly rpm?: Choice;
  readonly feed?: Choice;
  readonly state?: { readonly index: number; readonly rule: StateTable };
}

/** The `state` key without its `from`. */
export type StateTable = { readonly [state in 'running' | 'idle' | 'stopped']?: (string | number)[] } & {
  readonly otherwise: 'idle' | 'stopped';
};

/** Not what the machine does but what it should, could or may do. */
const WANTED =
  /command|target|setpoint|nominal|program(med)?speed|limit|max|min(imum)?$|override|ovr|ratio|range|rated|set$/i;
const SPINDLE_UNITS = /^(rev\/min|rpm|r\/min|1\/min|min-1|min⁻¹|u\/min|revolutions?( per)? minute)$/i;

/** To mm/min. */
const FEED_UNITS: readonly (readonly [RegExp, number])[] = [
  [/^mm\/min$/i, 1],
  [/^m\/min$/i, 1000],
  [/^mm\/s(ec)?$/i, 60],
  [/^m\/s(ec)?$/i, 60_000],
  [/^(in|inch|inches)\/min$/i, 25.4],
  [/^(in|inch|inches)\/s(ec)?$/i, 1524],
];

/** Words of controls for what a machine does; the first list that a word fits counts. */
const WORDS: readonly (readonly [keyof Omit<StateTable, 'otherwise'>, RegExp])[] = [
  ['stopped', /stop|abort|interrupt|alarm|error|fault|emerg|e-?stop|hold|suspend|pause|off|unavail|maint|break/i],
  [
    'running',
    /^(.*\b)?(run|active|execut|process|produc|cycle|busy|cutting|machining|in[ _]?progress|start(ed)?$|working)/i,
  ],
  ['idle', /idle|ready|stand-?by|init|wait|reset|complet|finish|end|manual|jog|setup|inactive|none/i],
];

/** Words that are sent as text where a control tells no list of them (MTConnect's and others'). */
const TEXTS = {
  running: ['ACTIVE', 'Active', 'RUNNING', 'Running', 'Executing', 'Processing'],
  idle: ['READY', 'Ready', 'IDLE', 'Idle', 'PROGRAM_COMPLETED', 'Standby'],
};

/** Picks what looks like spindle speed, feedrate and state. Pure; what is no good guess is left out. */
export function suggest(variables: readonly Variable[]): Suggestion {
  const rpm = best(variables, spindleScore);
  const feed = best(variables, feedScore);
  const at = best(variables, stateScore);
  const rule = at === undefined ? undefined : stateTable(variables[at] as Variable);
  const scale = feed === undefined ? 1 : feedScale(variables[feed]?.unit);
  return {
    ...(rpm === undefined ? {} : { rpm: { index: rpm } }),
    ...(feed === undefined ? {} : { feed: { index: feed, ...(scale === 1 ? {} : { scale }) } }),
    ...(at === undefined || rule === undefined ? {} : { state: { index: at, rule } }),
  };
}

function best(variables: readonly Variable[], score: (variable: Variable) => number): number | undefined {
  const scores = variables.map(score);
  const top = Math.max(0, ...scores);
  return top === 0 ? undefined : scores.indexOf(top);
}

function spindleScore({ path, unit, value }: Variable): number {
  const leaf = path.at(-1) ?? '';
  const whole = path.join('/');
  if (!isNumber(value) || WANTED.test(leaf) || /override|limit/i.test(whole)) return 0;
  const isSpindle = /spindle|(^|\/)s\d?(_|\/|$)|spdl|hauptspindel/i.test(whole);
  const isSpeed = /speed|rpm|velocity|drehzahl|rotation/i.test(leaf);
  const hasUnit = unit !== undefined && SPINDLE_UNITS.test(unit.trim());
  if (!(isSpindle && isSpeed) && !(hasUnit && (isSpeed || isSpindle)) && !/^(rpm|drehzahl)$/i.test(leaf)) return 0;
  return (
    1 + (isSpindle ? 2 : 0) + (hasUnit ? 2 : 0) + (/act(ual)?|current|cur|ist/i.test(leaf) ? 1 : 0) - path.length / 100
  );
}

function feedScore({ path, unit, value }: Variable): number {
  const leaf = path.at(-1) ?? '';
  const whole = path.join('/');
  if (!isNumber(value) || WANTED.test(leaf) || /override|limit/i.test(whole)) return 0;
  if (!/feed|vorschub/i.test(whole)) return 0;
  const hasUnit = unit !== undefined && FEED_UNITS.some(([pattern]) => pattern.test(unit.trim()));
  // A percentage or a length is something else of the feed.
  if (unit !== undefined && unit.trim() !== '' && !hasUnit) return 0;
  return 1 + (hasUnit ? 2 : 0) + (/act(ual)?|current|cur|ist|feed_?rate/i.test(leaf) ? 1 : 0) - path.length / 100;
}

function feedScale(unit = ''): number {
  return FEED_UNITS.find(([pattern]) => pattern.test(unit.trim()))?.[1] ?? 1;
}

function stateScore({ path, value, texts }: Variable): number {
  const leaf = path.at(-1) ?? '';
  const isText = typeof value === 'string';
  if (!isText && !(isNumber(value) && texts !== undefined)) return 0;
  const name =
    /^(machine|operation(al)?|production|program|prog|execution|exec|nc|cnc|run(ning)?|channel)?_?(state|status|execution)$/i;
  if (!name.test(leaf)) return 0;
  // A list that names no running is another state: of a door, an order, a connection.
  if (texts !== undefined && !texts.some((text) => wordOf(text) === 'running')) return 0;
  if (texts === undefined && wordOf(String(value)) === undefined) return 0;
  const isMain = /production|program|execution|machine|operation|monitoring|channel/i.test(path.join('/'));
  return 1 + (texts === undefined ? 0 : 1) + (isMain ? 1 : 0) - path.length / 100;
}

function stateTable({ texts }: Variable): StateTable {
  if (texts === undefined) return { ...TEXTS, otherwise: 'stopped' };
  const table: { -readonly [state in keyof StateTable]?: number[] } = {};
  for (const [number, text] of texts.entries()) {
    const state = wordOf(text);
    if (state !== undefined)
      table[state as 'running'] = [...((table[state as 'running'] as number[] | undefined) ?? []), number];
  }
  return { ...table, otherwise: 'stopped' } as StateTable;
}

function wordOf(text: string): keyof Omit<StateTable, 'otherwise'> | undefined {
  return WORDS.find(([, pattern]) => pattern.test(text))?.[0];
}

function isNumber(value: Value): value is number {
  return typeof value === 'number';
}
