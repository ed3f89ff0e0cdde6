import type { Range as SeqRange } from '../seq-ranges.ts';
import type { Range } from './gateway-watch.ts';
import type { MachineFigures } from './stream-watch.ts';
import { megabytes, type SoakFigures, type SoakFinding, type SoakLimits, seconds } from './verdict.ts';

/** Runs of missing seqs that are named for each numbering. */
const MAX_RUNS = 20;
const MARKS = { good: '✔', warn: '!', bad: '✘' } as const;

/** The outcome of a soak, as `report.json` has it. */
export interface SoakReport extends SoakFigures {
  readonly passed: boolean;
  readonly tenant: string;
  readonly id: string;
  /** Without user and password. */
  readonly broker: string;
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly limits: SoakLimits;
  readonly findings: readonly SoakFinding[];
}

/** As a page for people. Pure. */
export function reportPage(report: SoakReport): string {
  const { tenant, id, broker, from, to, passed, findings, stream, gateway } = report;
  const { memory, temperature, written, writtenPerDay } = gateway;
  return [
    `# Soak of ${tenant}/${id}: ${passed ? 'passed' : 'FAILED'}`,
    '',
    `${iso(from)} to ${iso(to)}, ${broker}, edge-gateway ${gateway.version}`,
    '',
    '| | what | found |',
    '|---|---|---|',
    ...findings.map(({ name, level, text }) => `| ${MARKS[level]} | ${name} | ${cell(text)} |`),
    '',
    '## Machines',
    '',
    '| machine | batches | observations | missing | not arrived | duplicates dropped | told losses | P50 ms | P99 ms | max ms |',
    '|---|---:|---:|---:|---:|---:|---|---:|---:|---:|',
    ...stream.machines.map(machineRow),
    '',
    ...stream.machines.flatMap(missingLines),
    'Latency is from the timestamp of an observation to its arrival here, of live data: after the subscription and the last connect of the',
    'gateway. Clocks that differ are in it. Duplicates are a part of the protocol: what is sent again after a break is dropped by its key.',
    '',
    '## Gateway',
    '',
    '| | start | end | max |',
    '|---|---:|---:|---:|',
    `| memory | ${rangeText(memory, megabytes)} |`,
    `| temperature | ${rangeText(temperature, (value) => `${value.toFixed(1)} °C`)} |`,
    '',
    `- up for ${seconds(gateway.uptime)} at the end; ${gateway.restarts} restarts, ${gateway.watchdogRestarts} by its watchdog; down for ${seconds(gateway.down)}, unhealthy for ${seconds(gateway.unhealthy)}`,
    `- uplink: ${gateway.outages} outages, not connected for ${seconds(gateway.disconnected)}; the connection of this soak was lost ${stream.ownOutages} times`,
    `- disk: ${written === null || writtenPerDay === null ? 'not known' : `${megabytes(written)} written, ${megabytes(writtenPerDay)} a day`}`,
    `- alerts: ${alertsText(stream.alerts)}; ${gateway.openAlerts} open at the end`,
    '',
  ].join('\n');
}

function machineRow({ machine, latency, gaps, ...counts }: MachineFigures): string {
  const { batches, observations, missing, behind, duplicates } = counts;
  const causes = Object.entries(gaps).map(([cause, of]) => {
    const size = of.uncounted === 0 ? '' : ', and more';
    return `${of.gaps} ${cause} (${of.observations}${size})`;
  });
  const told = causes.length === 0 ? '–' : causes.join(', ');
  const times = [latency.p50, latency.p99, latency.max].map((value) => value ?? '–');
  const cells = [machine, batches, observations, missing, behind, duplicates, told, ...times];
  return `| ${cells.map((value) => cell(String(value))).join(' | ')} |`;
}

function missingLines({ machine, missingSeqs }: MachineFigures): string[] {
  return Object.entries(missingSeqs).flatMap(([numbering, runs]) => [
    `- missing of ${machine}, ${numbering}: seq ${runsText(runs)}`,
    '',
  ]);
}

function runsText(runs: readonly SeqRange[]): string {
  const texts = runs.slice(0, MAX_RUNS).map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`));
  return `${texts.join(', ')}${runs.length > MAX_RUNS ? ` and ${runs.length - MAX_RUNS} more runs` : ''}`;
}

function rangeText({ start, end, max }: Range, text: (value: number) => string): string {
  return [start, end, max].map((value) => (value === null ? '–' : text(value))).join(' | ');
}

function alertsText(alerts: Readonly<Record<string, number>>): string {
  const texts = Object.entries(alerts).map(([rule, count]) => `${count} of ${rule}`);
  return texts.length === 0 ? 'none began' : texts.join(', ');
}

/** What a table of Markdown takes. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+/, '');
}
