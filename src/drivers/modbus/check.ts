import type { ConfiguredMachine, SettingsFinding } from '../driver.ts';
import { stateInputs } from '../state-rule.ts';
import { dataBytes } from './pdu.ts';
import { plan } from './plan.ts';
import { silenceMs, wireMs } from './rtu-frame.ts';
import type { settings } from './settings.ts';
import { resolveSignals } from './signals.ts';
import { type LinkAddress, parseModbusUrl } from './url.ts';

/** Bytes of a read and of its answer beside the data, on a serial wire (unit, function, address, quantity, CRC). */
const REQUEST_BYTES = 8;
const ANSWER_BYTES = 5;
/** What a usual device takes to think about it; only a guess for a warning. */
const THINKING_MS = 5;
/** A link that is busier than this share of the time has no room for a retry. */
const MAX_LOAD = 0.9;

type Machine = ConfiguredMachine<typeof settings>;

interface OnLink {
  readonly index: number;
  readonly machine: Machine;
  readonly link: LinkAddress;
  readonly unit: number;
}

/** What the signals of each machine, and all machines on the same link, cannot be or cannot do in time. */
export function check(machines: readonly Machine[]): SettingsFinding[] {
  const placed = machines.map(
    (machine, index): OnLink => ({ index, machine, ...parseModbusUrl(machine.settings.url) }),
  );
  const links = Map.groupBy(placed, ({ link }) => link.key);
  return [...placed.flatMap(checkMachine), ...[...links.values()].flatMap(checkLink)];
}

function checkMachine({ index, machine: { settings: own } }: OnLink): SettingsFinding[] {
  const findings: SettingsFinding[] = resolveSignals(own).problems.map(({ signal, key, message }) => ({
    machine: index,
    path: ['signals', signal, ...(key === undefined || own.signals[signal]?.[key] === undefined ? [] : [key])],
    message,
  }));
  const unknown =
    own.state === undefined ? [] : stateInputs(own.state).filter((name) => !Object.hasOwn(own.signals, name));
  if (unknown.length > 0) {
    findings.push({ machine: index, path: ['state'], message: `no such signal: ${unknown.join(', ')}` });
  }
  if (own.breaker.min > own.breaker.max) {
    findings.push({ machine: index, path: ['breaker', 'min'], message: 'is longer than breaker.max' });
  }
  return findings;
}

function checkLink(members: readonly OnLink[]): SettingsFinding[] {
  const [first, ...others] = members as readonly [OnLink, ...OnLink[]];
  const contradictions = others.flatMap(({ index, link }): SettingsFinding[] => {
    const what = contradiction(first.link, link);
    if (what === undefined) return [];
    const message = `${what} than machine ${first.machine.id}, which is on the same link: expected the same`;
    return [{ machine: index, path: ['url'], message }];
  });
  return [...contradictions, ...checkLoad(members), ...checkSilence(members)];
}

function contradiction(a: LinkAddress, b: LinkAddress): string | undefined {
  if (a.kind !== b.kind) return 'another protocol';
  if (a.kind !== 'rtu' || b.kind !== 'rtu') return undefined;
  return JSON.stringify(a.line) === JSON.stringify(b.line)
    ? undefined
    : 'other line settings (baud, parity, data, stop)';
}

/** Whether the polls of a link fit their intervals as long as everyone answers. */
function checkLoad(members: readonly OnLink[]): SettingsFinding[] {
  const loads = members.map((member) => ({ member, load: loadOf(member) }));
  const total = loads.reduce((sum, { load }) => sum + load, 0);
  const heaviest = loads.toSorted((a, b) => b.load - a.load)[0];
  if (total <= MAX_LOAD || heaviest === undefined) return [];
  const message =
    `the polls on ${heaviest.member.link.key} take about ${percent(total)} of the time, ${percent(heaviest.load)} for this ` +
    'machine: some would be skipped. Raise poll, read fewer signals, or raise the baud rate';
  return [{ machine: heaviest.member.index, path: ['poll'], message, level: 'warning' }];
}

/** Share of the time that a machine's polls take on its link, by what is known before anything has answered. */
function loadOf({ machine: { settings: own }, link }: OnLink): number {
  const groups = Map.groupBy(resolveSignals(own).signals, ({ every }) => every);
  return [...groups].reduce((sum, [every, signals]) => {
    const requests = plan(signals, own).map((block) => own.pause + requestMs(link, dataBytes(block)));
    return sum + requests.reduce((total, ms) => total + ms, 0) / every;
  }, 0);
}

function requestMs(link: LinkAddress, bytes: number): number {
  if (link.kind !== 'rtu') return 0;
  return wireMs(REQUEST_BYTES + ANSWER_BYTES + bytes, link.line) + 2 * silenceMs(link.line) + THINKING_MS;
}

/** Whether one round of timeouts on a link with several units fits the shortest poll interval. */
function checkSilence(members: readonly OnLink[]): SettingsFinding[] {
  const timeouts = new Map<number, number>();
  for (const { unit, machine } of members) {
    timeouts.set(unit, Math.max(timeouts.get(unit) ?? 0, machine.settings.timeout));
  }
  const [first] = members;
  if (timeouts.size < 2 || first === undefined) return [];
  const total = [...timeouts.values()].reduce((sum, timeout) => sum + timeout, 0);
  const every = members.flatMap(({ machine: { settings: own } }) => [
    ...Object.values(own.signals).map((signal) => signal.every ?? own.poll),
  ]);
  const shortest = Math.min(...every);
  if (total <= shortest) return [];
  const message =
    `if none of the ${timeouts.size} units on ${first.link.key} answered, asking each once would take ${total} ms, and the ` +
    `shortest poll is ${shortest} ms: until their breakers open, polls of the others are skipped. ` +
    `A timeout of ${Math.max(10, Math.floor(shortest / timeouts.size))} ms fits`;
  return [{ machine: first.index, path: ['timeout'], message, level: 'warning' }];
}

const percent = (share: number): string => `${Math.round(share * 100)} %`;
