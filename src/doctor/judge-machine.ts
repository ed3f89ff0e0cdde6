import { printable, valueText } from '../commission/printable.ts';
import { Fault, messageOf } from '../errors.ts';
import type { MachineEvent } from '../observation.ts';
import type { Finding } from './check.ts';
import type { MachineRecord, SignalRecord, Watched } from './machine-record.ts';
import { count, names, time } from './words.ts';

/** Beyond it a value is no spindle speed (rev/min) and no path feedrate (mm/min): the fastest machines stay below. */
const ABSURD: Readonly<Record<string, number>> = { rpm: 60_000, feed_mm_min: 240_000 };
const CANONICAL = ['rpm', 'feed_mm_min', 'state', 'available'];
/** Time stamps that differ by less agree: network and polling take their time, too. */
const SKEW_MS = 5000;
/** Of a value that is shown. */
const DIGITS = 6;
/** Characters of what a driver or a machine says. */
const MAX_TEXT = 400;
/** Facts of a machine that are told. */
const MAX_FACTS = 5;

/** What a driver that was watched tells of its machine. Pure. */
export function judgeMachine(watched: Watched): Finding[] {
  const { record, duration, vitals, fault } = watched;
  const { firstAt, failure } = record;
  if (firstAt === undefined || (failure !== undefined && !record.hasValue)) return [unreachable(watched)];
  const met: Finding[] = [
    { name: 'reachable', level: 'good', text: `first values after ${time(firstAt)}` },
    ...machine(record),
  ];
  // What a broken link leaves behind tells nothing of the machine.
  if (fault !== undefined || failure !== undefined) return [...met, broken(watched)];
  return [
    ...met,
    signals(record, duration),
    ...missing(record),
    ...Object.keys(ABSURD).flatMap((name) => plausible(name, record.signals.get(name))),
    ...life(record, duration),
    ...stamps(record),
    ...events(record.events),
    ...vitals.map((vital) => ({ ...vital, text: told(vital.text) })),
  ];
}

/** Observations a second, without those that came first. */
export function rateOf({ record, duration }: Watched): number {
  return record.firstAt === undefined ? 0 : (record.fresh * 1000) / Math.max(1, duration - record.firstAt);
}

/** Milliseconds by which fresh time stamps are behind our clock (negative: ahead); undefined where none came. */
export function skewOf({ record }: Watched): number | undefined {
  return record.leastAge;
}

function unreachable({ record, vitals, duration, fault }: Watched): Finding {
  const name = 'reachable';
  const ailing = vitals.find(({ level }) => level === 'bad');
  const hint = hintOf(fault) ?? ailing?.hint ?? 'check that it is switched on, its cable, and url in the config';
  const why = fault === undefined ? (record.failure ?? ailing?.text) : messageOf(fault);
  return { name, level: 'bad', text: told(why ?? `nothing was read within ${time(duration)}`), hint };
}

/** It was read, and then it ended. */
function broken({ record, vitals, fault }: Watched): Finding {
  const why = fault === undefined ? record.failure : messageOf(fault);
  const ailing = vitals.find(({ level }) => level === 'bad');
  const hint = hintOf(fault) ?? ailing?.hint ?? 'check its network and its load, and test again';
  return { name: 'link', level: 'bad', text: told(`the link broke: ${why}`), hint };
}

/** A machine's own words may hold anything. */
function told(text: string): string {
  return printable(text, MAX_TEXT);
}

function hintOf(fault: unknown): string | undefined {
  return fault instanceof Fault ? fault.hint : undefined;
}

function machine({ model }: MachineRecord): Finding[] {
  const facts = Object.values(model?.model ?? {}).filter((fact) => typeof fact === 'string' && fact !== '');
  if (facts.length === 0) return [];
  const text = [...new Set(facts)].slice(0, MAX_FACTS).map((fact) => printable(fact as string, 60));
  return [{ name: 'machine', level: 'good', text: text.join(', ') }];
}

function signals(record: MachineRecord, duration: number): Finding {
  const name = 'signals';
  const { unseen } = record;
  const seen = [...record.signals];
  const having = (quality: string) => seen.filter(([, { last }]) => last.q === quality).map(([signal]) => signal);
  const [good, uncertain, bad] = [having('good'), having('uncertain'), having('bad')];
  const all = seen.length + unseen.length;
  const total = `${good.length} of ${count(all, 'signal')} ${good.length === 1 ? 'has' : 'have'} a good value`;
  if (good.length === all) return { name, level: 'good', text: total };
  const rest = [
    ...(bad.length === 0 ? [] : [`no value: ${names(bad.map((one) => printable(one)))}`]),
    ...(uncertain.length === 0 ? [] : [`doubtful: ${names(uncertain.map((one) => printable(one)))}`]),
    ...(unseen.length === 0 ? [] : [`not read in ${time(duration)}: ${names(unseen.map((one) => printable(one)))}`]),
  ];
  const text = `${total}; ${rest.join('; ')}`;
  const isOff = record.signals.get('available')?.last.v === false;
  if (isOff)
    return {
      name,
      level: 'warn',
      text,
      hint: 'the machine is off or cut off from its agent: switch it on, and test again',
    };
  const values = having('good').filter((signal) => signal !== 'available');
  if (values.length + uncertain.length > 0) {
    return {
      name,
      level: 'warn',
      text,
      hint: 'check these in the config and at the machine; some have a value only while it runs',
    };
  }
  return { name, level: 'bad', text, hint: 'check the mapping in the config, and that the machine is on' };
}

function missing({ signals }: MachineRecord): Finding[] {
  const name = 'canonical signals';
  const lacking = CANONICAL.filter((signal) => !signals.has(signal));
  if (lacking.length === 0) return [{ name, level: 'good', text: CANONICAL.join(', ') }];
  const hint = 'map them in the config (signals, state); nothing is wrong where the machine has none';
  return [{ name, level: 'warn', text: `there is no ${lacking.join(', no ')}`, hint }];
}

function plausible(name: string, signal: SignalRecord | undefined): Finding[] {
  if (signal === undefined || signal.last.v === null) return [];
  const { v } = signal.last;
  const text = `reads ${valueText(typeof v === 'number' ? Number(v.toPrecision(DIGITS)) : v, undefined)}`;
  if (typeof v !== 'number')
    return [{ name, level: 'warn', text: `${text}, which is no number`, hint: 'check its mapping' }];
  if (v >= 0 && v <= (ABSURD[name] ?? 0)) return [{ name, level: 'good', text }];
  const what = v < 0 ? 'which is negative' : 'which no machine reaches';
  return [
    {
      name,
      level: 'warn',
      text: `${text}, ${what}`,
      hint: 'check its unit, scale, type and word order against the panel',
    },
  ];
}

function life(record: MachineRecord, duration: number): Finding[] {
  const name = 'rate';
  const watched = duration - (record.firstAt ?? 0);
  const rate = rateOf({ record, duration, vitals: [] });
  const text = `${rate.toFixed(1)} observations a second, in ${time(watched)}`;
  if (record.hasChanged) return [{ name, level: 'good', text }];
  const state = record.signals.get('state')?.last.v;
  const still = `nothing changed in ${time(watched)}`;
  if (state === 'idle' || state === 'stopped')
    return [{ name, level: 'good', text: `${still}: the machine is ${state}` }];
  const hint = 'move something at the machine and test again with a longer --for';
  return [{ name, level: 'warn', text: state === 'running' ? `${still}, though it runs` : still, hint }];
}

function stamps({ leastAge }: MachineRecord): Finding[] {
  if (leastAge === undefined) return [];
  const name = 'time stamps';
  const side = leastAge < 0 ? 'ahead of' : 'behind';
  if (Math.abs(leastAge) <= SKEW_MS) {
    return [{ name, level: 'good', text: `${time(Math.abs(leastAge))} ${side} the gateway’s clock` }];
  }
  const hint = 'set the clocks of the machine and the gateway by the same time server';
  return [{ name, level: 'warn', text: `${time(Math.abs(leastAge))} ${side} the gateway’s clock`, hint }];
}

function events(all: readonly MachineEvent[]): Finding[] {
  return [...new Map(all.flatMap(warning).map((finding) => [finding.text, finding])).values()];
}

function warning(event: MachineEvent): Finding[] {
  if (event.type === 'notice') return [{ name: event.code, level: 'warn', text: told(event.message) }];
  if (event.type === 'gap') {
    const text = `${event.count ?? 'an unknown number of'} observations were lost (${event.cause})`;
    return [{ name: 'gap', level: 'warn', text }];
  }
  if (event.type === 'driver' && event.state === 'failed' && event.message !== undefined) {
    return [{ name: 'link', level: 'warn', text: told(event.message) }];
  }
  return [];
}
