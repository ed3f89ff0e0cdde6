/** A figure of a series; what is not known (null, undefined) is not told. */
export type Figure = number | boolean | null | undefined;

/** A series: the values of the metric's labels, in their order, and its figure. */
export type Series = readonly [labels: readonly string[], figure: Figure];

/** A metric, and how it is read off `Source` when somebody asks. */
export interface Metric<Source> {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  /** As docs/metrics.md has it. */
  readonly help: string;
  readonly labels: readonly string[];
  readonly read: (source: Source) => readonly Series[];
}

/** A metric of one series. */
export function single<Source>(
  type: Metric<Source>['type'],
  name: string,
  help: string,
  figure: (source: Source) => Figure,
): Metric<Source> {
  return { name, type, help, labels: [], read: (source) => [[[], figure(source)]] };
}

/** A metric of a series for each item of a list. */
export function each<Source, Item>(
  type: Metric<Source>['type'],
  name: string,
  help: string,
  items: (source: Source) => readonly Item[],
  labels: Readonly<Record<string, (item: Item) => string>>,
  figure: (item: Item) => Figure,
): Metric<Source> {
  const texts = Object.values(labels);
  const read = (source: Source) =>
    items(source).map((item): Series => [texts.map((textOf) => textOf(item)), figure(item)]);
  return { name, type, help, labels: Object.keys(labels), read };
}

/** Milliseconds as seconds, which Prometheus has times in. */
export function seconds(ms: number | null | undefined): number | null {
  return ms === null || ms === undefined ? null : ms / 1000;
}
