import { aborted, within } from './abort.ts';
import { Notifier } from './channels/notifier.ts';
import type { ClockQuality } from './clock.ts';
import { ClockSync } from './clock-sync.ts';
import { budgetOf } from './composition/budget.ts';
import { Machines } from './composition/machines.ts';
import { RuleBook } from './composition/rule-book.ts';
import { diffConfig } from './config/diff.ts';
import type { Config } from './config/schema.ts';
import { gatewayCommands } from './control/commands.ts';
import { ControlServer } from './control/server.ts';
import type { DriverModule } from './drivers/driver.ts';
import { explain, Fault } from './errors.ts';
import { Forwarder } from './forwarder/forwarder.ts';
import { bootId, GatewayClock } from './gateway-clock.ts';
import { VitalSigns } from './health/vital-signs.ts';
import type { Log } from './log.ts';
import { openOutbox } from './outbox/client.ts';
import type { LocalOutbox } from './outbox/local.ts';

/** Bounds of an orderly stop, in milliseconds: the uplink says goodbye, the disk closes. */
const STOP_UPLINK_MS = 1500;
const STOP_NOTIFIER_MS = 200;
const STOP_OUTBOX_MS = 500;
/** How soon what depends on time alone (an alert's duration, a signal's age) is noticed. */
const ADVANCE_MS = 250;

/** A part that runs until it is told to stop. */
interface Running<Part> {
  readonly part: Part;
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

/** What there is once the outbox is open. */
interface Parts {
  readonly outbox: LocalOutbox;
  readonly machines: Machines;
}

/** The composition root: builds the sink first and stops the source first. */
export class Gateway {
  #config: Config;
  #modules: Setup['drivers'];
  #rules: RuleBook;
  readonly #options: GatewayOptions;
  readonly #log: Log;
  readonly #clock = new GatewayClock((ms) => this.#clockStepped(ms));
  readonly #clockSync = new ClockSync((quality) => void this.#repairClock(quality));
  #parts: Parts | undefined;
  #uplink: Running<Forwarder> | undefined;
  #notifier: Running<Notifier> | undefined;
  #flushTimer: NodeJS.Timeout | undefined;
  #advanceTimer: NodeJS.Timeout | undefined;
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
    this.#rules = new RuleBook(options.config);
    this.#log = options.log;
  }

  /**
   * Runs until `signal` aborts, then drains: what was read is committed before it resolves.
   * @throws Fault of the config when the outbox cannot be opened, of the disk or of ours when it breaks for good
   */
  async run(signal: AbortSignal): Promise<void> {
    try {
      const { outbox } = await this.#inTurn(() => this.#start(signal));
      await Promise.race([aborted(signal), outbox.failed, this.#broken.promise]);
    } finally {
      clearInterval(this.#flushTimer);
      clearInterval(this.#advanceTimer);
      await this.#inTurn(() => this.#stop());
    }
  }

  /** Applies another config to the running gateway: what did not change keeps running. */
  reload({ config, drivers }: Setup): Promise<void> {
    return this.#inTurn(async () => {
      this.#modules = drivers;
      if (this.#parts !== undefined) await this.#reload(config, this.#parts);
    });
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(step);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #start(signal: AbortSignal): Promise<Parts> {
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
    this.#clock.startSteadyAt(outbox.storedUntil);
    const parts = { outbox, machines: this.#newMachines(outbox) };
    this.#parts = parts;
    void this.#repairClock(this.#clockSync.quality);
    this.#startTimers(parts.machines);
    this.#startUplink(outbox);
    this.#startNotifier(outbox);
    await this.#startControl(parts);
    await parts.machines.start(machines);
    this.#log.info({ machines: parts.machines.size, dataDir: gateway.dataDir }, 'runs');
    return parts;
  }

  #newMachines(outbox: LocalOutbox): Machines {
    return new Machines({
      outbox,
      clock: this.#clock,
      clockQuality: () => this.#clockSync.quality,
      log: this.#log,
      config: () => this.#config,
      drivers: () => this.#modules,
      rules: () => this.#rules,
    });
  }

  /** Where nobody can ask it, a gateway reads and sends all the same. */
  async #startControl({ outbox, machines }: Parts): Promise<void> {
    const log = this.#log.child({ part: 'control' });
    const vitalSigns = new VitalSigns(outbox, (error) => log.debug(`the buffer cannot be read: ${explain(error)}`));
    this.#vitalSigns = vitalSigns;
    const commands = gatewayCommands({
      version: this.#options.version,
      vitalSigns,
      config: () => this.#config,
      clock: () => this.#clockSync.quality,
      forwarder: () => this.#uplink?.part,
      machines,
    });
    try {
      this.#control = await ControlServer.listen(this.#config.gateway.dataDir, commands, log);
    } catch (error) {
      log.warn(`status and replay will not work: ${explain(error)}`);
    }
  }

  #startTimers(machines: Machines): void {
    clearInterval(this.#flushTimer);
    this.#flushTimer = setInterval(() => machines.flush(), this.#config.buffer.flushInterval);
    this.#advanceTimer ??= setInterval(() => machines.advance(), ADVANCE_MS);
  }

  /** Somebody set the clock: what comes after is stamped by the new time. */
  #clockStepped(ms: number): void {
    const direction = ms > 0 ? 'forward' : 'back';
    this.#log.warn({ offset: ms }, `the clock was set ${direction} by ${(Math.abs(ms) / 1000).toFixed(3)} s`);
    this.#parts?.machines.tell({ type: 'clock', t: Date.now(), offset: ms });
    // Most often it was the time server, and then the time is right from now on.
    void this.#clockSync.look();
  }

  /** Once the clock is known to be right, what it stamped before is corrected. */
  async #repairClock(quality: ClockQuality): Promise<void> {
    if (quality !== 'synced' || this.#parts === undefined) return;
    const { outbox, machines } = this.#parts;
    try {
      // What the pipelines hold was stamped before.
      machines.flush();
      const { moved, told } = await outbox.repairClock(this.#clock.origin());
      if (moved + told === 0) return;
      this.#log.info(
        { moved, told },
        `the clock is synchronised: the times of ${moved} batches were corrected, ${told} that may be out already are told as events`,
      );
    } catch (error) {
      this.#log.debug(`the times are not corrected yet: ${explain(error)}`);
    }
  }

  #startUplink(outbox: LocalOutbox): void {
    const { gateway, uplink } = this.#config;
    const part = new Forwarder({
      outbox,
      uplink,
      identity: gateway,
      version: this.#options.version,
      log: this.#log.child({ part: 'uplink' }),
      clock: this.#clock,
      steady: this.#clock.steady,
    });
    const abort = new AbortController();
    this.#uplink = { part, abort, done: part.run(abort.signal).catch(this.#broken.reject) };
  }

  #startNotifier(outbox: LocalOutbox): void {
    const part = new Notifier({
      queue: outbox,
      channels: this.#rules.channels,
      log: this.#log,
      steady: this.#clock.steady,
    });
    const abort = new AbortController();
    const forget = outbox.onStored((lanes) => lanes.has('alert') && part.wake());
    this.#notifier = { part, abort, done: part.run(abort.signal).finally(forget) };
  }

  async #stopUplink(): Promise<void> {
    await end(this.#uplink, STOP_UPLINK_MS);
    this.#uplink = undefined;
  }

  async #reload(next: Config, { outbox, machines }: Parts): Promise<void> {
    const change = diffConfig(this.#config, next);
    if (change.needsRestart.length > 0) {
      this.#log.warn(
        `${change.needsRestart.join(', ')} changed: restart the gateway for that; the rest is applied now`,
      );
    }
    const { id, tenant, site, dataDir } = this.#config.gateway;
    this.#config = { ...next, gateway: { ...next.gateway, id, tenant, site, dataDir } };
    if (change.buffer) this.#startTimers(machines);
    outbox.setBudget(budgetOf(this.#config));
    await machines.stop([...change.removed, ...change.changed]);
    if (change.rules) {
      this.#rules = new RuleBook(this.#config);
      await end(this.#notifier, STOP_NOTIFIER_MS);
      this.#startNotifier(outbox);
    }
    if (change.uplink) {
      await this.#stopUplink();
      this.#startUplink(outbox);
    }
    const start = new Set([...change.added, ...change.changed]);
    await machines.start(next.machines.filter(({ id }) => start.has(id)));
    this.#log.info({ added: change.added, changed: change.changed, removed: change.removed }, 'config reloaded');
  }

  async #stop(): Promise<void> {
    if (this.#parts === undefined) return;
    const { outbox, machines } = this.#parts;
    this.#vitalSigns?.[Symbol.dispose]();
    await this.#control?.[Symbol.asyncDispose]();
    const drained = await machines.stop();
    await this.#stopUplink();
    await end(this.#notifier, STOP_NOTIFIER_MS);
    const closed = await within(STOP_OUTBOX_MS, outbox.close());
    if (!drained || !closed) {
      throw new Fault('disk', 'the disk did not take what was read in time: it is read again from the machines', {
        hint: 'look at the card or disk (dmesg, smartctl)',
      });
    }
    this.#log.info('stopped: everything read is committed');
  }
}

async function end(running: Running<unknown> | undefined, ms: number): Promise<void> {
  running?.abort.abort(new Error('the gateway stops'));
  await within(ms, running?.done ?? Promise.resolve());
}
