import { Fault } from '../../errors.ts';
import type { Cursor, Gap, MachineEvent, MachineModel, Reading } from '../../observation.ts';
import type { DriverContext } from '../driver.ts';
import { type AgentClient, Refusal } from './agent.ts';
import { type Place, type Position, place, positionOf, toCursor } from './cursor.ts';
import { type Decoded, Decoder, type Window } from './decode.ts';
import {
  type DeviceStream,
  type RawObservation,
  type StreamsDocument,
  type StreamsHeader,
  UnreadableDocument,
  wholeNumber,
} from './document.ts';
import { type Mapping, mapDevice } from './mapping.ts';
import { type AgentModel, agentModel, type DeviceModel, labelOf, selectDevice } from './model.ts';
import type { Pacer } from './pacer.ts';
import type { MtconnectSettings } from './settings.ts';

/**
 * Where to land behind an overrun, as a part of the buffer: at its first observation, which rolls out while it is asked
 * for when the agent is busy, and then ever further ahead.
 */
const LANDINGS = [0, 0.02, 0.1, 0.5];

/** What a session is made of. */
export interface SessionOptions {
  readonly client: AgentClient;
  readonly settings: MtconnectSettings;
  readonly context: DriverContext;
  readonly pacer: Pacer;
}

/** A `current`: where only its header can be read, that tells where to go on. */
type Snapshot = StreamsDocument | UnreadableDocument;

/** Of a document whose content cannot be read. */
const NOTHING: Decoded = { observations: [], unreadable: 0, badValues: 0, taken: 0, last: 0 };

/** What became of a document of a stream or poll. */
export type Digested = 'read' | 'moved';

/**
 * One connection to one device of an agent: what the probe said, where reading stands and what later documents build
 * on. Its generators yield readings in the agent's order and move the position along with the cursor that they yield.
 */
export class Session {
  readonly #options: SessionOptions;
  readonly #signal: AbortSignal;
  #agent: AgentModel;
  #device: DeviceModel;
  #mapping: Mapping;
  #decoder: Decoder;
  /** Undefined until `start` has read something. */
  #position: Position | undefined;
  #modelChange: string | undefined;
  /** The last move ended in the present, and nothing has been read since. */
  #stranded = false;
  /** What comes next was already asked for again, because of a model that had changed. */
  #rereads = false;
  #toldBadValues = false;

  private constructor(options: SessionOptions, agent: AgentModel, signal: AbortSignal) {
    const { client, settings } = options;
    this.#options = options;
    this.#signal = signal;
    this.#agent = agent;
    this.#device = selectDevice(agent, settings.device, client.url);
    this.#mapping = mapDevice(this.#device, settings.signals);
    this.#decoder = new Decoder(this.#mapping);
    this.#modelChange = agent.header.deviceModelChangeTime;
  }

  /**
   * Probes the agent.
   * @throws Fault of the machine, or of the config where the device or a signal is not there; the abort reason
   */
  static async open(options: SessionOptions, signal: AbortSignal): Promise<Session> {
    return new Session(options, agentModel(await options.client.probe(signal)), signal);
  }

  /** What the machine is, for its `event` topic. */
  get model(): MachineModel {
    const { header } = this.#agent;
    const { name, uuid, manufacturer, model, serialNumber, description } = this.#device;
    const facts = {
      name,
      uuid,
      manufacturer,
      model,
      serialNumber,
      description,
      agentVersion: header.agentVersion,
      schemaVersion: header.schemaVersion,
      bufferSize: header.bufferSize,
    };
    return {
      type: 'machine',
      t: this.#now,
      model: Object.fromEntries(
        Object.entries(facts).filter(([, fact]) => fact !== undefined),
      ) as MachineModel['model'],
      signals: Object.fromEntries(this.#mapping.signals),
    };
  }

  /** Versions of the agent's software and of the standard that it follows. */
  get versions(): Pick<AgentModel['header'], 'agentVersion' | 'schemaVersion'> {
    return this.#agent.header;
  }

  /** The device's part of request paths; none is needed where nothing else shares the agent. */
  get path(): string | undefined {
    return this.#agent.streams === 1 ? undefined : (this.#device.name ?? this.#device.uuid);
  }

  /** What to sample next. */
  get from(): number {
    return this.#position?.next ?? 0;
  }

  /** Observations to ask for at once: agents refuse more than their buffer holds. */
  get count(): number {
    return Math.max(
      1,
      Math.min(this.#options.settings.count, this.#agent.header.bufferSize ?? Number.POSITIVE_INFINITY),
    );
  }

  /** Goes on from a cursor of this device, or begins with a snapshot. */
  async *start(cursor: Cursor | undefined): AsyncGenerator<Reading> {
    const position = positionOf(cursor, this.#deviceKey);
    const current = await this.#current();
    const { header } = current;
    if (position === undefined) {
      const decoded = this.#decode(current, { snapshot: true });
      yield this.#reading(decoded, header.nextSequence, header, this.#untold(current, null));
      return;
    }
    this.#position = position;
    const where = place(position, header);
    if (where === 'inside') await this.#prime(position.next, header);
    else yield* this.#move(where, position);
  }

  /** Whether an unreadable document is the answer to where we are, so that what lies behind it can be read. */
  isAhead({ header }: UnreadableDocument): boolean {
    return place(this.#required, header) === 'inside' && header.nextSequence > this.from;
  }

  /** Passes over a document of a single observation that stays unreadable. */
  skip({ header }: UnreadableDocument): Reading {
    return this.#reading({ ...NOTHING, unreadable: 1 }, header.nextSequence, header);
  }

  /** After the agent has refused where we are: finds out why and goes on where that is possible. */
  async *relocate(): AsyncGenerator<Reading> {
    const position = this.#required;
    const where = place(position, (await this.#current()).header);
    // Inside: it may be a hiccup, and the next request will tell.
    if (where !== 'inside') yield* this.#move(where, position);
  }

  /**
   * Reads a document that was asked for from `from`. Returns `moved` where reading goes on elsewhere, so that a stream
   * must be opened anew.
   */
  async *digest(document: StreamsDocument): AsyncGenerator<Reading, Digested> {
    const position = this.#required;
    const where = this.#placeOf(document, position);
    if (where !== 'inside') {
      yield* this.#move(where, position);
      return 'moved';
    }
    const { header } = document;
    if (header.deviceModelChangeTime !== this.#modelChange) {
      await this.#options.pacer.hold(this.#signal);
      yield { observations: [], events: [await this.#reprobe(header.deviceModelChangeTime)] };
      // An agent resolves a request's items when it comes: what new items said since is read again from here, unless
      // it tells another time with each answer.
      this.#rereads = !this.#rereads;
      if (this.#rereads) return 'moved';
    }
    this.#rereads = false;
    const decoded = this.#decode(document, { snapshot: false, from: position.next });
    // An idle agent's nextSequence may lag behind what it has sent: never back.
    yield this.#reading(decoded, Math.max(position.next, nextBehind(decoded, header)), header);
    this.#stranded = false;
    return 'read';
  }

  get #now(): number {
    return this.#options.context.clock.now();
  }

  get #required(): Position {
    if (this.#position === undefined) throw new Error('the session has not been started');
    return this.#position;
  }

  get #deviceKey(): string {
    return this.#device.uuid ?? labelOf(this.#device);
  }

  #current(at?: number): Promise<Snapshot> {
    return this.#options.client.current(this.path, at, this.#signal).catch(headerAlone);
  }

  #decode(document: Snapshot, window: Window): Decoded {
    if (document instanceof UnreadableDocument) return NOTHING;
    const decoded = this.#decoder.decode(this.#observationsOf(document), window);
    const { lastSequence } = document.header;
    if (!window.snapshot && decoded.last > lastSequence) {
      // They would come again with the next document.
      const what = `lastSequence ${lastSequence} lies before its observation ${decoded.last}`;
      throw new Fault('machine', `${this.#options.client.url} sent a document whose ${what}`, {
        hint: 'the agent does not follow the standard: update it',
      });
    }
    if (decoded.badValues > 0) {
      this.#options.context.log[this.#toldBadValues ? 'debug' : 'warn'](
        `${decoded.badValues} values are no numbers where numbers are due: sent as null`,
      );
      this.#toldBadValues = true;
    }
    return decoded;
  }

  /** Only of our device: an agent may answer for all of them. */
  #observationsOf({ devices }: StreamsDocument): RawObservation[] {
    const { name, uuid } = this.#device;
    const isOurs = (stream: DeviceStream) =>
      (stream.uuid !== undefined && stream.uuid === uuid) || (stream.name !== undefined && stream.name === name);
    return devices.filter(isOurs).flatMap(({ observations }) => observations);
  }

  /** Where a position lies as seen from an answer to it. Some agents skip what has rolled over without a word. */
  #placeOf(document: StreamsDocument, position: Position): Place {
    const { header } = document;
    const where = place(position, header);
    if (where === 'inside') return where;
    const isThere = ({ element }: RawObservation) => {
      const sequence = wholeNumber(element.attribute('sequence')) ?? header.firstSequence;
      return sequence >= position.next && sequence < header.firstSequence;
    };
    return where === 'overrun' && this.#observationsOf(document).some(isThere) ? 'inside' : where;
  }

  /** Moves the position behind what was decoded. */
  #reading(decoded: Decoded, next: number, header: StreamsHeader, events: readonly MachineEvent[] = []): Reading {
    const lastTime = this.#position?.lastTime ?? null;
    const reached = decoded.observations.at(-1)?.t ?? lastTime;
    this.#position = { instanceId: header.instanceId, next, device: this.#deviceKey, lastTime: reached };
    const { observations, unreadable } = decoded;
    const to = observations.at(-1)?.t ?? this.#now;
    const lost = unreadable === 0 ? [] : [this.#unreadable(lastTime, unreadable, to)];
    return { observations, events: [...events, ...lost], cursor: toCursor(this.#position) };
  }

  /** That a snapshot could not be read. */
  #untold(snapshot: Snapshot, from: number | null): Gap[] {
    return snapshot instanceof UnreadableDocument ? [this.#unreadable(from, null, this.#now)] : [];
  }

  #unreadable(from: number | null, count: number | null, to: number): Gap {
    return { type: 'gap', t: this.#now, cause: 'unreadable', from, to, count, exact: count !== null };
  }

  /** Remembers, without telling it again, what was known just before `next`. */
  async #prime(next: number, header: StreamsHeader): Promise<void> {
    const at = Math.max(next - 1, header.firstSequence);
    if (at > header.lastSequence) return;
    try {
      this.#decode(await this.#current(at), { snapshot: true, from: next, until: next });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#options.context.log.debug(`begins with nothing remembered: ${error.message}`);
    }
  }

  /** @param change the deviceModelChangeTime that asks for it: a probe that tells another must not be repeated for ever */
  async #reprobe(change?: string): Promise<MachineModel> {
    const { client, settings } = this.#options;
    this.#agent = agentModel(await client.probe(this.#signal));
    this.#device = selectDevice(this.#agent, settings.device, client.url);
    this.#mapping = mapDevice(this.#device, settings.signals);
    this.#decoder.mapping = this.#mapping;
    this.#modelChange = change ?? this.#agent.header.deviceModelChangeTime;
    return this.model;
  }

  /** Goes on where the agent still has data, tells what was lost on the way, and what has not been. */
  async *#move(where: Exclude<Place, 'inside'>, lost: Position): AsyncGenerator<Reading> {
    if (this.#stranded) {
      throw new Fault(
        'machine',
        `${this.#options.client.url}: the agent’s buffer rolls over faster than it can be read`,
        {
          hint: 'raise the agent’s BufferSize',
        },
      );
    }
    if (where === 'restart') await this.#options.pacer.hold(this.#signal);
    const events: MachineEvent[] = where === 'restart' ? [await this.#reprobe()] : [];
    const known = where === 'restart' ? 0 : lost.next;
    const landing = await this.#land();
    if (where === 'overrun' && landing.next <= lost.next) await this.#options.pacer.hold(this.#signal);
    this.#decoder = new Decoder(this.#mapping);
    const until = landing.isPresent ? Number.POSITIVE_INFINITY : landing.next;
    const recovered = this.#decode(landing.snapshot, { snapshot: true, from: known, until });
    const sampled = landing.sample && this.#decode(landing.sample, { snapshot: false, from: landing.next });
    // The first values of a time series lie before its timestamp: what was recovered last may be later.
    const around = [recovered.observations.at(-1), sampled?.observations[0]].flatMap((one) => one?.t ?? []);
    const to = around.length === 0 ? this.#now : Math.max(...around);
    const gap = { from: lost.lastTime, to, lost, landing, recovered: recovered.taken };
    events.push(...(where === 'restart' ? this.#restartEvents(gap) : this.#overrunEvents(gap)));
    events.push(...this.#untold(landing.snapshot, lost.lastTime));
    yield this.#reading(recovered, landing.next, landing.snapshot.header, events);
    this.#stranded = landing.isPresent;
    if (landing.sample === undefined || sampled === undefined) return;
    yield this.#reading(sampled, nextBehind(sampled, landing.sample.header), landing.sample.header);
  }

  /**
   * Finds a sequence from which the agent can be read, with what was known before it. Where a busy agent rolls over
   * each of them before it can be asked for, or cannot tell the past, it is the present that counts.
   */
  async #land(): Promise<Landing> {
    const { client } = this.#options;
    for (const ahead of LANDINGS) {
      const { header } = await this.#current();
      const next = header.firstSequence + Math.floor((header.nextSequence - header.firstSequence) * ahead);
      try {
        const snapshot = await this.#current(next);
        const request = { device: this.path, from: next, count: this.count };
        const sample: Snapshot = await client.sample(request, this.#signal).catch(headerAlone);
        const position = { instanceId: header.instanceId, next, device: this.#deviceKey, lastTime: null };
        const isReadable = !(sample instanceof UnreadableDocument);
        const where = isReadable ? this.#placeOf(sample, position) : place(position, sample.header);
        // An unreadable one is asked for again, piece by piece.
        if (where === 'inside') return { next, snapshot, sample: isReadable ? sample : undefined, isPresent: false };
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        this.#options.context.log.debug(`cannot go on from ${next}: ${error.message}`);
      }
    }
    const snapshot = await this.#current();
    return { next: snapshot.header.nextSequence, snapshot, sample: undefined, isPresent: true };
  }

  #overrunEvents({ from, to, lost, landing, recovered }: Loss): MachineEvent[] {
    const count = landing.next - lost.next - recovered;
    if (count <= 0) return [];
    const detail = { instanceId: lost.instanceId, fromSequence: lost.next, toSequence: landing.next - 1 };
    // Sequence numbers are shared by all devices of the agent: only alone are they all ours.
    const exact = this.#agent.streams === 1;
    return [{ type: 'gap', t: this.#now, cause: 'agent-overrun', from, to, count, exact, detail }];
  }

  #restartEvents({ from, to, lost, landing }: Loss): MachineEvent[] {
    const { instanceId } = landing.snapshot.header;
    const detail = { instanceId, previousInstanceId: lost.instanceId, fromSequence: lost.next };
    const message = `the agent has restarted (instance ${lost.instanceId} → ${instanceId}): reading goes on at sequence ${landing.next}`;
    const t = this.#now;
    return [
      { type: 'gap', t, cause: 'agent-restart', from, to, count: null, exact: false, detail },
      { type: 'notice', t, code: 'agent-restart', message },
    ];
  }
}

/** A place to go on from. */
interface Landing {
  readonly next: number;
  /** What was known before it. */
  readonly snapshot: Snapshot;
  /** What the agent has from there on; undefined where it is still to be read. */
  readonly sample: StreamsDocument | undefined;
  /** All that the agent has kept is passed over. */
  readonly isPresent: boolean;
}

interface Loss {
  readonly from: number | null;
  readonly to: number;
  readonly lost: Position;
  readonly landing: Landing;
  readonly recovered: number;
}

function headerAlone(error: unknown): UnreadableDocument {
  if (error instanceof UnreadableDocument) return error;
  throw error;
}

/** Where to go on: an agent whose nextSequence is one of the observations that it has just sent would send them again. */
function nextBehind({ last }: Decoded, { nextSequence }: StreamsHeader): number {
  return Math.max(nextSequence, last + 1);
}
