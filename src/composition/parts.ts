import { AuditLog, type Happening } from '../audit/audit-log.ts';
import type { ClockQuality } from '../clock.ts';
import type { Config } from '../config/schema.ts';
import { gatewayCommands } from '../control/commands.ts';
import type { DriverModule } from '../drivers/driver.ts';
import { explain } from '../errors.ts';
import type { Forwarder } from '../forwarder/forwarder.ts';
import type { GatewayClock } from '../gateway-clock.ts';
import { HostWatch } from '../health/host.ts';
import type { ServiceManager } from '../health/service-manager.ts';
import { VitalSigns } from '../health/vital-signs.ts';
import { Memories } from '../history/memories.ts';
import type { Log } from '../log.ts';
import type { LocalOutbox } from '../outbox/local.ts';
import { Machines } from './machines.ts';
import { Quotas } from './quotas.ts';
import type { RuleBook } from './rule-book.ts';
import { noticeOf, Supervision } from './supervision.ts';
import { Surface } from './surface.ts';
import { View } from './view.ts';

/** What there is once the outbox is open, beside what a reload replaces (uplink, notifier). */
export interface Parts {
  readonly outbox: LocalOutbox;
  readonly machines: Machines;
  readonly memories: Memories;
  readonly quotas: Quotas;
  readonly vitalSigns: VitalSigns;
  readonly view: View;
  readonly surface: Surface;
  readonly supervision: Supervision;
  readonly audit: AuditLog;
}

/** What the parts need of the gateway. What may change is asked for each time. */
export interface Surroundings {
  readonly version: string;
  readonly log: Log;
  readonly clock: GatewayClock;
  readonly clockQuality: () => ClockQuality;
  readonly config: () => Config;
  readonly drivers: () => Readonly<Record<string, DriverModule>>;
  readonly rules: () => RuleBook;
  /** undefined: it is being replaced. */
  readonly forwarder: () => Forwarder | undefined;
  readonly ready: () => boolean;
  /** See `SupervisionOptions`. */
  readonly beat: SharedArrayBuffer;
  readonly manager: ServiceManager;
  readonly restartUplink: () => void;
  readonly end: (message: string, isHung: boolean) => void;
}

/** Builds the parts around an outbox, and joins them. Starts none of them. */
export async function buildParts(outbox: LocalOutbox, surroundings: Surroundings): Promise<Parts> {
  const { log, clock, config, forwarder } = surroundings;
  const { dataDir, quota: limits } = config().gateway;
  const audit = new AuditLog({ dataDir, log, mayRotate: true });
  const quotas = await Quotas.open({
    ...{ dataDir, limits, clock, log },
    crossed: ({ code, message, quota, used, limit }) =>
      machines.tell({ type: 'notice', t: clock.now(), code, message, detail: { quota, used, limit } }),
  });
  const heldUntil = (id: string) => machines.heldUntil(id);
  const memories = new Memories({ dataDir, outbox, clock, steady: clock.steady, heldUntil, log });
  const machines: Machines = new Machines({ ...surroundings, outbox, memories, quotas });
  const host = new HostWatch({ dataDir, clock });
  const vitalSigns = new VitalSigns(outbox, (error) => log.debug(`the buffer cannot be read: ${explain(error)}`));
  const supervision = new Supervision({
    ...{ ...surroundings, outbox, machines, host },
    told: (message, machine) => {
      machines.tell(noticeOf(message), machine);
      void audit.add({ what: 'watchdog-restart', who: 'watchdog', detail: { message, machine } });
    },
  });
  const view = new View({
    ...{ ...surroundings, clock: surroundings.clockQuality, outbox, vitalSigns, machines, memories },
    health: () => supervision.judgement,
    restarts: () => supervision.restarts,
    host: () => host.figures,
    quota: () => quotas.use(),
    acknowledge: (machine, rule, by) => {
      const found = machines.acknowledge(machine, rule, by);
      if (found) void audit.add({ what: 'acknowledge', who: by, detail: { machine, rule } });
      return found;
    },
  });
  const commanded = (detail: NonNullable<Happening['detail']>) =>
    void audit.add({ what: 'command', who: 'control socket', detail });
  const commands = gatewayCommands({ view, forwarder, commanded });
  const surface = new Surface({ dataDir, commands, view, log });
  return { outbox, machines, memories, quotas, vitalSigns, view, surface, supervision, audit };
}
