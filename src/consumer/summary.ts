import { machineKey } from '../wire/codec.ts';
import type { EventBatch, RollupBatch, Status, TelemetryBatch } from '../wire/contract.ts';
import { Books, type MachineBooks } from './books.ts';
import { Histogram } from './histogram.ts';
import type { Received, ReceivedBatch } from './inbox.ts';
import { type ChannelReport, countOf } from './ledger.ts';

/** Figures of what was received. */
export interface SummaryFigures {
  readonly machines: number;
  readonly batches: number;
  readonly observations: number;
  /** Observations of which only a rollup tells. */
  readonly rolledUp: number;
  readonly alerts: number;
  readonly events: number;
  readonly duplicatesRemoved: number;
  /** Batches whose seq was jumped over, without a gap that names them. */
  readonly missing: number;
  /** Batches whose seq was jumped over and that a backlog may still bring. */
  readonly awaited: number;
  /** Batches that will never come, as a gap says. */
  readonly explained: number;
  /** Batches that came although a gap names them, and the observations in them: see `ChannelReport`. */
  readonly overTold: { readonly batches: number; readonly observations: number };
  /** Batches that came after a later one had been released, but for historical ones: those are sent beside later ones. */
  readonly late: number;
  /** Losses that the gateways themselves have told. */
  readonly gaps: number;
  /** Batches whose key had other content before. */
  readonly conflicts: number;
  /** Messages that claim to be of the contract and are not. */
  readonly invalid: number;
  /** Messages on other topics, and of kinds that this version does not know. */
  readonly ignored: number;
  /**
   * Milliseconds from the timestamp of an observation to its arrival, of live observations: those stamped after the
   * subscription and after the last birth of their gateway, in a batch that is not historical. Clocks that differ are in it; null: there were none.
   */
  readonly latency: { readonly p50: number | null; readonly p99: number | null };
  readonly channels: readonly ChannelReport[];
}

/** Keeps count of what `receive` yields, in memory that grows with machines and gateways only. Pure. */
export class Summary {
  readonly #books = new Books();
  readonly #machines = new Set<string>();
  readonly #latency = new Histogram();
  #liveFrom = 0;
  /** `tenant/gateway` → when it connected last. */
  readonly #births = new Map<string, number>();
  readonly #counts = {
    batches: 0,
    observations: 0,
    rolledUp: 0,
    alerts: 0,
    events: 0,
    duplicatesRemoved: 0,
    late: 0,
    gaps: 0,
    conflicts: 0,
    invalid: 0,
    ignored: 0,
  };

  /** The subscription stands since then: what was stamped before waited for it, and has no latency of its own. */
  subscribed(now: number): void {
    this.#liveFrom = now;
  }

  add(received: Received): void {
    const counts = this.#counts;
    if (received.type === 'batch') this.#addBatch(received);
    else if (received.type === 'status') this.#addStatus(received.status);
    else if (received.type === 'duplicate') counts.duplicatesRemoved += 1;
    else if (received.type === 'conflict') counts.conflicts += 1;
    else if (received.type === 'problem') counts.invalid += 1;
    else counts.ignored += 1;
  }

  /** With the books of the ledger, which know what is missing. */
  figures(channels: readonly ChannelReport[]): SummaryFigures {
    return {
      machines: this.#machines.size,
      ...this.#counts,
      missing: channels.reduce((sum, { missing }) => sum + countOf(missing), 0),
      awaited: channels.reduce((sum, { awaited }) => sum + countOf(awaited), 0),
      explained: channels.reduce((sum, { explained }) => sum + explained, 0),
      overTold: {
        batches: channels.reduce((sum, { overTold }) => sum + overTold.batches, 0),
        observations: channels.reduce((sum, { overTold }) => sum + overTold.observations, 0),
      },
      latency: { p50: rounded(this.#latency.quantile(0.5)), p99: rounded(this.#latency.quantile(0.99)) },
      channels,
    };
  }

  /** The books of each machine and hour, with those of the ledger. */
  books(channels: readonly ChannelReport[]): MachineBooks[] {
    return this.#books.report(channels);
  }

  #addBatch(received: ReceivedBatch): void {
    const { batch, late, arrivedAt } = received;
    this.#books.add(received);
    this.#machines.add(machineKey(batch));
    this.#counts.batches += 1;
    if (late && !batch.historical) this.#counts.late += 1;
    if (batch.kind === 'telemetry') this.#addTelemetry(batch, arrivedAt);
    else if (batch.kind === 'rollup') this.#addRollups(batch);
    else if (batch.kind === 'event') this.#addEvents(batch);
    else this.#counts.alerts += batch.alerts.length;
  }

  #addTelemetry({ tenant, gateway, t0, signals, historical }: TelemetryBatch, arrivedAt: number): void {
    const liveFrom = Math.max(this.#liveFrom, this.#births.get(`${tenant}/${gateway}`) ?? 0);
    for (const { t } of Object.values(signals)) {
      this.#counts.observations += t.length;
      if (historical) continue;
      for (const offset of t) if (t0 + offset >= liveFrom) this.#latency.add(arrivedAt - t0 - offset);
    }
  }

  #addRollups({ rollups }: RollupBatch): void {
    for (const { n, regular } of Object.values(rollups)) {
      if (regular !== true) for (const count of n) this.#counts.rolledUp += count;
    }
  }

  #addEvents({ events }: EventBatch): void {
    this.#counts.events += events.length;
    this.#counts.gaps += events.filter(({ type }) => type === 'gap').length;
  }

  /** What a gateway had kept while it was offline is not live. */
  #addStatus({ tenant, gateway, status, t, since = t }: Status): void {
    if (status === 'online' && since !== undefined) this.#births.set(`${tenant}/${gateway}`, since);
  }
}

function rounded(value: number | undefined): number | null {
  return value === undefined ? null : Math.round(value * 10) / 10;
}
