import { observationsOf } from '../wire/codec.ts';
import { Histogram } from './histogram.ts';
import type { Received } from './inbox.ts';
import { type ChannelReport, countOf } from './ledger.ts';

/** Figures of what was received; latencies in milliseconds from an observation's timestamp to its arrival. */
export interface SummaryFigures {
  readonly machines: number;
  readonly batches: number;
  readonly observations: number;
  readonly events: number;
  readonly duplicatesRemoved: number;
  /** Batches whose seq was jumped over. */
  readonly missing: number;
  readonly late: number;
  /** Losses that the gateways themselves have told. */
  readonly gaps: number;
  readonly conflicts: number;
  readonly invalid: number;
  readonly latency: { readonly p50: number | null; readonly p99: number | null };
  readonly holes: readonly ChannelReport[];
}

/** Keeps count of what `receive` yields, in bounded memory. */
export class Summary {
  readonly #machines = new Set<string>();
  readonly #latency = new Histogram();
  #batches = 0;
  #observations = 0;
  #events = 0;
  #duplicates = 0;
  #late = 0;
  #gaps = 0;
  #conflicts = 0;
  #invalid = 0;

  add(received: Received): void {
    switch (received.type) {
      case 'batch':
        this.#addBatch(received);
        break;
      case 'duplicate':
        this.#duplicates += 1;
        break;
      case 'conflict':
        this.#conflicts += 1;
        break;
      case 'problem':
        this.#invalid += 1;
        break;
      case 'status':
        break;
    }
  }

  #addBatch({ batch, late, arrivedAt }: Extract<Received, { type: 'batch' }>): void {
    this.#machines.add(`${batch.tenant}/${batch.gateway}/${batch.machine}`);
    this.#batches += 1;
    if (late) this.#late += 1;
    if (batch.kind === 'event') {
      this.#events += batch.events.length;
      this.#gaps += batch.events.filter(({ type }) => type === 'gap').length;
      return;
    }
    for (const { t } of observationsOf(batch)) {
      this.#observations += 1;
      this.#latency.add(arrivedAt - t);
    }
  }

  /** With the books of the ledger, which know what is missing. */
  figures(report: readonly ChannelReport[]): SummaryFigures {
    return {
      machines: this.#machines.size,
      batches: this.#batches,
      observations: this.#observations,
      events: this.#events,
      duplicatesRemoved: this.#duplicates,
      missing: report.reduce((sum, { missing }) => sum + countOf(missing), 0),
      late: this.#late,
      gaps: this.#gaps,
      conflicts: this.#conflicts,
      invalid: this.#invalid,
      latency: { p50: rounded(this.#latency.quantile(0.5)), p99: rounded(this.#latency.quantile(0.99)) },
      holes: report.filter(({ missing }) => missing.length > 0),
    };
  }
}

function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value * 10) / 10;
}
