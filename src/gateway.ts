import { aborted, within } from './abort.ts';
import type { Happening } from './audit/audit-log.ts';
import { changedKeys } from './audit/config-change.ts';
import { thisUser } from './audit/entry.ts';
import { Notifier } from './channels/notifier.ts';
import type { ClockQuality } from './clock.ts';
import { ClockSync } from './clock-sync.ts';
import { budgetOf } from './composition/budget.ts';
import { heartbeatOf } from './composition/heartbeat.ts';
import type { Machines } from './composition/machines.ts';
import { buildParts, type Parts } from './composition/parts.ts';
import { RuleBook } from './composition/rule-book.ts';
import { diffConfig } from './config/diff.ts';
import type { Config } from './config/schema.ts';
import type { DriverModule } from './drivers/driver.ts';
import { explain, Fault } from './errors.ts';
import { Forwarder } from './forwarder/forwarder.ts';
import { bootId, GatewayClock } from './gateway-clock.ts';
import { ServiceManager } from './health/service-manager.ts';
import type { Log } from './log.ts';
import { openOutbox } from './outbox/client.ts';
import type { LocalOutbox } from './outbox/local.ts';

/** Bounds of an orderly stop, in milliseconds: the uplink says goodbye, the disk closes. */
const STOP_UPLINK_MS = 1500;
const STOP_NOTIFIER_MS = 200;
const STOP_OUTBOX_MS = 500;
const STOP_SURFACE_MS = 500;
const STOP_FILES_MS = 300;
/** A reload that is under way is waited for so long: what it waits for may hang. */
const STOP_TURN_MS = 3000;
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
  /** SHA-256 of the file, for the audit log; null: it was not read from one. */
  readonly fileHash?: string | null;
}

export interface GatewayOptions extends Setup {
  readonly version: string;
  readonly log: Log;
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
  #isReady = false;
  #isHung = false;
  #endedBy: 'signal' | 'watchdog' = 'signal';
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
    // A start that fails waits for nothing more.
    this.#broken.promise.catch(() => undefined);
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
      await within(STOP_TURN_MS, this.#turn);
      const stopped = this.#stop();
      this.#turn = stopped.catch(() => undefined);
      await stopped;
    }
  }

  /** Whether a thread hangs, so that the process can only be killed. */
  get isHung(): boolean {
    return this.#isHung;
  }

  /** Applies another config to the running gateway: what did not change keeps running. */
  reload({ config, drivers, fileHash = null }: Setup): Promise<void> {
    return this.#inTurn(async () => {
      this.#modules = drivers;
      if (this.#parts === undefined) return;
      const detail = { sha256: fileHash, ...changedKeys(this.#config, config) };
      try {
        await this.#reload(config, this.#parts);
      } catch (error) {
        // Some machines are stopped, and nobody would miss them: the next process reads them all.
        this.#broken.reject(error);
        throw error;
      }
      this.#note({ what: 'config-reload', who: 'SIGHUP', detail });
    });
  }

  /** A config that was to be applied has errors. */
  refused(fileHash: string | null): void {
    this.#note({ what: 'config-refused', who: 'SIGHUP', detail: { sha256: fileHash } });
  }

  #note(happening: Happening): void {
    void this.#parts?.audit.add(happening);
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(step);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** The buffer may have to be salvaged, and engines go through hours of data: the service manager is asked for time. */
  async #start(signal: AbortSignal): Promise<Parts> {
    const manager = new ServiceManager(process.env, this.#log);
    const started = new AbortController();
    void manager.starting(AbortSignal.any([signal, started.signal]));
    return this.#startParts(signal, manager).finally(() => started.abort());
  }

  async #startParts(signal: AbortSignal, manager: ServiceManager): Promise<Parts> {
    const { gateway, machines } = this.#config;
    const { dataDir } = gateway;
    const beat = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    const opening = openOutbox({
      dataDir,
      watched: { beat, limit: gateway.watchdog, dataDir },
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
    const parts = await buildParts(outbox, {
      ...{ version: this.#options.version, log: this.#log, clock: this.#clock, beat, manager },
      clockQuality: () => this.#clockSync.quality,
      config: () => this.#config,
      drivers: () => this.#modules,
      rules: () => this.#rules,
      forwarder: () => this.#uplink?.part,
      ready: () => this.#isReady,
      restartUplink: () => void this.#restartUplink(),
      end: (message, isHung) => {
        this.#isHung = isHung;
        this.#endedBy = 'watchdog';
        this.#broken.reject(new Fault('us', message, { hint: 'the service manager starts the gateway again' }));
      },
    });
    this.#parts = parts;
    void this.#repairClock(this.#clockSync.quality);
    this.#startTimers(parts.machines);
    this.#startUplink(parts);
    this.#startNotifier(outbox);
    await parts.surface.open(this.#config.http);
    await parts.memories.open(machines.map(({ id }) => id));
    await parts.machines.start(machines);
    parts.quotas.setLimits(gateway.quota, machines.length);
    const { version, fileHash: sha256 = null } = this.#options;
    this.#note({ what: 'start', who: thisUser(), detail: { version, node: process.versions.node } });
    this.#note({ what: 'config-load', who: thisUser(), detail: { sha256 } });
    parts.supervision.start();
    this.#isReady = true;
    this.#log.info({ machines: parts.machines.size, dataDir }, 'runs');
    return parts;
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

  #startUplink({ outbox, view, audit }: Parts): void {
    const { gateway, uplink } = this.#config;
    const part = new Forwarder({
      outbox,
      uplink,
      identity: gateway,
      version: this.#options.version,
      log: this.#log.child({ part: 'uplink' }),
      clock: this.#clock,
      steady: this.#clock.steady,
      heartbeat: {
        every: () => this.#config.gateway.heartbeat,
        figures: async () => heartbeatOf(await view.state(), audit.last),
      },
      commanded: (detail) => void audit.add({ what: 'command', who: 'mqtt', detail }),
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

  /** In the place of one that hangs: that one is left behind if it does not end. */
  #restartUplink(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#parts === undefined) return;
      await this.#stopUplink();
      this.#startUplink(this.#parts);
    });
  }

  async #stopUplink(): Promise<void> {
    await end(this.#uplink, STOP_UPLINK_MS);
    this.#uplink = undefined;
  }

  async #reload(next: Config, parts: Parts): Promise<void> {
    const { outbox, machines, quotas, surface } = parts;
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
      this.#startUplink(parts);
    }
    if (change.http) await surface.listen(this.#config.http);
    quotas.setLimits(this.#config.gateway.quota, next.machines.length);
    const start = new Set([...change.added, ...change.changed]);
    await machines.start(next.machines.filter(({ id }) => start.has(id)));
    this.#log.info({ added: change.added, changed: change.changed, removed: change.removed }, 'config reloaded');
  }

  async #stop(): Promise<void> {
    if (this.#parts === undefined) return;
    const { outbox, machines, memories, quotas, vitalSigns, surface, supervision, audit } = this.#parts;
    await supervision[Symbol.asyncDispose]();
    vitalSigns[Symbol.dispose]();
    await within(STOP_SURFACE_MS, surface[Symbol.asyncDispose]());
    const noted = audit.add({ what: 'stop', who: this.#endedBy });
    await within(STOP_FILES_MS, Promise.all([memories.close(), quotas.close(), noted]));
    const drained = await machines.stop();
    await this.#stopUplink();
    await end(this.#notifier, STOP_NOTIFIER_MS);
    const closed = await within(STOP_OUTBOX_MS, outbox.close());
    // Its thread cannot be ended while the disk does not answer, and `exit` would wait for it.
    this.#isHung ||= !closed;
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
