import type { Figure, Section, Spread } from './figures.ts';

/** Above this share of the machine used by others, figures are marked. */
const QUIET_SHARE = 0.1;
const FINDINGS = '## What the figures say';

/** A section with the circumstances of its run. */
export interface Measured {
  readonly name: string;
  readonly section: Section;
  readonly date: string;
  readonly scale: string;
  readonly repeats: number;
  /** Of the machine, used by others meanwhile. */
  readonly others: number;
}

/**
 * The page with new sections in the place of the old ones. Sections that were not measured stay as they are, and so does what people
 * wrote under "What the figures say".
 * @param old the page as it is; empty where there is none
 * @param order names of all parts
 */
export function pageOf(
  old: string,
  order: readonly string[],
  machine: Readonly<Record<string, string>>,
  measured: readonly Measured[],
): string {
  const blocks = new Map(Array.from(old.matchAll(BLOCK), ([text, name]) => [name, text]));
  for (const one of measured) blocks.set(one.name, blockOf(one));
  const findings = old.includes(FINDINGS) ? old.slice(old.indexOf(FINDINGS)).trimEnd() : FINDINGS;
  const table = Object.entries(machine).map(([name, value]) => `| ${name} | ${value} |`);
  return [
    '# Benchmarks',
    '',
    HEAD,
    '',
    '| machine | |',
    '|---|---|',
    ...table,
    '',
    ...order.flatMap((name) => (blocks.has(name) ? [blocks.get(name), ''] : [])),
    findings,
    '',
  ].join('\n');
}

const BLOCK = /<!-- part: (\S+) -->[\s\S]*?<!-- end -->/g;

const HEAD = `Written by \`npm run bench\` (\`-- --only ingest,drain\` measures some parts anew, \`--short\` less of everything, \`--repeats N\`,
\`--json\`), but for the last chapter. Each figure stands beside its limit: the same work done by the bare libraries in the same run.
Figures are medians of the repeats with the least and the most; a ratio is of figure to limit, repeat by repeat. Absolute figures are of
this machine; ratios may be compared with those of another.`;

function blockOf({ name, section, date, scale, repeats, others }: Measured): string {
  const busy = `**measured on a busy machine** (others used ${(others * 100).toFixed(0)} % of it): only ratios may be trusted, and these not much`;
  const circumstances = others > QUIET_SHARE ? busy : `others used ${(others * 100).toFixed(0)} % of the machine`;
  return [
    `<!-- part: ${name} -->`,
    `## ${section.title}`,
    '',
    section.method,
    '',
    `${date}, ${scale} form, ${repeats} repeats; ${circumstances}.`,
    '',
    '| | figure | limit | ratio | target | holds |',
    '|---|---|---|---|---|---|',
    ...section.figures.map(rowOf),
    ...(section.notes ?? []).flatMap((note) => ['', note]),
    '<!-- end -->',
  ].join('\n');
}

function rowOf({ what, unit, value, limit, ratio, target }: Figure): string {
  const cells = [
    what,
    `${spreadText(value, number)} ${unit}`,
    limit === undefined ? '' : `${spreadText(limit.value, number)} (${limit.what})`,
    ratio === undefined ? '' : spreadText(ratio, percent),
    target?.text ?? '',
    target === undefined ? '' : target.holds ? 'yes' : '**no**',
  ];
  return `| ${cells.join(' | ')} |`;
}

function spreadText({ median, min, max }: Spread, format: (value: number) => string): string {
  return min === max ? format(median) : `${format(median)} (${format(min)}–${format(max)})`;
}

/** Three digits that count, or all before the point. */
function number(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}

function percent(value: number): string {
  return `${(value * 100).toFixed(0)} %`;
}
