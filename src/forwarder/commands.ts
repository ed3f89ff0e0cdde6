import { prettifyError } from 'zod';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Recall } from '../outbox/outbox.ts';
import { type Command, commandSchema, commandTopic, type Reply, replyTopic } from '../wire/command.ts';
import { CONTRACT_VERSION } from '../wire/contract.ts';
import { PROPERTIES } from './envelope.ts';
import type { Link } from './mqtt.ts';
import type { Identity } from './presence.ts';
import { publishHint, reasonText } from './reasons.ts';
import type { Replay } from './replay.ts';
import type { Told } from './told.ts';

/** Commands that are answered in a minute; more are passed over. */
const MAX_A_MINUTE = 60;
const MINUTE_MS = 60_000;
const MAX_COMMAND_BYTES = 4096;

export interface CommandsOptions {
  readonly identity: Identity;
  readonly log: Log;
  readonly clock: Clock;
  readonly told: Told;
  /** undefined: too many wait already */
  readonly replay: (request: Recall) => Replay | undefined;
  /** The cloud had the gateway do something. */
  readonly commanded: (detail: Readonly<Record<string, unknown>>) => void;
}

/** Takes commands from the cloud and answers them, where the config allows it. */
export class Commands {
  readonly #options: CommandsOptions;
  readonly #topic: string;
  readonly #replyTopic: string;
  /** The link that answers go out on: a replay may outlive the one that it was asked on. */
  #link: Link | undefined;
  #minute = 0;
  #count = 0;

  constructor(options: CommandsOptions) {
    const { tenant, id } = options.identity;
    this.#options = options;
    this.#topic = commandTopic(tenant, id);
    this.#replyTopic = replyTopic(tenant, id);
  }

  /** Subscribes on a link; a refusal is told, and is no reason to hold batches back. */
  async attach(link: Link): Promise<void> {
    this.#link = link;
    const [code = 0] = await link.subscribe([this.#topic], (topic, payload) => {
      if (topic === this.#topic) this.#take(payload);
    });
    if (code < 128) return;
    const what = `${this.#topic}: the broker refuses the subscription to commands: ${reasonText(code, undefined)}: ${publishHint(code)}`;
    if (this.#options.told.count(what) !== undefined) this.#options.log.warn(what);
  }

  #take(payload: Uint8Array): void {
    const { log, clock, told } = this.#options;
    if (!this.#isInTime(clock.now())) {
      const what = `${this.#topic}: more than ${MAX_A_MINUTE} commands a minute: the rest is passed over`;
      if (told.count(what) !== undefined) log.warn(what);
      return;
    }
    const command = parse(payload);
    if ('problem' in command) this.#reply({ id: command.id, status: 'refused', reason: command.problem });
    else this.#replay(command);
  }

  #replay({ id, machine, from, to = this.#options.clock.now() }: Command): void {
    const { log, replay, commanded } = this.#options;
    const running = replay({ machine, from, to });
    if (running === undefined) {
      this.#reply({ id, status: 'refused', reason: 'too many replays wait already' });
      return;
    }
    log.info({ machine, from, to }, `the cloud has asked for a replay (${id})`);
    commanded({ command: 'replay', id, machine, from, to });
    this.#reply({ id, status: 'accepted' });
    void running.done.then((figures) => this.#reply({ id, status: 'done', ...figures }));
  }

  #isInTime(now: number): boolean {
    const minute = Math.floor(now / MINUTE_MS);
    if (minute !== this.#minute) this.#count = 0;
    this.#minute = minute;
    this.#count += 1;
    return this.#count <= MAX_A_MINUTE;
  }

  #reply(reply: Omit<Reply, 'v' | 'tenant' | 'gateway' | 't'>): void {
    const { identity, clock } = this.#options;
    const { tenant, id: gateway } = identity;
    const message = { v: CONTRACT_VERSION, tenant, gateway, ...reply, t: clock.now() };
    const payload = Buffer.from(JSON.stringify(message));
    // QoS 0 takes no room in the broker's Receive Maximum.
    void this.#link?.publish(this.#replyTopic, payload, { qos: 0, properties: PROPERTIES });
  }
}

/** What a command says, or why it cannot be followed. Pure. */
export function parse(payload: Uint8Array): Command | { readonly problem: string; readonly id: string | null } {
  if (payload.length > MAX_COMMAND_BYTES) return { problem: `longer than ${MAX_COMMAND_BYTES} bytes`, id: null };
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload).toString());
  } catch {
    return { problem: 'no JSON', id: null };
  }
  const { success, data, error } = commandSchema.safeParse(value);
  if (success && (data.to ?? Number.POSITIVE_INFINITY) > data.from) return data;
  const id = (value as { id?: unknown } | null)?.id;
  const problem = success ? 'to must lie after from' : prettifyError(error);
  return { problem, id: typeof id === 'string' ? id.slice(0, 64) : null };
}
