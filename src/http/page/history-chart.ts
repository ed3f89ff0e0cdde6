import type { ApiHistory, ApiSeries } from '../api.ts';
import { gatewayClient } from './gateway-client.ts';
import type { Language } from './language.ts';
import { h, own, type Node as PageNode, Root } from './render.ts';
import { type Drawing, SeriesPlot } from './series-plot.ts';

const HOUR_MS = 3_600_000;
/** How far back, and how often it is asked for anew. */
const RANGES = {
  hour: { ms: HOUR_MS, every: 10_000 },
  day: { ms: 24 * HOUR_MS, every: 60_000 },
  week: { ms: 168 * HOUR_MS, every: 300_000 },
} as const;
type RangeName = keyof typeof RANGES;
const RANGE_NAMES = Object.keys(RANGES) as RangeName[];
/** A chart shows at least so long. */
const LEAST_MS = 60_000;
const POINTS = { least: 200, most: 1000 };
/** Changes of a text that are listed. */
const MAX_CHANGES = 100;

export interface Chosen {
  readonly machine: string;
  readonly signal: string;
}

/** The history of one signal: a chart of numbers, a list of the changes of anything else. */
export class HistoryChart {
  readonly element = document.createElement('div');
  readonly #box = document.createElement('div');
  readonly #root = new Root(this.element);
  readonly #now: () => number;
  #language: Language;
  #chosen: Chosen | undefined;
  #range: RangeName = 'hour';
  #history: ApiHistory | undefined;
  #fault: string | undefined;
  #point: number | null = null;
  #plot: SeriesPlot | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Only the answer to the newest question counts. */
  #question = 0;

  /** `now`: by the clock of the gateway. */
  constructor(language: Language, now: () => number) {
    this.#language = language;
    this.#now = now;
    this.#box.className = 'plot';
    this.#box.tabIndex = 0;
    this.#box.setAttribute('role', 'group');
    this.#box.addEventListener('keydown', (event) => this.#step(event));
    new ResizeObserver(() => {
      if (this.#box.clientWidth > 0) this.#plot?.setWidth(this.#box.clientWidth);
    }).observe(this.#box);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#replot());
  }

  choose(chosen: Chosen | undefined): void {
    if (chosen?.machine === this.#chosen?.machine && chosen?.signal === this.#chosen?.signal) return;
    this.#chosen = chosen;
    this.#history = undefined;
    this.#fault = undefined;
    this.#replot();
    void this.#load();
  }

  setLanguage(language: Language): void {
    this.#language = language;
    this.#replot();
  }

  #setRange(range: RangeName): void {
    this.#range = range;
    void this.#load();
    this.#draw();
  }

  async #load(): Promise<void> {
    clearTimeout(this.#timer);
    const chosen = this.#chosen;
    this.#question += 1;
    const question = this.#question;
    if (chosen === undefined) return;
    const { ms, every } = RANGES[this.#range];
    const [history, fault] = await this.#ask(chosen, ms)
      .then((answer): [ApiHistory | undefined, string | undefined] => [answer, undefined])
      .catch((error: unknown): [ApiHistory | undefined, string | undefined] => [
        this.#history,
        error instanceof Error ? error.message : String(error),
      ]);
    if (question !== this.#question) return;
    this.#history = history;
    this.#fault = fault;
    this.#timer = setTimeout(() => void this.#load(), every);
    this.#update();
  }

  /** Of the last `ms`; where the gateway has less, of what it has, so that a new one shows more than an edge. */
  async #ask({ machine, signal }: Chosen, ms: number): Promise<ApiHistory> {
    const to = this.#now();
    const points = Math.max(POINTS.least, Math.min(POINTS.most, this.#box.clientWidth));
    const whole = await gatewayClient.history(machine, [signal], to - ms, to, points);
    const first = Object.values(whole.signals)[0]?.t[0];
    if (first === undefined || first < to - ms / 2) return whole;
    return gatewayClient.history(machine, [signal], Math.min(first, to - LEAST_MS), to, points);
  }

  /** With the arrow keys from point to point. */
  #step(event: KeyboardEvent): void {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    const count = this.#series?.t.length ?? 0;
    if (step === 0 || count === 0) return;
    event.preventDefault();
    const from = this.#point ?? (step > 0 ? -1 : count);
    this.#plot?.point(Math.max(0, Math.min(count - 1, from + step)));
  }

  /** Anew, in the colours and the words of now. */
  #replot(): void {
    this.#plot?.destroy();
    this.#plot = undefined;
    this.#point = null;
    this.#draw();
    const drawing = this.#drawing;
    if (drawing === undefined || !this.#box.isConnected) return;
    this.#plot = new SeriesPlot(this.#box, this.#language, drawing, (index) => {
      this.#point = index;
      this.#draw();
    });
  }

  /** Newer points in the same chart: the cursor stays where it is. */
  #update(): void {
    const drawing = this.#drawing;
    if (drawing === undefined || this.#plot === undefined) {
      this.#replot();
    } else {
      this.#plot.show(drawing);
      this.#draw();
    }
  }

  get #drawing(): Drawing | undefined {
    const series = this.#series;
    if (this.#history === undefined || series === undefined || !isNumeric(series)) return undefined;
    return { series, from: this.#history.from, to: this.#history.to };
  }

  get #series(): ApiSeries | undefined {
    const { signals } = this.#history ?? {};
    const name = this.#chosen?.signal;
    return signals !== undefined && name !== undefined && Object.hasOwn(signals, name) ? signals[name] : undefined;
  }

  #draw(): void {
    const { texts } = this.#language;
    const signal = this.#chosen?.signal;
    if (signal === undefined) {
      this.#root.render(h('h2', {}, texts.history), h('p', { class: 'empty' }, texts.chooseSignal));
      return;
    }
    const series = this.#series;
    const isPlotted = series !== undefined && isNumeric(series);
    this.#box.setAttribute('aria-label', `${texts.historyOf(signal)}. ${texts.chartHelp}`);
    this.#root.render(
      h(
        'div',
        { class: 'card-head' },
        h('h2', { class: 'clip', title: signal }, texts.historyOf(signal)),
        this.#ranges(),
      ),
      h('output', { class: 'readout clip' }, isPlotted ? this.#readout(series) : ' '),
      h('div', { hidden: !isPlotted }, own(this.#box)),
      this.#instead(series),
      isPlotted && this.#history?.source === 'sampled' && h('p', { class: 'muted' }, texts.sampled),
    );
  }

  /** What stands where there is no chart. */
  #instead(series: ApiSeries | undefined): PageNode | false {
    const { texts } = this.#language;
    if (this.#fault !== undefined) return h('p', { class: 'fault', role: 'alert' }, texts.failed(this.#fault));
    if (this.#history === undefined) return h('p', { class: 'empty' }, texts.loading);
    if (series === undefined || series.t.length === 0) return h('p', { class: 'empty' }, texts.noHistory);
    return !isNumeric(series) && changes(series, this.#language, this.#now());
  }

  #ranges(): PageNode {
    const { texts } = this.#language;
    return h(
      'div',
      { class: 'ranges', role: 'group', 'aria-label': texts.history },
      ...RANGE_NAMES.map((name) =>
        h(
          'button',
          { type: 'button', 'aria-pressed': String(name === this.#range), onclick: () => this.#setRange(name) },
          texts.ranges[name],
        ),
      ),
    );
  }

  /** The figures at the cursor, else those of the whole. */
  #readout({ t, min, max, mean, unit }: ApiSeries): string {
    const { texts, formats } = this.#language;
    const figure = (value: number | null | undefined) =>
      value === null || value === undefined ? '–' : formats.number(value);
    const index = this.#point;
    const suffix = unit === undefined ? '' : ` ${unit}`;
    if (index !== null) {
      const at = formats.moment(t[index] ?? 0, this.#now());
      return `${at} · ${texts.mean} ${figure(mean[index])}${suffix} (${figure(min[index])} – ${figure(max[index])})`;
    }
    const least = min.reduce<number | null>((a, b) => (a === null || (b !== null && b < a) ? b : a), null);
    const most = max.reduce<number | null>((a, b) => (a === null || (b !== null && b > a) ? b : a), null);
    return `${texts.least} ${figure(least)}${suffix} · ${texts.most} ${figure(most)}${suffix}`;
  }
}

function isNumeric({ mean }: ApiSeries): boolean {
  return mean.some((value) => value !== null);
}

/** What it said and when, the newest first. */
function changes({ t, last }: ApiSeries, { formats }: Language, now: number): PageNode {
  const told = last
    .map((v, i) => ({ t: t[i] ?? 0, text: formats.value(v) }))
    .filter(({ text }, i, all) => text !== all[i - 1]?.text)
    .slice(-MAX_CHANGES)
    .reverse();
  return h(
    'ol',
    { class: 'changes' },
    ...told.map(({ t: at, text }) =>
      h(
        'li',
        {},
        h('time', { class: 'muted figures' }, formats.moment(at, now)),
        h('span', { class: 'clip', title: text }, text),
      ),
    ),
  );
}
