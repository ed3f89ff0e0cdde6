import { aborted, within } from './abort.ts';
import type { ClockQuality } from './clock.ts';
import { ClockSync } from './clock-sync.ts';
import { diffConfig } from './config/diff.ts';
import type { Config, MachineConfig } from './config/schema.ts';
import { gatewayCommands } from './control/commands.ts';
import { ControlServer } from './control/server.ts';
import type { Driver, DriverModule } from './drivers/driver.ts';
import { driverFolder } from './drivers/folder.ts';
import { supervise } from './drivers/supervise.ts';
import { explain, Fault } from './errors.ts';
import { Forwarder } from './forwarder/forwarder.ts';
import { bootId, GatewayClock } from './gateway-clock.ts';
import { VitalSigns } from './health/vital-signs.ts';
import type { Log } from './log.ts';
import { openOutbox } from './outbox/client.ts';
import { type Budget, type Outbox, whenFullOf } from './outbox/outbox.ts';
import { MachinePipeline } from './pipeline/machine-pipeline.ts';

/** Bounds of an orderly stop, in milliseconds: drivers let go, the disk commits, the uplink says goodbye. */
const STOP_DRIVERS_MS = 1000;
const STOP_COMMIT_MS = 1500;
const STOP_UPLINK_MS = 1500;
const STOP_OUTBOX_MS = 500;

/** A machine that is being read. */
interface RunningMachine {
  readonly pipeline: MachinePipeline;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

/** The uplink as it runs. */
interface RunningUplink {
  readonly forwarder: Forwarder;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

/** A config and the drivers that its machines name. */
export interface Setup {
  readonly config: Config;
  readonly drivers: Readonly<Record<string, DriverModule>>;
}

export interface GatewayOptions extends Setup {
  readonly version: string;
  readonly log: Log;
}

/** The composition root: builds the sink first and stops the source first. */
export class Gateway {
  #config: Config;
  #modules: Setup['drivers'];
  readonly #options: GatewayOptions;
  readonly #log: Log;
  readonly #clock = new GatewayClock((ms) => this.#clockStepped(ms));
  readonly #clockSync = new ClockSync((quality) => void this.#repairClock(quality));
  readonly #machines = new Map<string, RunningMachine>();
  #uplink: RunningUplink | undefined;
  /** Each driver is loaded once, so that its machines share what it holds. */
  readonly #drivers = new Map<string, ReturnType<DriverModule['load']>>();
  #outbox: Outbox | undefined;
  #flushTimer: NodeJS.Timeout | undefined;
  #control: ControlServer | undefined;
  #vitalSigns: VitalSigns | undefined;
  /** Rejects when a part ends that should not. */
  readonly #broken = Promise.withResolvers<never>();
  /** The start, reloads and the stop take turns. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#modules = options.drivers;
    this.#log = options.log;
  }

  /**
   * Runs until `signal` aborts, then drains: what was read is committed before it resolves.
   * @throws Fault of the config when the outbox cannot be opened, of the disk or of ours when it breaks for good
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      const outbox = await this.#inTurn(() => this.#start(signal));
      await Promise.race([aborted(signal), outbox.failed, this.#broken.promise]);
    } finally {
      clearInterval(this.#flushTimer);
      await this.#inTurn(() => this.#stop());
    }
  }

  /** Applies another config to the running gateway: what did not change keeps running. */
  reload({ config, drivers }: Setup): Promise<void> {
    return this.#inTurn(async () => {
      this.#modules = drivers;
      if (this.#outbox !== undefined) await this.#reload(config, this.#outbox);
    });
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(step);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #start(signal: AbortSignal): Promise<Outbox> {
    const { gateway, machines } = this.#config;
    const opening = openOutbox({
      dataDir: gateway.dataDir,
      budget: budgetOf(this.#config),
      machines: machines.map(({ id }) => id),
      log: this.#log.child({ part: 'outbox' }),
      clock: this.#clock,
      steady: this.#clock.steady,
      boot: bootId(),
    });
    this.#clock.start(signal);
    // Side by side: asking for the clock's state can take seconds where the system is still booting.
    const [outbox] = await Promise.all([opening, this.#clockSync.start(signal)]);
    this.#outbox = outbox;
    this.#clock.startSteadyAt(outbox.storedUntil);
    void this.#repairClock(this.#clockSync.quality);
    this.#startFlushing();
    this.#startUplink(outbox);
    await this.#startControl(outbox);
    // Loading a protocol's library blocks for up to half a second: not while machines are polled already.
    await Promise.allSettled(machines.map((machine) => this.#loadDriver(machine)));
    for (const machine of machines) await this.#startMachine(machine, outbox);
    this.#log.info({ machines: this.#machines.size, dataDir: gateway.dataDir }, 'runs');
    return outbox;
  }

  /** Where nobody can ask it, a gateway reads and sends all the same. */
  async #startControl(outbox: Outbox): Promise<void> {
    const log = this.#log.child({ part: 'control' });
    const vitalSigns = new VitalSigns(outbox, (error) => log.debug(`the buffer cannot be read: ${explain(error)}`));
    this.#vitalSigns = vitalSigns;
    const commands = gatewayCommands({
      version: this.#options.version,
      vitalSigns,
      config: () => this.#config,
      clock: () => this.#clockSync.quality,
      forwarder: () => this.#uplink?.forwarder,
    });
    try {
      this.#control = await ControlServer.listen(this.#config.gateway.dataDir, commands, log);
    } catch (error) {
      log.warn(`status and replay will not work: ${explain(error)}`);
    }
  }

  #startFlushing(): void {
    // One tick for all machines: what they flush together shares one commit, and the card one fsync.
    clearInterval(this.#flushTimer);
    this.#flushTimer = setInterval(() => {
      for (const { pipeline } of this.#machines.values()) pipeline.flush();
    }, this.#config.buffer.flushInterval);
  }

  /** Somebody set the clock: what comes after is stamped by the new time. */
  #clockStepped(ms: number): void {
    const direction = ms > 0 ? 'forward' : 'back';
    this.#log.warn({ offset: ms }, `the clock was set ${direction} by ${(Math.abs(ms) / 1000).toFixed(3)} s`);
    for (const { pipeline } of this.#machines.values()) pipeline.tell({ type: 'clock', t: Date.now(), offset: ms });
    // Most often it was the time server, and then the time is right from now on.
    void this.#clockSync.look();
  }

  /** Once the clock is known to be right, what it stamped before is corrected. */
  async #repairClock(quality: ClockQuality): Promise<void> {
    if (quality !== 'synced' || this.#outbox === undefined) return;
    try {
      // What the pipelines hold was stamped before.
      for (const { pipeline } of this.#machines.values()) pipeline.flush();
      const { moved, told } = await this.#outbox.repairClock(this.#clock.origin());
      if (moved + told === 0) return;
      this.#log.info(
        { moved, told },
        `the clock is synchronised: the times of ${moved} batches were corrected, ${told} that may be out already are told as events`,
      );
    } catch (error) {
      this.#log.debug(`the times are not corrected yet: ${explain(error)}`);
    }
  }

  async #startMachine(config: MachineConfig, outbox: Outbox): Promise<void> {
    const log = this.#log.child({ machine: config.id });
    const folder = driverFolder(this.#config.gateway.dataDir, config.driver);
    const context = { machine: config.id, log, clock: this.#clock, folder };
    const driver = await this.#loadDriver(config)
      .then((create) => create(config, context))
      .catch(broken);
    const pipeline = new MachinePipeline({
      machine: config.id,
      labels: config.labels,
      outbox,
      whenFull: () => whenFullOf(budgetOf(this.#config), config.id),
      clock: this.#clock,
      steady: this.#clock.steady,
      clockQuality: () => this.#clockSync.quality,
    });
    const abort = new AbortController();
    const cursor = await outbox.cursor(config.id);
    const done = supervise({ driver, sink: pipeline, cursor, log, clock: this.#clock }, abort.signal);
    this.#machines.set(config.id, { pipeline, abort, done });
  }

  async #loadDriver({ id, driver }: MachineConfig): ReturnType<DriverModule['load']> {
    const driverModule = this.#modules[driver];
    if (driverModule === undefined) throw new Fault('config', `${id}: there is no driver ${driver}`);
    const loading = this.#drivers.get(driver) ?? driverModule.load();
    this.#drivers.set(driver, loading);
    return loading;
  }

  /** Lets go of machines and resolves when what they read is durable; false when the disk took too long. */
  async #stopMachines(ids: readonly string[]): Promise<boolean> {
    const stopping = ids.flatMap((id) => this.#machines.get(id) ?? []);
    for (const { abort } of stopping) abort.abort(new Error('the gateway stops'));
    await within(STOP_DRIVERS_MS, Promise.all(stopping.map(({ done }) => done)));
    const drained = await within(STOP_COMMIT_MS, Promise.all(stopping.map(({ pipeline }) => pipeline.drain())));
    for (const id of ids) this.#machines.delete(id);
    return drained;
  }

  #startUplink(outbox: Outbox): void {
    const { gateway, uplink } = this.#config;
    const forwarder = new Forwarder({
      outbox,
      uplink,
      identity: gateway,
      version: this.#options.version,
      log: this.#log.child({ part: 'uplink' }),
      clock: this.#clock,
      steady: this.#clock.steady,
    });
    const abort = new AbortController();
    this.#uplink = { forwarder, abort, done: forwarder.run(abort.signal).catch(this.#broken.reject) };
  }

  async #stopUplink(): Promise<void> {
    this.#uplink?.abort.abort(new Error('the gateway stops'));
    await within(STOP_UPLINK_MS, this.#uplink?.done ?? Promise.resolve());
    this.#uplink = undefined;
  }

  async #reload(next: Config, outbox: Outbox): Promise<void> {
    const change = diffConfig(this.#config, next);
    if (change.needsRestart.length > 0) {
      this.#log.warn(
        `${change.needsRestart.join(', ')} changed: restart the gateway for that; the rest is applied now`,
      );
    }
    this.#config = { ...next, gateway: this.#config.gateway };
    if (change.buffer) {
      this.#startFlushing();
    }
    outbox.setBudget(budgetOf(this.#config));
    await this.#stopMachines([...change.removed, ...change.changed]);
    if (change.uplink) {
      await this.#stopUplink();
      this.#startUplink(outbox);
    }
    const start = new Set([...change.added, ...change.changed]);
    for (const machine of next.machines.filter(({ id }) => start.has(id))) await this.#startMachine(machine, outbox);
    this.#log.info({ added: change.added, changed: change.changed, removed: change.removed }, 'config reloaded');
  }

  async #stop(): Promise<void> {
    const outbox = this.#outbox;
    if (outbox === undefined) return;
    this.#vitalSigns?.[Symbol.dispose]();
    await this.#control?.[Symbol.asyncDispose]();
    const drained = await this.#stopMachines([...this.#machines.keys()]);
    await this.#stopUplink();
    const closed = await within(STOP_OUTBOX_MS, outbox.close());
    if (!drained || !closed) {
      throw new Fault('disk', 'the disk did not take what was read in time: it is read again from the machines', {
        hint: 'look at the card or disk (dmesg, smartctl)',
      });
    }
    this.#log.info('stopped: everything read is committed');
  }
}

/** The budget of the outbox, with the machines that have a policy of their own. */
function budgetOf({ buffer, machines }: Config): Budget {
  const own = machines.flatMap(({ id, whenFull }) => (whenFull === undefined ? [] : [[id, whenFull] as const]));
  return { ...buffer, machines: Object.fromEntries(own) };
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
