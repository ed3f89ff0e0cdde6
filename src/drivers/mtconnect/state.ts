import type { Quality } from '../../observation.ts';

/** The canonical `state`. */
export type MachineState = 'running' | 'idle' | 'stopped';

export interface DerivedState {
  readonly v: MachineState | null;
  /** `uncertain` where the machine was not there to say it. */
  readonly q: Quality;
}

/** What the state is derived from; undefined: not reported yet. */
export interface StateInputs {
  readonly execution: string | undefined;
  readonly available: string | undefined;
  /** Whether any emergency stop of the machine is triggered. */
  readonly emergencyStop: boolean;
}

/** MTConnect Part 3, Execution. READY and its like want nothing but a start; the stops want somebody to act. */
const BY_EXECUTION: Readonly<Record<string, MachineState>> = {
  ACTIVE: 'running',
  READY: 'idle',
  WAIT: 'idle',
  PROGRAM_COMPLETED: 'idle',
  STOPPED: 'stopped',
  INTERRUPTED: 'stopped',
  FEED_HOLD: 'stopped',
  PROGRAM_STOPPED: 'stopped',
  OPTIONAL_STOP: 'stopped',
};

/** First match wins: unavailable, emergency stop, the word of the Execution. A word outside the standard is `idle`, uncertain. */
export function deriveState({ execution, available, emergencyStop }: StateInputs): DerivedState {
  if (available === 'UNAVAILABLE') return { v: 'stopped', q: 'uncertain' };
  if (emergencyStop) return { v: 'stopped', q: 'good' };
  if (execution === undefined) return { v: null, q: 'bad' };
  if (execution === 'UNAVAILABLE') return { v: 'stopped', q: 'uncertain' };
  const known = Object.hasOwn(BY_EXECUTION, execution) ? BY_EXECUTION[execution] : undefined;
  return known === undefined ? { v: 'idle', q: 'uncertain' } : { v: known, q: 'good' };
}

/** Remembers what the state follows from and tells when it changes. */
export class StateTracker {
  #execution: string | undefined;
  #available: string | undefined;
  readonly #triggered = new Set<string>();
  #told: DerivedState | undefined;

  /** Takes one observation of an item that drives the state. */
  note(drives: 'execution' | 'availability' | 'estop', id: string, text: string): void {
    if (drives === 'execution') this.#execution = text;
    else if (drives === 'availability') this.#available = text;
    else if (text === 'TRIGGERED') this.#triggered.add(id);
    else this.#triggered.delete(id);
  }

  /** The state as it is now. */
  get state(): DerivedState {
    const emergencyStop = this.#triggered.size > 0;
    return deriveState({ execution: this.#execution, available: this.#available, emergencyStop });
  }

  /** The state if it differs from the one returned before; undefined if it does not. */
  changed(): DerivedState | undefined {
    const next = this.state;
    if (next.v === this.#told?.v && next.q === this.#told?.q) return undefined;
    this.#told = next;
    return next;
  }
}
