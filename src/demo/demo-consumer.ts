import { untilAborted } from '../abort.ts';
import { Bell } from '../bell.ts';
import { type ReceiveOptions, receive } from '../consumer/consumer.ts';
import type { Received } from '../consumer/inbox.ts';
import type { LinkOptions } from '../consumer/link.ts';
import { Summary } from '../consumer/summary.ts';
import { observationsOf } from '../wire/codec.ts';
import type { WireAlert } from '../wire/contract.ts';
import type { Sighting, Tally } from './tally.ts';

/** What the consumer's own books say. */
export interface ConsumerFigures {
  readonly duplicatesRemoved: number;
  readonly missingBatches: number;
  readonly gaps: number;
  readonly invalid: number;
}

interface DemoConsumerOptions extends LinkOptions, Pick<ReceiveOptions, 'onLink'> {
  /** Told each step of an alert. */
  readonly onAlert?: (machine: string, alert: WireAlert) => void;
}

/** The reference consumer of the demo: enters what it receives into the tally. */
export class DemoConsumer implements AsyncDisposable {
  readonly #tally: Tally;
  readonly #onAlert: DemoConsumerOptions['onAlert'];
  readonly #stop = new AbortController();
  readonly #summary = new Summary();
  /** `machine signal` → the data item that it is read from, as the machine events say. */
  readonly #sources = new Map<string, string>();
  /** Came before the event that says what its signal is. */
  #unexplained: { sighting: Omit<Sighting, 'source'>; at: number }[] = [];
  readonly #contacts = new Set<string>();
  readonly #contact = new Bell();
  readonly #subscription: ReturnType<typeof receive>;
  readonly #ready = Promise.withResolvers<void>();
  #done: Promise<void> = Promise.resolve();

  private constructor({ onAlert, ...options }: DemoConsumerOptions, tally: Tally) {
    this.#tally = tally;
    this.#onAlert = onAlert;
    this.#subscription = receive({ ...options, signal: this.#stop.signal, onReady: this.#ready.resolve });
  }

  /** Resolves when the subscription stands. */
  static async connect(options: DemoConsumerOptions, tally: Tally): Promise<DemoConsumer> {
    const consumer = new DemoConsumer(options, tally);
    consumer.#done = consumer.#run();
    await Promise.race([consumer.#ready.promise, consumer.#done]);
    return consumer;
  }

  /** Resolves when telemetry of each of these machines has come. Rejects when `signal` aborts first. */
  async firstContact(machines: readonly string[], signal: AbortSignal): Promise<void> {
    while (!machines.every((machine) => this.#contacts.has(machine))) await untilAborted(this.#contact.heard(), signal);
  }

  /** Ends the subscription and sums up. */
  async summary(): Promise<ConsumerFigures> {
    await this[Symbol.asyncDispose]();
    const { duplicatesRemoved, missing, gaps, invalid, conflicts } = this.#summary.figures(
      this.#subscription.report(true),
    );
    return { duplicatesRemoved, missingBatches: missing, gaps, invalid: invalid + conflicts };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    for await (const received of this.#subscription) {
      this.#summary.add(received);
      if (received.type === 'batch') this.#take(received);
    }
  }

  #take({ batch, arrivedAt }: Extract<Received, { type: 'batch' }>): void {
    const { machine } = batch;
    if (batch.kind === 'event') {
      for (const event of batch.events) if (event.type === 'machine') this.#learn(machine, event.signals);
      return;
    }
    // A minute's figures are no observations: the books take them as lost.
    if (batch.kind === 'alert') for (const alert of batch.alerts) this.#onAlert?.(machine, alert);
    if (batch.kind !== 'telemetry') return;
    for (const { signal, t, ns, v } of observationsOf(batch)) {
      this.#enter({ machine, signal, micros: t * 1000 + Math.round(ns / 1000), value: v }, arrivedAt);
    }
    this.#contacts.add(machine);
    this.#contact.ring();
  }

  #learn(machine: string, signals: Readonly<Record<string, { source?: string | undefined }>>): void {
    for (const [signal, { source }] of Object.entries(signals)) {
      if (source !== undefined) this.#sources.set(`${machine} ${signal}`, source);
    }
    const waiting = this.#unexplained;
    this.#unexplained = [];
    for (const { sighting, at } of waiting) this.#enter(sighting, at);
  }

  #enter(sighting: Omit<Sighting, 'source'>, at: number): void {
    const source = this.#sources.get(`${sighting.machine} ${sighting.signal}`);
    if (source === undefined) this.#unexplained.push({ sighting, at });
    else this.#tally.addReceived({ ...sighting, source }, at);
  }
}
