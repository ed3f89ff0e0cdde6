import { Fault, messageOf } from '../../../errors.ts';
import type { Found, Probed, ProbedMachine, ProbeOptions, Toolbox } from '../../toolbox.ts';
import { LinkDown } from '../errors.ts';
import type { LinkAddress } from '../url.ts';
import { guesses } from './guesses.ts';
import { identification, nameOf } from './identification.ts';
import { locate } from './locate.ts';
import { search } from './search.ts';
import { Session } from './session.ts';
import { candidateText, named, rawSignals, type Suggestion } from './suggest.ts';
import { targetOf, urlOf } from './target.ts';
import { type Contents, contentsOf, rangesText, registersOf, sizeText } from './unit-probe.ts';
import { presence, usualUnits } from './units.ts';

/** For all of `identify`. */
const IDENTIFY_MS = 5000;
/** For one answer of it. */
const ANSWER_MS = 1000;
/** For one answer of a probe, the time on the wire not counted. */
const PROBE_ANSWER_MS = 1000;
/** Candidates that are told for each value, beside the best. */
const MAX_CANDIDATES = 4;
/** Fewer bits of evidence come about by chance in a few hundred registers. */
const WEAK_EVIDENCE = 12;

export const toolbox: Toolbox = { identify, probe };

/** Few harmless questions: does one of the usual units read, or refuse to read, holding register 0; who is it. */
async function identify(host: string, port: number, signal: AbortSignal): Promise<Found[]> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(IDENTIFY_MS)]);
  const link: LinkAddress = { kind: 'tcp', key: `${host}:${port}`, host, port };
  using session = new Session(link, limit);
  try {
    for (const unit of usualUnits('tcp')) {
      if ((await presence(session, unit, ANSWER_MS)) !== 'answers') continue;
      const facts = await identification(session, unit, ANSWER_MS);
      return [{ url: urlOf(link, unit), name: nameOf(facts) ?? `Modbus unit ${unit}`, facts }];
    }
    return [];
  } catch (error) {
    signal.throwIfAborted();
    // Nothing there, something that hangs up on what it does not understand, or no time left: no Modbus device.
    if (limit.aborted || error instanceof LinkDown || error instanceof Fault) return [];
    throw error;
  }
}

async function probe(text: string, options: ProbeOptions, signal: AbortSignal): Promise<Probed> {
  const target = targetOf(text);
  using sessions = new DisposableStack();
  const open = (link: LinkAddress) => sessions.use(new Session(link, signal));
  try {
    const { link, session, units, notes } = await locate(target, open, options.tell, signal);
    const facts: (readonly [string, string])[] = [];
    const machines: ProbedMachine[] = [];
    const own: string[] = [...notes];
    for (const unit of units) {
      const prefix = units.length > 1 ? `unit ${unit}: ` : '';
      const one = await probeUnit({ session, link, unit, share: 1 / units.length }, options, signal);
      facts.push(...one.facts.map(([label, said]) => [`${prefix}${label}`, said] as const));
      machines.push(...one.machines);
      own.push(...one.notes.map((note) => `${prefix}${note}`));
    }
    return { facts, machines, notes: own };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LinkDown) throw broken(target.link, error);
    throw error;
  }
}

function broken({ key, kind }: LinkAddress, error: LinkDown): Fault {
  return new Fault('machine', `${key}: ${messageOf(error)}`, {
    hint:
      kind === 'tcp'
        ? 'check that the port is that of Modbus/TCP, and that no other client holds the connection a device may limit'
        : 'check the adapter and its cable',
    cause: error,
  });
}

interface UnitAt {
  readonly session: Session;
  readonly link: LinkAddress;
  readonly unit: number;
  /** Of the time for all units. */
  readonly share: number;
}

async function probeUnit(at: UnitAt, options: ProbeOptions, signal: AbortSignal): Promise<Probed> {
  const { tell, expect = [] } = options;
  const { session, link, unit } = at;
  tell(`unit ${unit}: asking what it is`);
  const identity = await identification(session, unit, PROBE_ANSWER_MS);
  const contents = await contentsOf({ ...at, kind: link.kind, timeout: PROBE_ANSWER_MS, tell, signal });
  const { signals, notes } = signalsOf(contents, expect);
  const url = urlOf(link, unit);
  const { maxRegisters, maxBits } = contents.survey;
  const title = nameOf(identity) ?? `unit ${unit} at ${link.key}`;
  const machine: ProbedMachine = {
    id: idOf(identity, unit),
    title,
    settings: {
      url,
      ...(maxRegisters === undefined ? {} : { maxRegisters }),
      ...(maxBits === undefined ? {} : { maxBits }),
      signals: Object.fromEntries(signals.map(({ probed, settings }) => [probed.signal, settings])),
    },
    signals: signals.map(({ probed }) => probed),
  };
  return {
    facts: [
      ['url', url],
      ...Object.entries(identity),
      ...rangesText(contents.survey),
      ['readable', `${sizeText(contents.survey)}, found with ${contents.survey.requests} requests`],
      ...(maxRegisters === undefined ? [] : [['registers at once', String(maxRegisters)] as const]),
      ...(maxBits === undefined ? [] : [['bits at once', String(maxBits)] as const]),
    ],
    machines: signals.length === 0 ? [] : [machine],
    notes: [...limitNotes(contents), ...notes],
  };
}

/** What was looked for, else what speaks. */
function signalsOf(
  { samples, survey }: Contents,
  expect: readonly number[],
): { signals: Suggestion[]; notes: string[] } {
  const runs = registersOf(samples);
  if (samples.length === 0)
    return { signals: [], notes: ['no address was found that can be read: its manual tells them'] };
  const signals: Suggestion[] = [];
  const notes: string[] = [];
  for (const wanted of expect) {
    const candidates = search(wanted, runs, survey.maxRegisters);
    const [best, ...others] = candidates;
    if (best === undefined) {
      notes.push(
        `${wanted}: no register shows it now; read the panel again while the machine holds the value, with all its digits`,
      );
      continue;
    }
    signals.push(named(wanted, best));
    notes.push(`${wanted}: ${candidateText(best)}${best.score < WEAK_EVIDENCE ? ', which may be chance' : ''}`);
    notes.push(...others.slice(0, MAX_CANDIDATES).map((other) => `${wanted}: or ${candidateText(other)}`));
    if (others.length > MAX_CANDIDATES) {
      notes.push(
        `${wanted}: ${others.length - MAX_CANDIDATES} more ways to read it: probe again when the panel shows another value`,
      );
    }
  }
  if (signals.length > 0) {
    notes.push('name the signals after what they are: rpm (rev/min) and feed_mm_min (mm/min) are the canonical ones');
    return { signals, notes };
  }
  return {
    signals: rawSignals(samples),
    notes: [...notes, ...guesses(runs), 'the signals are raw registers: --expect VALUE finds what the panel shows'],
  };
}

function limitNotes({ survey, left }: Contents): string[] {
  return [
    ...(survey.isComplete ? [] : [`the search was ended after ${survey.requests} requests: there may be more to read`]),
    ...(left > 0 ? [`${left} more readable places were not looked into`] : []),
    ...(survey.absent.length > 0 ? [`it has no ${survey.absent.map((table) => `${table} table`).join(', no ')}`] : []),
  ];
}

function idOf(identity: Readonly<Record<string, string>>, unit: number): string {
  const { name, model, product } = identity;
  const text = (name ?? model ?? product ?? '').toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const clean = text.replace(/^-+|-+$/g, '').slice(0, 40);
  return clean === '' ? `modbus-${unit}` : clean;
}
