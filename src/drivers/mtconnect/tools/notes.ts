import { explain, type Fault } from '../../../errors.ts';
import type { ProbedMachine } from '../../toolbox.ts';
import type { Header } from '../document.ts';

/** Fewer are gone in seconds when a machine with a few axes runs. */
const SMALL_BUFFER = 1000;
/** How near a value must be to what the panel shows, as a part of it: a panel rounds, and the machine goes on. */
const NEAR = 0.01;

const MISSING = {
  rpm: 'no spindle speed was found',
  feed_mm_min: 'no path feedrate was found',
  state: 'no Execution was found, so the state stays unknown',
} as const;

/** What a probe saw, as far as notes come from it. */
export interface Seen {
  readonly header: Header;
  readonly machines: readonly ProbedMachine[];
  /** In words, where there is one. */
  readonly skew: string | undefined;
  /** Values that the panel shows. */
  readonly expect: readonly number[];
  /** Why no current values came. */
  readonly refused: Fault | undefined;
}

/** What a person should know of an agent, one sentence each. */
export function notesOf({ header, machines, skew, expect, refused }: Seen): string[] {
  const { bufferSize } = header;
  const notes = machines.flatMap((machine) => [...missing(machine), ...expected(machine, expect)]);
  if (machines.length === 0) notes.push('the agent serves no device: check its own device file');
  if (refused !== undefined) notes.push(`it told no values: ${explain(refused)}`);
  if (skew !== undefined) notes.push(`${skew}; set the clocks by NTP`);
  if (bufferSize !== undefined && bufferSize < SMALL_BUFFER) {
    notes.push(`the agent keeps only ${bufferSize} observations: an outage of the gateway soon costs data`);
  }
  return notes;
}

function missing({ title, signals }: ProbedMachine): string[] {
  const names = new Set(signals.map(({ signal }) => signal));
  const notes = Object.entries(MISSING)
    .filter(([signal]) => !names.has(signal))
    .map(
      ([signal, what]) => `${title}: ${what}; if it has one under another type, name it: signals: { ${signal}: ITEM }`,
    );
  const isOff = signals.some(({ signal, value }) => signal === 'available' && value === false);
  return isOff
    ? [...notes, `${title} is UNAVAILABLE to its agent: check that it is on, and the agent’s adapter`]
    : notes;
}

/** Which signals show what the panel shows. */
function expected({ title, signals }: ProbedMachine, expect: readonly number[]): string[] {
  return expect.map((wanted) => {
    const near = signals.filter(
      ({ value }) => typeof value === 'number' && Math.abs(value - wanted) <= Math.abs(wanted) * NEAR,
    );
    const names = near.map(({ signal, source, value }) => `${signal} (${source}) reads ${value}`);
    return `${title}: ${wanted} — ${names.join(', ') || 'no signal reads a value near it'}`;
  });
}
