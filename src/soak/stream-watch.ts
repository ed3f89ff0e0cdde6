import { type BookFigures, Books, type MachineBooks } from '../consumer/books.ts';
import { Histogram } from '../consumer/histogram.ts';
import type { Received } from '../consumer/inbox.ts';
import { type ChannelReport, countOf } from '../consumer/ledger.ts';
import type { OutboxStats } from '../outbox/outbox.ts';
import type { Range } from '../seq-ranges.ts';
import { machineKey } from '../wire/codec.ts';
import type { TelemetryBatch } from '../wire/contract.ts';

/** Milliseconds from the timestamp of an observation to its arrival; null: nothing live came. */
export interface Latency {
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** What came of a machine, and what did not. */
export interface MachineFigures {
  readonly machine: string;
  readonly batches: number;
  readonly observations: number;
  readonly alerts: number;
  /** Dropped by their key: they came more than once. */
  readonly duplicates: number;
  /** Batches between the first and the last one that came, without a gap that names them. */
  readonly missing: number;
  /** The same as runs of seq, by `kind/stream`. */
  readonly missingSeqs: Readonly<Record<string, readonly Range[]>>;
  /** Batches that the gateway had stored at the end and that did not come in time. */
  readonly behind: number;
  /** Losses that the gateway has told, by cause. */
  readonly gaps: BookFigures['gaps'];
  readonly latency: Latency;
}

/** What came over the broker. */
export interface StreamFigures {
  readonly machines: readonly MachineFigures[];
  readonly conflicts: number;
  readonly invalid: number;
  /** Alerts that began, by rule. */
  readonly alerts: Readonly<Record<string, number>>;
  /** How often the connection of the one who counts was lost. */
  readonly ownOutages: number;
}

/** What a gateway says that it has stored: of each numbering the last seq. */
export type StoredSeqs = OutboxStats['machines'];

interface Machine {
  alerts: number;
  duplicates: number;
  max: number | null;
  readonly latency: Histogram;
}

/** Keeps count of the stream of one gateway, machine by machine. Pure; in bounded memory for each machine. */
export class StreamWatch {
  readonly #books = new Books();
  readonly #machines = new Map<string, Machine>();
  readonly #alerts = new Map<string, number>();
  readonly #counts = { conflicts: 0, invalid: 0, ownOutages: 0 };
  /** What was stamped before has waited: since this subscription stands, and since the gateway connected. */
  #subscribedAt = 0;
  #connectedAt = 0;

  subscribed(now: number): void {
    this.#subscribedAt = now;
  }

  lost(): void {
    this.#counts.ownOutages += 1;
  }

  add(received: Received): void {
    if (received.type === 'problem') this.#counts.invalid += 1;
    else if (received.type === 'conflict') this.#counts.conflicts += 1;
    else if (received.type === 'duplicate') this.#machine(machineIn(received.key)).duplicates += 1;
    else if (received.type === 'status') {
      const { status, t = 0, since = t } = received.status;
      if (status === 'online') this.#connectedAt = since;
    } else if (received.type === 'batch') {
      const { batch, arrivedAt } = received;
      const machine = this.#machine(machineKey(batch));
      this.#books.add(received);
      if (batch.kind === 'telemetry' && batch.historical !== true) this.#addLatency(machine, batch, arrivedAt);
      if (batch.kind !== 'alert') return;
      machine.alerts += batch.alerts.length;
      for (const { rule, state, repeat } of batch.alerts) {
        if (state === 'firing' && repeat === undefined) this.#alerts.set(rule, (this.#alerts.get(rule) ?? 0) + 1);
      }
    }
  }

  /** With the books of the ledger, and with what the gateway says that it has stored; `expected`: `tenant/gateway/machine` of all. */
  figures(channels: readonly ChannelReport[], stored: StoredSeqs, expected: readonly string[]): StreamFigures {
    const books = new Map(this.#books.report(channels).map((one) => [one.machine, one]));
    const names = new Set([...expected, ...books.keys(), ...this.#machines.keys()]);
    return {
      ...this.#counts,
      alerts: Object.fromEntries(this.#alerts),
      machines: [...names].sort().map((name) => {
        const own = channels.filter(({ channel }) => machineIn(channel) === name);
        return this.#figuresOf(name, books.get(name), own, stored);
      }),
    };
  }

  #figuresOf(
    name: string,
    books: MachineBooks | undefined,
    channels: readonly ChannelReport[],
    stored: StoredSeqs,
  ): MachineFigures {
    const { alerts, duplicates, latency, max } = this.#machine(name);
    const holes = channels.filter(({ missing, awaited }) => missing.length + awaited.length > 0);
    return {
      machine: name.split('/')[2] ?? name,
      batches: books?.total.batches ?? 0,
      observations: books?.total.observations ?? 0,
      alerts,
      duplicates,
      missing: channels.reduce((sum, { missing, awaited }) => sum + countOf(missing) + countOf(awaited), 0),
      missingSeqs: Object.fromEntries(
        holes.map(({ channel, missing, awaited }) => [numberingOf(channel), [...missing, ...awaited]]),
      ),
      behind: behind(channels, stored),
      gaps: books?.total.gaps ?? {},
      latency: { p50: rounded(latency.quantile(0.5)), p99: rounded(latency.quantile(0.99)), max: rounded(max) },
    };
  }

  #addLatency(machine: Machine, { t0, signals }: TelemetryBatch, arrivedAt: number): void {
    const liveFrom = Math.max(this.#subscribedAt, this.#connectedAt);
    for (const { t } of Object.values(signals)) {
      for (const offset of t) {
        if (t0 + offset < liveFrom) continue;
        // Where the machine’s clock is ahead, nobody knows better than at once.
        const latency = Math.max(0, arrivedAt - t0 - offset);
        machine.latency.add(latency);
        machine.max = Math.max(machine.max ?? 0, latency);
      }
    }
  }

  #machine(name: string): Machine {
    const machine = this.#machines.get(name) ?? { alerts: 0, duplicates: 0, max: null, latency: new Histogram() };
    this.#machines.set(name, machine);
    return machine;
  }
}

/** Batches behind the last one that came, of each channel of a machine of which any came. */
function behind(channels: readonly ChannelReport[], stored: StoredSeqs): number {
  const last = new Map(channels.map((one) => [numberingOf(one.channel), one.last]));
  const own = new Set(channels.map(({ machine }) => machine));
  return stored
    .filter(({ machine }) => own.has(machine))
    .reduce((sum, { kind, stream, lastSeq }) => {
      const came = last.get(`${kind}/${stream}`);
      return sum + (came === undefined ? 0 : Math.max(0, lastSeq - came));
    }, 0);
}

/** `tenant/gateway/machine` of a channel or a batch key. */
function machineIn(name: string): string {
  return name.split('/').slice(0, 3).join('/');
}

/** `kind/stream` of a channel. */
function numberingOf(channel: string): string {
  return channel.split('/').slice(3).join('/');
}

function rounded(value: number | null | undefined): number | null {
  return value === undefined || value === null ? null : Math.round(value * 10) / 10;
}
