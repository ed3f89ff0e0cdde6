import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../abort.ts';
import type { Config } from '../config/schema.ts';
import { explain } from '../errors.ts';
import type { Forwarder } from '../forwarder/forwarder.ts';
import type { HostWatch } from '../health/host.ts';
import type { Judgement, StageHealth } from '../health/judgement.ts';
import { residentBytes } from '../health/resident.ts';
import type { ServiceManager } from '../health/service-manager.ts';
import { type Remedy, type Stage, Watchdog } from '../health/watchdog.ts';
import type { Log } from '../log.ts';
import { isRead, type MachineEvent } from '../observation.ts';
import type { LocalOutbox } from '../outbox/local.ts';
import { type KnownEnd, markTold, record, records } from '../watchdog-record.ts';
import type { RunningMachine } from './machine-view.ts';
import type { Machines } from './machines.ts';

/** How often stages are looked at, and the main thread gives its sign of life. */
const LOOK_MS = 1000;
/** Too much memory for so long is no passing peak; or for as long as the watchdog waits, where that is less. */
const MEMORY_PATIENCE_MS = 15_000;
/** The record of why a process ends may take so long: the disk may be the reason. */
const RECORD_MS = 500;
/** Records that are told at the start: those of this long ago at most. */
const TOLD_MS = 24 * 3_600_000;

export interface SupervisionOptions {
  readonly config: () => Config;
  readonly outbox: LocalOutbox;
  readonly machines: Machines;
  readonly forwarder: () => Forwarder | undefined;
  readonly restartUplink: () => void;
  readonly host: HostWatch;
  readonly log: Log;
  readonly manager: ServiceManager;
  /** See `Watched.beat`. */
  readonly beat: SharedArrayBuffer;
  /** The watchdog has done something; people and the books are told. */
  readonly told: (message: string, machine: string | undefined) => void;
  /** Ends the process in an orderly way, as far as that goes. `isHung`: a thread will not end by itself. */
  readonly end: (message: string, isHung: boolean) => void;
}

/** Watches whether everything that should progress does, brings back what does not, and tells the service manager. */
export class Supervision implements AsyncDisposable {
  readonly #options: SupervisionOptions;
  readonly #beats: Int32Array;
  readonly #beatTimer: NodeJS.Timeout;
  readonly #manager: ServiceManager;
  readonly #watchdog: Watchdog;
  readonly #before: readonly KnownEnd[];
  readonly #stop = new AbortController();
  #stages: readonly StageHealth[] = [];
  #isEnding = false;
  #tooMuchSince: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SupervisionOptions) {
    const { beat, config, manager } = options;
    this.#options = options;
    this.#beats = new Int32Array(beat);
    this.#beat();
    this.#beatTimer = setInterval(() => this.#beat(), LOOK_MS);
    this.#manager = manager;
    this.#before = records(config().gateway.dataDir);
    this.#watchdog = new Watchdog(
      this.#before.map(({ t }) => t),
      Date.now(),
      performance.now(),
    );
  }

  /** Everything was started: begins to watch, and tells what ended the process before. */
  start(): void {
    const { log, told, config, host } = this.#options;
    const last = this.#before.at(-1);
    if (last?.isTold === false && Date.now() - last.t < TOLD_MS) {
      const message = `the watchdog has restarted the gateway (${this.#before.length} times in all): ${last.message}`;
      log.warn({ stage: last.stage, at: last.t }, message);
      told(message, undefined);
      markTold(config().gateway.dataDir).catch((error: unknown) =>
        log.debug(`the next start will tell it again: ${explain(error)}`),
      );
    }
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    void this.#everySo(
      () => host.take(),
      () => config().gateway.heartbeat,
    );
    void this.#manager.ready(this.#status());
    const { watchdog } = this.#manager;
    if (watchdog !== undefined)
      void this.#everySo(
        () => this.#alive(),
        () => watchdog / 3,
      );
  }

  get judgement(): Judgement {
    const telling = this.#stages.filter(({ stage, state }) => stage !== 'driver' || !isWell(state));
    const healthy = !this.#isEnding && this.#stages.every(({ state }) => state !== 'stalled');
    return { healthy, stages: telling, processRestarts: this.#before.length };
  }

  /** How often each stage was restarted since the start. */
  get restarts(): readonly { readonly stage: string; readonly restarts: number }[] {
    return this.#watchdog.restarts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    clearInterval(this.#beatTimer);
    // A stop may take longer than the shortest limit, and is no freeze.
    Atomics.store(this.#beats, 0, 0);
    this.#stop.abort();
    await within(RECORD_MS, this.#manager.stopping());
  }

  async #everySo(work: () => Promise<unknown>, ms: () => number): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await work();
      await sleep(ms(), undefined, { ref: false, signal }).catch(() => undefined);
    }
  }

  /** Withheld once the process should be restarted: then the service manager does it, if we do not. */
  async #alive(): Promise<void> {
    if (!this.#isEnding) await this.#manager.alive(this.#status());
  }

  #status(): string {
    const { machines, forwarder } = this.#options;
    const read = machines.running().filter(({ pipeline }) => isRead(pipeline.figures.link)).length;
    const ailing = this.#stages.filter(({ state }) => !isWell(state)).map(({ stage }) => `; ${stage} ails`);
    return `${read} of ${machines.size} machines are read, uplink ${forwarder()?.status().state ?? 'is replaced'}${ailing.join('')}`;
  }

  #beat(): void {
    Atomics.add(this.#beats, 0, 1);
  }

  #look(): void {
    const { stages, remedies } = this.#watchdog.look(this.#stagesNow(), performance.now());
    this.#stages = stages;
    for (const remedy of remedies) this.#act(remedy);
  }

  #act({ stage, remedy }: Remedy): void {
    const { log, told } = this.#options;
    const { machine, message } = stage;
    if (remedy === 'restarted') {
      const what = `watchdog: ${stage.stage} was restarted: ${message}`;
      log.error({ stage: stage.stage, ...(machine === undefined ? {} : { machine }) }, what);
      told(what, machine);
    } else if (remedy === 'held-back') {
      log.error(
        { stage: stage.stage },
        `watchdog: ${message}. The process was restarted for such a reason of late: it is not again for now`,
      );
    } else if (!this.#isEnding) {
      this.#isEnding = true;
      void this.#endProcess(stage);
    }
  }

  async #endProcess({ stage, message }: Stage): Promise<void> {
    const { log, config, end } = this.#options;
    log.error({ stage }, `watchdog: ${message}: the process is restarted`);
    const recorded = record(config().gateway.dataDir, { t: Date.now(), stage, message }).catch((error: unknown) =>
      log.error(`watchdog: the restart cannot be recorded: ${explain(error)}`),
    );
    await within(RECORD_MS, recorded);
    end(`watchdog: ${message}`, stage === 'outbox');
  }

  *#stagesNow(): Generator<Stage> {
    const { config, outbox, machines, forwarder, restartUplink } = this.#options;
    const { watchdog: limit, maxMemory } = config().gateway;
    const { unanswered } = outbox;
    yield {
      ...{ stage: 'outbox', limit, isVital: true, stalledFor: unanswered },
      message: `the outbox has not answered for ${seconds(unanswered)}: its thread or the disk hangs`,
    };
    const uplink = forwarder()?.stalledFor ?? null;
    yield {
      ...{ stage: 'uplink', limit, isVital: true, stalledFor: uplink, restart: restartUplink },
      message: `the uplink has made no progress for ${seconds(uplink)} longer than it may`,
    };
    yield this.#memory(maxMemory, Math.min(limit, MEMORY_PATIENCE_MS));
    for (const machine of machines.running()) yield* this.#stagesOf(machine, limit);
  }

  #memory(maxMemory: number, limit: number): Stage {
    const rss = residentBytes() ?? 0;
    if (rss <= maxMemory) this.#tooMuchSince = undefined;
    else this.#tooMuchSince ??= performance.now();
    const since = this.#tooMuchSince;
    return {
      ...{ stage: 'memory', limit, isVital: true },
      stalledFor: since === undefined ? 0 : performance.now() - since,
      message: `the process takes ${mebibytes(rss)} of memory, more than gateway.maxMemory (${mebibytes(maxMemory)})`,
    };
  }

  *#stagesOf({ config, pipeline, supervisor }: RunningMachine, limit: number): Generator<Stage> {
    const { pulse, patience } = supervisor;
    const isHeldUp = pipeline.isHeldUp || this.#options.outbox.isRefused;
    // Many wait at once: once there is room, each has its whole time.
    if (isHeldUp && pulse.doing === 'handing-over') pulse.turnTo('handing-over');
    const silence = pulse.silence(performance.now());
    const machine = config.id;
    if (pulse.doing === 'handing-over') {
      yield {
        ...{ stage: 'pipeline', machine, limit, isVital: true },
        stalledFor: isHeldUp ? null : silence,
        message: `${machine}: what was read has not been taken for ${seconds(silence)}`,
      };
      return;
    }
    const beyond = pulse.doing === 'reading' ? Math.max(0, silence - patience) : null;
    const message = `${machine}: the driver has given no sign of life for ${seconds(silence)}`;
    const restart = () => supervisor.replace(message);
    yield { stage: 'driver', machine, limit, isVital: false, stalledFor: beyond, message, restart };
  }
}

export function noticeOf(message: string): MachineEvent {
  return { type: 'notice', t: Date.now(), code: 'watchdog', message };
}

function isWell(state: StageHealth['state']): boolean {
  return state === 'progress' || state === 'idle';
}

function seconds(ms: number | null): string {
  return `${Math.round((ms ?? 0) / 1000)} s`;
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
