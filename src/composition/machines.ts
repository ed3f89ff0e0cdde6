import { within } from '../abort.ts';
import type { ClockQuality } from '../clock.ts';
import type { Config, MachineConfig } from '../config/schema.ts';
import type { Driver, DriverModule } from '../drivers/driver.ts';
import { driverFolder } from '../drivers/folder.ts';
import { Pulse, type Sign } from '../drivers/pulse.ts';
import { Supervisor } from '../drivers/supervise.ts';
import { Fault } from '../errors.ts';
import type { GatewayClock } from '../gateway-clock.ts';
import type { Memories } from '../history/memories.ts';
import type { Log } from '../log.ts';
import { isRead, type MachineEvent, type Observation } from '../observation.ts';
import type { LocalOutbox } from '../outbox/local.ts';
import { whenFullOf } from '../outbox/outbox.ts';
import type { EngineSettings } from '../pipeline/engines.ts';
import { Totals } from '../pipeline/figures.ts';
import { MachinePipeline } from '../pipeline/machine-pipeline.ts';
import { type MachineEngines, noEngines } from '../pipeline/no-engines.ts';
import { Uncommitted } from '../pipeline/uncommitted.ts';
import { warmUp } from '../pipeline/warm-up.ts';
import { budgetOf } from './budget.ts';
import type { RunningMachine } from './machine-view.ts';
import type { Quotas } from './quotas.ts';
import type { RuleBook } from './rule-book.ts';

/** Bounds of an orderly stop, in milliseconds: drivers let go, the disk commits. */
const STOP_DRIVERS_MS = 1000;
const STOP_COMMIT_MS = 1500;

export interface MachinesOptions {
  readonly outbox: LocalOutbox;
  readonly clock: GatewayClock;
  readonly clockQuality: () => ClockQuality;
  readonly log: Log;
  readonly config: () => Config;
  readonly drivers: () => Readonly<Record<string, DriverModule>>;
  readonly rules: () => RuleBook;
  readonly memories: Memories;
  readonly quotas: Pick<Quotas, 'points' | 'toTell'>;
}

/** The machines that are read, each with its driver and its pipeline. */
export class Machines {
  /** Of all machines since the start. */
  readonly totals = new Totals();
  readonly #uncommitted = new Uncommitted();
  readonly #options: MachinesOptions;
  readonly #running = new Map<string, RunningMachine>();
  /** Each driver is loaded once, so that its machines share what it holds. */
  readonly #drivers = new Map<string, ReturnType<DriverModule['load']>>();
  /** Machine → signal → machines whose rules read it. */
  #readers = new Map<string, Map<string, Set<string>>>();

  constructor(options: MachinesOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#running.size;
  }

  /** Those that are read, in the order of their start. */
  running(): readonly RunningMachine[] {
    return [...this.#running.values()];
  }

  find(id: string): RunningMachine | undefined {
    return this.#running.get(id);
  }

  /** Until when a machine is known to be in the state that it told last; undefined: it is not read. */
  heldUntil(id: string): number | undefined {
    const link = this.#running.get(id)?.pipeline.figures.link;
    return link !== undefined && isRead(link) ? this.#options.clock.now() : undefined;
  }

  /** Brings the engines of these machines to where they were, and starts to read. */
  async start(configs: readonly MachineConfig[]): Promise<void> {
    const { outbox, clock } = this.#options;
    // Loading a protocol's library blocks for up to half a second: not while machines are polled already.
    await Promise.allSettled(configs.map((machine) => this.#loadDriver(machine)));
    const all = await this.#newEngines(configs);
    const warmed = await warmUp(all, outbox, clock.steady.now());
    for (const [i, config] of configs.entries()) await this.#startMachine(config, all[i] as MachineEngines);
    this.#readers = this.#findReaders();
    for (const { engines, derived } of warmed) this.#running.get(engines.machine)?.pipeline.emit(derived);
  }

  /** Lets go of machines and resolves when what they read is durable; false when the disk took too long. */
  async stop(ids: readonly string[] = [...this.#running.keys()]): Promise<boolean> {
    const stopping = ids.flatMap((id) => this.#running.get(id) ?? []);
    for (const { abort } of stopping) abort.abort(new Error('the gateway stops'));
    await within(STOP_DRIVERS_MS, Promise.all(stopping.map(({ done }) => done)));
    const drained = await within(STOP_COMMIT_MS, Promise.all(stopping.map(({ pipeline }) => pipeline.drain())));
    for (const id of ids) this.#running.delete(id);
    this.#readers = this.#findReaders();
    return drained;
  }

  /** Hands over what has been read. All at once: what is flushed together shares one commit, and the card one fsync. */
  flush(): void {
    for (const { pipeline } of this.#running.values()) pipeline.flush();
  }

  /** Lets event time go on where nothing is observed. */
  advance(): void {
    for (const { pipeline, engines } of this.#running.values()) if (!engines.isIdle) pipeline.advance();
  }

  /** To one machine, or to all. */
  tell(event: MachineEvent, machine?: string): void {
    for (const { config, pipeline } of this.#running.values()) {
      if (machine === undefined || machine === config.id) pipeline.tell(event);
    }
  }

  /** Somebody has seen the alert of a rule. Whether there was one. */
  acknowledge(machine: string, rule: string, by: string): boolean {
    return this.#running.get(machine)?.pipeline.acknowledge(rule, by) ?? false;
  }

  /** Where nothing is to be computed, the code that would is not loaded. */
  async #newEngines(configs: readonly MachineConfig[]): Promise<readonly MachineEngines[]> {
    const settings = { ...settingsOf(this.#options.config()), rules: this.#options.rules().rules };
    const { rules, features, rollups, oee = [], anomaly } = settings;
    const isAny = rules.length + oee.length > 0 || (features ?? rollups ?? anomaly) !== undefined;
    if (!isAny) return configs.map(({ id }) => noEngines(id));
    const { Engines } = await import('../pipeline/engines.ts');
    return configs.map(({ id, labels }) => new Engines({ machine: id, labels, ...settings }));
  }

  async #startMachine(config: MachineConfig, engines: MachineEngines): Promise<void> {
    const { outbox, clock, clockQuality, config: current, rules, memories } = this.#options;
    const { id: machine, labels } = config;
    const { tenant, id: gateway, site, dataDir } = current().gateway;
    const log = this.#options.log.child({ machine });
    const pulse = new Pulse();
    const folder = driverFolder(dataDir, config.driver);
    const newDriver = await this.#loadDriver(config).catch((error: unknown) => () => broken(error));
    let made = 0;
    const create = () => {
      made += 1;
      const own = made;
      // One that hung and was left behind may go on some day: it speaks for nobody.
      const sign = (what: Sign) => {
        if (own === made) pulse.sign(what);
      };
      try {
        return newDriver(config, { machine, log, clock, folder, sign });
      } catch (error) {
        return broken(error);
      }
    };
    const pipeline = new MachinePipeline({
      machine,
      labels,
      outbox,
      whenFull: () => whenFullOf(budgetOf(current()), machine),
      clock,
      steady: clock.steady,
      clockQuality,
      engines,
      channelsOf: (rule) => rules().channelsOf(rule),
      source: { tenant, gateway, site, labels },
      totals: this.totals,
      uncommitted: this.#uncommitted,
      latest: memories.of(machine).latest,
      lost: (gap) => memories.gap(machine, gap),
      toTell: this.#options.quotas.toTell,
      stored: this.#options.quotas.points,
      observed: (observation) => this.#observed(machine, observation),
      log,
    });
    const abort = new AbortController();
    const cursor = await outbox.cursor(machine);
    const supervisor = new Supervisor({ create, sink: pipeline, cursor, log, clock, pulse });
    const done = supervisor.run(abort.signal);
    this.#running.set(machine, { config, pipeline, engines, supervisor, abort, done });
  }

  async #loadDriver({ id, driver }: MachineConfig): ReturnType<DriverModule['load']> {
    const driverModule = this.#options.drivers()[driver];
    if (driverModule === undefined) throw new Fault('config', `${id}: there is no driver ${driver}`);
    const loading = this.#drivers.get(driver) ?? driverModule.load();
    this.#drivers.set(driver, loading);
    return loading;
  }

  #observed(machine: string, observation: Observation): void {
    this.#options.memories.observe(machine, observation);
    this.#share(machine, observation);
  }

  /** Hands an observation to the machines whose rules read it. */
  #share(machine: string, observation: Observation): void {
    if (this.#readers.size === 0) return;
    for (const reader of this.#readers.get(machine)?.get(observation.signal) ?? []) {
      this.#running.get(reader)?.pipeline.observeOther(machine, observation);
    }
  }

  #findReaders(): Map<string, Map<string, Set<string>>> {
    const readers = new Map<string, Map<string, Set<string>>>();
    for (const [reader, { engines }] of this.#running) {
      for (const { machine, signal } of engines.foreign) {
        const signals = readers.get(machine) ?? new Map<string, Set<string>>();
        readers.set(machine, signals);
        signals.set(signal, (signals.get(signal) ?? new Set()).add(reader));
      }
    }
    return readers;
  }
}

/** What the config wants to be computed, beside rules. */
function settingsOf({ features, rollups, oee, anomaly }: Config): Omit<EngineSettings, 'rules'> {
  return { features, rollups, oee, anomaly };
}

/** In the place of a driver that could not be loaded: the supervisor tells why, and no other machine suffers. */
function broken(error: unknown): Driver {
  return {
    // biome-ignore lint/correctness/useYield: there is nothing to read
    async *observe() {
      throw error;
    },
  };
}
