import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Distribution } from '../view.ts';
import type { Figure, Metric } from './metric.ts';

/** Metrics on their way into the text format of Prometheus. Made for one scrape; there is no global registry. */
export class Exposition {
  readonly #registry = new Registry();

  /** @param identity labels of every series */
  constructor(identity: Readonly<Record<string, string>>) {
    this.#registry.setDefaultLabels(identity);
  }

  /** Adds metrics with what is read off `source`; undefined: that cannot be had now, so they have no series. */
  add<Source>(metrics: readonly Metric<Source>[], source: Source | undefined): void {
    for (const { name, type, help, labels, read } of metrics) {
      const options = { name, help, labelNames: [...labels], registers: [this.#registry] };
      const metric = type === 'gauge' ? new Gauge(options) : new Counter(options);
      // One without labels begins with a 0 that nobody has measured.
      if (labels.length === 0) metric.remove();
      for (const [values, figure] of source === undefined ? [] : read(source)) {
        if (isKnown(figure)) metric.labels(...values).inc(Number(figure));
      }
    }
  }

  addHistogram(name: string, help: string, distribution: Distribution): void {
    new CountedHistogram(name, help, distribution, this.#registry);
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

function isKnown(figure: Figure): boolean {
  return figure !== null && figure !== undefined && Number.isFinite(Number(figure));
}

/** prom-client counts values one by one; these were counted where they came up. */
class CountedHistogram extends Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #distribution: Distribution;

  constructor(name: string, help: string, distribution: Distribution, registry: Registry) {
    super({ name, help, registers: [registry] });
    this.#name = name;
    this.#help = help;
    this.#distribution = distribution;
  }

  /** What the registry asks for; `get` is for others. */
  async getForPromString(): Promise<object> {
    const { bounds, counts, sum } = this.#distribution;
    let count = 0;
    const buckets = counts.map((inBucket, n) => {
      count += inBucket;
      return { metricName: `${this.#name}_bucket`, labels: { le: String(bounds[n] ?? '+Inf') }, value: count };
    });
    const totals = [
      { metricName: `${this.#name}_sum`, labels: {}, value: sum },
      { metricName: `${this.#name}_count`, labels: {}, value: count },
    ];
    return { name: this.#name, help: this.#help, type: 'histogram', values: [...buckets, ...totals] };
  }
}
