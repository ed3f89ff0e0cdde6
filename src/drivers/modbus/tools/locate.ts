import { Fault } from '../../../errors.ts';
import { LinkDown } from '../errors.ts';
import type { LinkAddress } from '../url.ts';
import { Session } from './session.ts';
import { lineText, type ProbeTarget, urlOf, withLine } from './target.ts';
import { allUnits, findUnits, type Presence, presence, usualUnits } from './units.ts';

/** For a unit that was named: it may be slow. */
const NAMED_UNIT_MS = 1000;
/** For a whole scan of unit ids. */
const SCAN_MS = 45_000;
/** Units that are looked into where none was named: each takes its time. */
const MAX_UNITS = 4;

/** What answers, and where. */
export interface Located {
  readonly link: LinkAddress;
  /** Open: a device that allows one client is not asked to take another. */
  readonly session: Session;
  /** At least one. */
  readonly units: readonly number[];
  readonly notes: readonly string[];
}

/**
 * Finds the setting of a serial line and the units that answer, as far as the URL leaves them open.
 * @param open makes a session, which its maker disposes of; all but the one that is given back are closed
 * @throws Fault of the machine that says what to do where nothing answers; LinkDown; the abort reason
 */
export async function locate(
  { link, unit, lines }: ProbeTarget,
  open: (link: LinkAddress) => Session,
  tell: (line: string) => void,
  signal: AbortSignal,
): Promise<Located> {
  const settings = lines.length === 0 ? [undefined] : lines;
  const asked: Presence[] = [];
  for (const line of settings) {
    const set = withLine(link, line);
    if (line !== undefined) tell(`trying ${lineText(line)}`);
    const session = open(set);
    if (unit !== undefined) {
      const answer = await presence(session, unit, NAMED_UNIT_MS);
      if (answer === 'answers') return { link: set, session, units: [unit], notes: [] };
      asked.push(answer);
      session.close();
      continue;
    }
    const isFirstOfDevice = set.kind === 'tcp';
    const usual = await findUnits(session, set.kind, usualUnits(set.kind), {
      tell,
      ms: SCAN_MS,
      isEnough: () => isFirstOfDevice,
    });
    if (usual.units.length > 0)
      return isFirstOfDevice ? ofDevice(set, session, usual.units) : await rest(set, session, tell);
    session.close();
  }
  if (unit !== undefined) throw await silentUnit({ link, unit, lines }, asked, signal);
  return await anywhere({ link, unit, lines }, open, tell);
}

/** A device that speaks TCP itself mostly answers to any unit id, so that the first is all there is to know. */
function ofDevice(link: LinkAddress, session: Session, units: readonly number[]): Located {
  const [first = 1] = units;
  const note = `if it is a gateway with serial units behind it, name the unit: ${urlOf(link, first).replace(/\d+$/, 'UNIT')}`;
  return { link, session, units: [first], notes: [note] };
}

/** The whole line, once it is known how it is set. */
async function rest(link: LinkAddress, session: Session, tell: (line: string) => void): Promise<Located> {
  tell('looking for further units');
  const { units, isComplete } = await findUnits(session, link.kind, allUnits(link.kind), { tell, ms: SCAN_MS });
  const others = units.slice(MAX_UNITS).map((unit) => urlOf(link, unit));
  return {
    link,
    session,
    units: units.slice(0, MAX_UNITS),
    notes: [
      ...(isComplete ? [] : ['not all unit ids could be asked in the time: name others with the unit in the URL']),
      ...(others.length > 0 ? [`more units answer, to be probed one by one: ${others.join(' ')}`] : []),
    ],
  };
}

/** Last, all unit ids, with the line set in the likeliest ways. */
async function anywhere(
  target: ProbeTarget,
  open: (link: LinkAddress) => Session,
  tell: (line: string) => void,
): Promise<Located> {
  const { link, lines } = target;
  const [first] = lines;
  const set = withLine(link, first);
  tell('no usual unit answers: asking all unit ids');
  const session = open(set);
  const { units } = await findUnits(session, link.kind, allUnits(link.kind), { tell, ms: SCAN_MS });
  if (units.length > 0) return { link: set, session, units: units.slice(0, MAX_UNITS), notes: [] };
  throw new Fault('machine', `${link.key}: no Modbus unit answers`, {
    hint:
      link.kind === 'rtu'
        ? 'check A and B (swap them), power, termination and the settings of the line, then name them: ?baud=9600&parity=none&unit=1'
        : 'check the port, and that the device speaks Modbus/TCP; a serial device server may carry RTU: modbus+rtutcp://',
  });
}

/** One sentence that says which unit would have answered, where one does. */
async function silentUnit(
  { link, unit = 0, lines }: ProbeTarget,
  asked: readonly Presence[],
  signal: AbortSignal,
): Promise<Fault> {
  const why = asked.includes('behind a gateway that cannot reach it')
    ? 'is not reached by the gateway in front of it'
    : asked.includes('garbled')
      ? 'answers garbled'
      : 'does not answer';
  const other = await neighbour(withLine(link, lines[0]), signal);
  const hint =
    other !== undefined
      ? `unit ${other.unit} does: probe ${other.url}, or leave the unit out to look for all`
      : link.kind === 'rtu'
        ? 'check the unit id, A and B, and the settings of the line; leave out what you do not know, and it is looked for'
        : 'check the unit id on the device, or leave it out to look for units';
  return new Fault('machine', `unit ${unit} at ${link.key} ${why}`, { hint });
}

async function neighbour(link: LinkAddress, signal: AbortSignal): Promise<{ unit: number; url: string } | undefined> {
  using session = new Session(link, signal);
  try {
    const { units } = await findUnits(session, link.kind, usualUnits(link.kind), {
      tell: () => undefined,
      ms: SCAN_MS,
      isEnough: () => true,
    });
    const [unit] = units;
    return unit === undefined ? undefined : { unit, url: urlOf(link, unit) };
  } catch (error) {
    signal.throwIfAborted();
    // The link broke meanwhile: there is nobody to name.
    if (error instanceof LinkDown || error instanceof Fault) return undefined;
    throw error;
  }
}
