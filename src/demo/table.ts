import type { DemoSummary } from './demo.ts';

/** The summary for a person, counted at the two ends. */
export function table(summary: DemoSummary): string {
  const header = ['machine', 'produced', 'received', 'missing'];
  const rows = summary.machines.map((row) => [row.machine, row.produced, row.received, row.missing]);
  const total = ['all', summary.produced, summary.received, summary.missing];
  const lines = [header, ...rows, total].map(([name, ...counts]) =>
    [String(name).padEnd(12), ...counts.map((count) => String(count).padStart(10))].join(' '),
  );
  return `
${lines.join('\n')}

duplicates removed ${summary.duplicatesRemoved}, batches missing ${summary.missingBatches}, gaps told ${summary.gaps}
outage ${summary.outageSeconds} s: at most ${summary.backlogPeak} observations waited, drained in ${summary.drainSeconds} s
latency of live data: P50 ${summary.latency.p50} ms, P99 ${summary.latency.p99} ms (machine to consumer; batches leave once a second)

${summary.missing === 0 ? 'Nothing is missing.' : 'SOMETHING IS MISSING.'}
`;
}
