import type { ApiMachine, ApiTimeline } from '../api.ts';
import type { Language } from './language.ts';
import { h, type Node } from './render.ts';

/** The canonical states, and what is none of them. Each has a colour and a height of its own. */
export const STATES = ['running', 'idle', 'stopped', 'unknown'] as const;
export type StateName = (typeof STATES)[number];

export type Segment = ApiTimeline['segments'][number];

/** Parts of the height of a strip: colour is not the only sign. */
const HEIGHTS: Readonly<Record<StateName, number>> = { running: 1, idle: 0.62, stopped: 0.34, unknown: 0.12 };
const WIDTH = 1000;
const HEIGHT = 40;

export function stateName(state: string | null): StateName {
  return STATES.find((name) => name === state) ?? 'unknown';
}

/** In words; a state that is not canonical as the machine says it. */
export function stateWord(state: string | null, { texts }: Language): string {
  return state === null ? texts.unknown : (texts.states[state] ?? state);
}

/** What a machine does, as a chip. */
export function stateChip(machine: ApiMachine, language: Language): Node {
  const { state, available } = machine;
  const word = available === false ? language.texts.off : stateWord(state, language);
  const name = available === false ? 'unknown' : stateName(state);
  return h(
    'span',
    { class: `chip state ${name}`, title: word },
    h('i', { class: 'state-sign' }),
    h('span', { class: 'clip' }, word),
  );
}

/** What a day was, made once: a machine may change its state thousands of times. */
export interface Day {
  readonly timeline: ApiTimeline;
  /** Milliseconds in each state; what no segment covers is unknown. */
  readonly sums: Readonly<Record<StateName, number>>;
  /** Of a strip, as paths. */
  readonly bars: Readonly<Record<StateName, string>>;
}

export function dayOf(timeline: ApiTimeline): Day {
  const { from, to, segments } = timeline;
  const sums = { running: 0, idle: 0, stopped: 0, unknown: 0 };
  const bars = { running: '', idle: '', stopped: '', unknown: '' };
  for (const segment of segments) {
    const name = stateName(segment.state);
    sums[name] += Math.max(0, Math.min(to, segment.to) - Math.max(from, segment.from));
    bars[name] += barOf(segment, timeline, HEIGHT * HEIGHTS[name]);
  }
  sums.unknown = Math.max(0, to - from - sums.running - sums.idle - sums.stopped);
  return { timeline, sums, bars };
}

/** States as bars along the time, in a box of any size. */
export function stateStrip({ bars }: Day, label: string): Node {
  return h(
    'svg',
    {
      class: 'strip',
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: 'none',
      role: 'img',
      'aria-label': label,
    },
    ...STATES.map((name) => h('path', { key: name, class: name, d: bars[name] })),
  );
}

/** `Running 78%, Idle 12%` … */
export function summaryOf({ sums, timeline: { from, to } }: Day, language: Language): string {
  return STATES.filter((name) => sums[name] > 0)
    .map((name) => `${stateWord(wordKey(name), language)} ${language.formats.percent(sums[name] / (to - from))}`)
    .join(', ');
}

/** As `stateWord` takes it. */
export function wordKey(name: StateName): string | null {
  return name === 'unknown' ? null : name;
}

function barOf(segment: Segment, { from, to }: ApiTimeline, high: number): string {
  const scale = WIDTH / Math.max(1, to - from);
  const left = Math.max(0, (segment.from - from) * scale);
  const wide = Math.min(WIDTH, (segment.to - from) * scale) - left;
  return wide <= 0 ? '' : `M${left.toFixed(2)} ${HEIGHT}v${-high}h${wide.toFixed(2)}v${high}z`;
}
