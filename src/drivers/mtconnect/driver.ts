import { readFile } from 'node:fs/promises';
import { Fault, messageOf } from '../../errors.ts';
import type { Cursor, Reading } from '../../observation.ts';
import type { Driver, DriverContext, Vital } from '../driver.ts';
import { AgentClient, SILENT_HEARTBEATS } from './agent.ts';
import { ClockSkew } from './clock-skew.ts';
import { NoDocument } from './document.ts';
import { Follower, type Habits } from './follow.ts';
import { Pacer } from './pacer.ts';
import { Session } from './session.ts';
import type { MtconnectSettings } from './settings.ts';
import { vitalsOf } from './vitals.ts';

/**
 * Reads one device of an MTConnect agent: probe, then from the cursor or a snapshot, then whatever follows. Each call of
 * `observe` is one connection; what broke it is thrown, and the next call goes on from the cursor. The cursor holds the
 * agent's instanceId and the nextSequence of the last document that was yielded, so nothing is yielded twice after a resume.
 */
export class MtconnectDriver implements Driver {
  readonly #settings: MtconnectSettings;
  readonly #context: DriverContext;
  readonly #pacer = new Pacer();
  readonly #habits: Habits = { skew: new ClockSkew(), streamBarredUntil: 0, barReason: undefined, spoiled: undefined };

  #follower: Follower | undefined;

  constructor(settings: MtconnectSettings, context: DriverContext) {
    this.#settings = settings;
    this.#context = context;
  }

  get patience(): number {
    const { pollInterval, heartbeat, requestTimeout } = this.#settings;
    return Math.max(pollInterval, SILENT_HEARTBEATS * heartbeat) + requestTimeout;
  }

  async *observe(from: Cursor | undefined, signal: AbortSignal): AsyncGenerator<Reading> {
    try {
      yield* this.#connect(from, signal);
    } catch (error) {
      // Whatever the abort broke, the abort is why.
      signal.throwIfAborted();
      if (error instanceof NoDocument) this.#context.sign?.('unreadable');
      throw error;
    } finally {
      this.#follower = undefined;
    }
  }

  vitals(): readonly Vital[] {
    return this.#follower === undefined ? [] : vitalsOf(this.#follower.running);
  }

  async *#connect(from: Cursor | undefined, signal: AbortSignal): AsyncGenerator<Reading> {
    const settings = this.#settings;
    const context = this.#context;
    const heard = () => context.sign?.('answer');
    const client = new AgentClient({ ...settings, ca: await readCa(settings.ca), heard });
    const session = await Session.open({ client, settings, context, pacer: this.#pacer }, signal);
    yield { observations: [], events: [session.model] };
    yield* session.start(from);
    this.#follower = new Follower({ client, session, settings, context, habits: this.#habits }, signal);
    yield* this.#follower.run();
  }
}

/** Read at each connect, so that a renewed file counts. */
async function readCa(path: string | undefined): Promise<string | undefined> {
  try {
    return path === undefined ? undefined : await readFile(path, 'utf8');
  } catch (cause) {
    throw new Fault('config', `ca: ${messageOf(cause)}`, { hint: 'give the path of a readable PEM file', cause });
  }
}
