import type { Instant } from '../../instant.ts';
import type { Observation, Value } from '../../observation.ts';
import { Conditions } from './conditions.ts';
import { DataSets } from './datasets.ts';
import { type RawObservation, wholeNumber } from './document.ts';
import { detached } from './element.ts';
import { ACTIVE_SUFFIX, type MappedItem, type Mapping, mapUnknown, type Target } from './mapping.ts';
import { StateTracker } from './state.ts';
import { parseTimestamp } from './timestamp.ts';
import { NOTHING, type Report, type Reported, readValues, UNAVAILABLE } from './values.ts';

/** What was made of a document. */
export interface Decoded {
  readonly observations: readonly Observation[];
  /** Sequence numbers of the agent that they came from: less than their number where one gives several. */
  readonly taken: number;
  /** Left out because their sequence, timestamp or id could not be read. */
  readonly unreadable: number;
  /** Sent as `null` because a number was due and something else stood there. */
  readonly badValues: number;
  /** The largest sequence number; 0 where there is none. */
  readonly last: number;
}

/** Which part of a document counts. */
export interface Window {
  /** A `current`: data sets are whole, and the state is told once at the end. */
  readonly snapshot: boolean;
  /** Observations before this sequence have been sent: they only refresh what is remembered. */
  readonly from?: number;
  /** Observations from this sequence on will come again. */
  readonly until?: number;
}

/** An observation whose identity could be read. */
interface Located {
  readonly raw: RawObservation;
  /** A view of the document. */
  readonly id: string;
  readonly sequence: number;
  readonly instant: Instant;
}

/**
 * Turns what a device reported into observations, in the order of the agent's sequence numbers. It remembers what later
 * documents build on (active conditions, data sets, the state), so one instance follows one agent instance, in order.
 */
export class Decoder {
  #mapping: Mapping;
  readonly #conditions = new Conditions();
  readonly #dataSets = new DataSets();
  readonly #state = new StateTracker();

  constructor(mapping: Mapping) {
    this.#mapping = mapping;
  }

  /** After the device's model has changed. What is remembered stays. */
  set mapping(mapping: Mapping) {
    this.#mapping = mapping;
  }

  decode(raws: readonly RawObservation[], { snapshot, from = 0, until = Number.POSITIVE_INFINITY }: Window): Decoded {
    const located = locate(raws);
    const observations: Observation[] = [];
    let taken = 0;
    let badValues = 0;
    let stateSince: Instant | undefined;
    for (const one of located) {
      const tells = one.sequence >= from && one.sequence < until;
      // A change that was applied must not be applied again; a snapshot tells what lies behind us.
      if (one.sequence < from && !snapshot) continue;
      const { element, category } = one.raw;
      const item =
        this.#mapping.items.get(one.id) ?? mapUnknown(detached(one.id), element.attribute('name'), this.#mapping);
      // A sample is parsed and gone.
      const text = category === 'SAMPLE' ? element.textView : element.text;
      const reports = this.#read(one, item, text, snapshot, one.sequence < until);
      if (tells) {
        taken += 1;
        for (const report of reports) {
          if (report.v === null && text !== UNAVAILABLE && category !== 'CONDITION') badValues += 1;
          for (const target of item.targets) observations.push(observe(target, report, text));
        }
      }
      if (item.drives === undefined || one.sequence >= until) continue;
      this.#state.note(item.drives, item.id, text);
      if (!tells) this.#state.changed();
      else if (snapshot) stateSince = one.instant;
      else if (this.#state.state.v !== null) observations.push(...stateAt(one.instant, this.#state.changed()));
    }
    if (stateSince !== undefined) observations.push(...stateAt(stateSince, this.#state.changed()));
    return {
      observations,
      taken,
      unreadable: raws.length - located.length,
      badValues,
      last: located.at(-1)?.sequence ?? 0,
    };
  }

  /** What an observation says, in the order of time, after what is remembered took note of it. */
  #read(one: Located, item: MappedItem, text: string, snapshot: boolean, isDue: boolean): Report[] {
    const { raw, instant } = one;
    if (raw.category === 'CONDITION') {
      // What comes again would find its own chain: it is left to then.
      if (!isDue) return [];
      const { level, active, q } = this.#conditions.report(item.id, raw);
      return [
        { instant, v: level, q },
        { instant, v: active, q, suffix: ACTIVE_SUFFIX },
      ];
    }
    if (!isSet(raw)) return readValues(raw, item, text, instant);
    if (text === UNAVAILABLE) {
      this.#dataSets.clear(item.id);
      return [{ instant, ...NOTHING }];
    }
    return [{ instant, v: this.#dataSets.report(item.id, raw.element, snapshot), q: 'good' }];
  }
}

function isSet({ type, element }: RawObservation): boolean {
  return type.endsWith('DataSet') || type.endsWith('Table') || element.child('Entry') !== undefined;
}

function stateAt({ t, ns }: Instant, state: Reported | undefined): Observation[] {
  return state === undefined ? [] : [{ signal: 'state', t, ns, ...state }];
}

function observe(target: Target, { suffix, instant, v, q }: Report, text: string): Observation {
  const { t, ns } = instant;
  const signal = suffix === undefined ? target.signal : target.signal + suffix;
  if (target.as === 'value') return { signal, t, ns, v: scale(v, target.factor), q };
  // The agent itself says that the machine is not there: that is good news of a kind.
  if (text === 'AVAILABLE' || text === UNAVAILABLE) return { signal, t, ns, v: text === 'AVAILABLE', q: 'good' };
  return { signal, t, ns, ...NOTHING };
}

/** Twelve digits are more than any sensor has, and hide what binary fractions add (0.07 × 60). */
function scale(v: Value, factor: number): Value {
  if (factor === 1) return v;
  if (typeof v === 'number') return Number((v * factor).toPrecision(12));
  return Array.isArray(v) ? v.map((one) => scale(one, factor)) : v;
}

/** In the order of the agent's sequence numbers. */
function locate(raws: readonly RawObservation[]): Located[] {
  const located: Located[] = [];
  for (const raw of raws) {
    const id = raw.element.attributeView('dataItemId');
    const sequence = wholeNumber(raw.element.attributeView('sequence'));
    const instant = parseTimestamp(raw.element.attributeView('timestamp') ?? '');
    if (id === undefined || id === '' || sequence === undefined || instant === undefined) continue;
    located.push({ raw, id, sequence, instant });
  }
  return located.sort((a, b) => a.sequence - b.sequence);
}
