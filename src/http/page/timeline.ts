import type { Language } from './language.ts';
import { h, own, type Node as PageNode, Root } from './render.ts';
import { type Day, type Segment, STATES, stateStrip, stateWord, summaryOf, wordKey } from './states.ts';

const HOUR_MS = 3_600_000;
/** Hours between two marks on the scale. */
const MARK_HOURS = 6;

/** The states of a machine along the time, and what the pointer or the arrow keys choose of them. */
export class Timeline {
  readonly element = document.createElement('div');
  readonly #track = document.createElement('div');
  readonly #root = new Root(this.element);
  readonly #trackRoot = new Root(this.#track);
  #day: Day | undefined;
  #language: Language | undefined;
  /** What is looked at, as a share of the width. */
  #cursor: number | undefined;

  constructor() {
    this.element.className = 'timeline';
    this.#track.className = 'track';
    this.#track.tabIndex = 0;
    this.#track.addEventListener('pointermove', (event) => this.#point(event));
    this.#track.addEventListener('pointerdown', (event) => this.#point(event));
    this.#track.addEventListener('pointerleave', ({ pointerType }) => {
      // A finger leaves when it is lifted: what it has chosen stays.
      if (pointerType === 'mouse') this.#look(undefined);
    });
    this.#track.addEventListener('keydown', (event) => this.#step(event));
  }

  show(day: Day | undefined, language: Language): void {
    this.#day = day;
    this.#language = language;
    this.#draw();
  }

  #point({ clientX }: PointerEvent): void {
    const { left, width } = this.#track.getBoundingClientRect();
    if (width > 0) this.#look(Math.max(0, Math.min(1, (clientX - left) / width)));
  }

  #look(cursor: number | undefined): void {
    this.#cursor = cursor;
    this.#draw();
  }

  /** To the middle of the next segment, or of the one before. */
  #step(event: KeyboardEvent): void {
    const forward = event.key === 'ArrowRight';
    if ((!forward && event.key !== 'ArrowLeft') || this.#day === undefined) return;
    event.preventDefault();
    const { from, to, segments } = this.#day.timeline;
    const middles = segments.map((segment) => ((segment.from + segment.to) / 2 - from) / (to - from));
    const at = this.#cursor ?? (forward ? 0 : 1);
    const next = forward
      ? middles.find((middle) => middle > at + 1e-9)
      : middles.findLast((middle) => middle < at - 1e-9);
    if (next !== undefined) this.#look(next);
  }

  #draw(): void {
    const [day, language] = [this.#day, this.#language];
    if (language === undefined) return;
    const { texts } = language;
    if (day === undefined) {
      this.#root.render(h('p', { class: 'empty' }, texts.loading));
      return;
    }
    const label = `${texts.timeline}: ${summaryOf(day, language)}. ${texts.timelineHelp}`;
    this.#track.setAttribute('aria-label', label);
    this.#track.setAttribute('role', 'group');
    const cursor = this.#cursor;
    this.#trackRoot.render(
      stateStrip(day, summaryOf(day, language)),
      cursor !== undefined && h('i', { class: 'cursor', style: { left: `${cursor * 100}%` } }),
    );
    this.#root.render(own(this.#track), scale(day, language), readout(day, cursor, language), legend(day, language));
  }
}

function scale({ timeline: { from, to } }: Day, { formats }: Language): PageNode {
  const first = new Date(from);
  first.setMinutes(0, 0, 0);
  const marks: PageNode[] = [];
  for (let t = first.getTime(); t <= to; t += HOUR_MS) {
    const share = (t - from) / (to - from);
    if (new Date(t).getHours() % MARK_HOURS !== 0 || share < 0.02 || share > 0.98) continue;
    marks.push(h('span', { key: String(t), style: { left: `${share * 100}%` } }, formats.minute(t)));
  }
  return h('div', { class: 'scale', 'aria-hidden': 'true' }, ...marks);
}

/** What was there at the cursor; an empty line where there is none, so that nothing jumps. */
function readout({ timeline: { from, to, segments } }: Day, cursor: number | undefined, language: Language): PageNode {
  const { texts, formats } = language;
  if (cursor === undefined) return h('output', { class: 'readout' }, segments.length === 0 ? texts.noTimeline : ' ');
  const t = from + cursor * (to - from);
  const found = segments.find((segment) => segment.from <= t && t < segment.to) ?? gapAt(t, from, to, segments);
  const span = texts.timelineSpan(
    formats.moment(found.from, to),
    formats.moment(found.to, to),
    formats.span(found.to - found.from),
  );
  return h('output', { class: 'readout' }, h('b', {}, stateWord(found.state, language)), ` ${span}`);
}

function gapAt(t: number, from: number, to: number, segments: readonly Segment[]): Segment {
  return {
    from: segments.findLast((segment) => segment.to <= t)?.to ?? from,
    to: segments.find((segment) => segment.from > t)?.from ?? to,
    state: null,
  };
}

function legend({ sums, timeline: { from, to } }: Day, language: Language): PageNode {
  return h(
    'ul',
    { class: 'legend' },
    ...STATES.map((name) =>
      h(
        'li',
        { class: `state ${name}` },
        h('i', { class: 'state-sign' }),
        h(
          'span',
          {},
          `${stateWord(wordKey(name), language)} `,
          h('b', { class: 'figures' }, language.formats.percent(sums[name] / (to - from))),
        ),
        h('span', { class: 'muted figures' }, language.formats.span(sums[name])),
      ),
    ),
  );
}
