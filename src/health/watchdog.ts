import type { StageHealth } from './judgement.ts';

/** So often a part is restarted in a row before the process is. */
const MAX_RESTARTS = 3;
/** A process that was restarted by its watchdog is not again before this, doubling with each time up to the most. */
const PROCESS_PAUSE_MS = 60_000;
const PROCESS_PAUSE_MAX_MS = 3_600_000;
/** Restarts further apart than this are not in a row. */
const ROW_MS = 2 * PROCESS_PAUSE_MAX_MS;

/** Something that should make progress. */
export interface Stage {
  /** See `StageHealth`. */
  readonly stage: string;
  readonly machine?: string;
  /** Milliseconds without progress; 0: it progresses; null: there is nothing to do. By any steady clock. */
  readonly stalledFor: number | null;
  /** Milliseconds after which that is too long. */
  readonly limit: number;
  /** What does not progress, in words. */
  readonly message: string;
  /** Brings it back; left out where nothing but a new process does. */
  readonly restart?: () => void;
  /** Whether the process is restarted where nothing else helps; not for one machine among others. */
  readonly isVital: boolean;
}

interface Known {
  readonly stage: string;
  restarts: number;
  /** In a row. */
  tries: number;
  triedAt: number;
}

/** What the watchdog has done, for those who tell it. */
export interface Remedy {
  readonly stage: Stage;
  readonly remedy: 'restarted' | 'end-process' | 'held-back';
}

/**
 * Judges stages and decides what is done about those that stall: the part is restarted, up to three times in a row, then the
 * process, never sooner after the last time than a growing pause. Pure but for calling `restart`.
 */
export class Watchdog {
  readonly #known = new Map<string, Known>();
  readonly #mayEndAt: number;
  #isHeldBack = false;

  /**
   * @param ended when earlier processes were ended by their watchdog, wall clock, oldest first
   * @param now wall clock
   * @param steady `performance.now()`
   */
  constructor(ended: readonly number[], now: number, steady: number) {
    const last = ended.at(-1);
    const pause = pauseAfter(ended, now);
    this.#mayEndAt = last === undefined ? 0 : steady + Math.max(0, Math.min(pause, last + pause - now));
  }

  /** Looks at all stages. Restarts what can be; says what was done, and what is for the process to do. */
  look(stages: Iterable<Stage>, now: number): { readonly stages: StageHealth[]; readonly remedies: Remedy[] } {
    const remedies: Remedy[] = [];
    const healths = [...stages].map((stage) => this.#judge(stage, now, remedies));
    return { stages: healths, remedies };
  }

  /** How often each stage was restarted, those too that are not looked at now. */
  get restarts(): { readonly stage: string; readonly restarts: number }[] {
    const byStage = Map.groupBy(this.#known.values(), ({ stage }) => stage);
    return [...byStage].map(([stage, all]) => ({ stage, restarts: all.reduce((sum, one) => sum + one.restarts, 0) }));
  }

  #judge(stage: Stage, now: number, remedies: Remedy[]): StageHealth {
    const { stalledFor, limit, machine } = stage;
    const key = `${stage.stage} ${machine ?? ''}`;
    const known = this.#known.get(key) ?? {
      stage: stage.stage,
      restarts: 0,
      tries: 0,
      triedAt: Number.NEGATIVE_INFINITY,
    };
    this.#known.set(key, known);
    const isStalled = stalledFor !== null && stalledFor >= limit;
    const health = (state: StageHealth['state']): StageHealth => ({
      stage: stage.stage,
      ...(machine === undefined ? {} : { machine }),
      state,
      stalledFor: Math.round(stalledFor ?? 0),
      restarts: known.restarts,
      ...(state === 'progress' || state === 'idle' ? {} : { message: stage.message }),
    });
    if (!isStalled) {
      const isRecovering = now - known.triedAt < 2 * limit;
      if (!isRecovering) known.tries = 0;
      return health(stalledFor === null ? 'idle' : isRecovering ? 'recovering' : 'progress');
    }
    if (now - known.triedAt < limit) return health('recovering');
    if (stage.restart !== undefined && (known.tries < MAX_RESTARTS || !stage.isVital)) {
      known.tries += 1;
      known.restarts += 1;
      known.triedAt = now;
      stage.restart();
      remedies.push({ stage, remedy: 'restarted' });
      return health('recovering');
    }
    if (now >= this.#mayEndAt) remedies.push({ stage, remedy: 'end-process' });
    else if (!this.#isHeldBack) remedies.push({ stage, remedy: 'held-back' });
    this.#isHeldBack = true;
    return health('stalled');
  }
}

/** How long after the last of some restarts of the process the next one may come. Pure. */
export function pauseAfter(ended: readonly number[], now: number): number {
  let inRow = 0;
  let next = now;
  for (const t of ended.toReversed()) {
    if (next - t > ROW_MS) break;
    inRow += 1;
    next = t;
  }
  return inRow === 0 ? 0 : Math.min(PROCESS_PAUSE_MAX_MS, PROCESS_PAUSE_MS * 2 ** (inRow - 1));
}
