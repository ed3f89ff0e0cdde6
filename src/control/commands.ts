import type { ClockQuality } from '../clock.ts';
import type { Config } from '../config/schema.ts';
import { Fault } from '../errors.ts';
import type { Forwarder, LaneStatus } from '../forwarder/forwarder.ts';
import type { UplinkStatus } from '../forwarder/uplink.ts';
import type { BufferForecast, VitalSigns } from '../health/vital-signs.ts';
import type { OutboxStats, Recall } from '../outbox/outbox.ts';
import type { Answer } from './server.ts';

/** How often a replay tells how far it is. */
const PROGRESS_MS = 500;

/** What `edge-gateway status` shows. Times are milliseconds, since the epoch where they are points in time. */
export interface GatewayStatus {
  readonly version: string;
  readonly tenant: string;
  readonly gateway: string;
  /** Since the process was started. */
  readonly uptime: number;
  readonly machines: readonly string[];
  /** Whether the gateway knows the time. */
  readonly clock: ClockQuality;
  readonly uplink: UplinkStatus | null;
  readonly lanes: readonly LaneStatus[];
  readonly buffer: OutboxStats & BufferForecast;
}

export interface GatewayParts {
  readonly version: string;
  readonly config: () => Config;
  readonly clock: () => ClockQuality;
  readonly vitalSigns: VitalSigns;
  /** undefined: it is being replaced */
  readonly forwarder: () => Forwarder | undefined;
  readonly machines: {
    /** Somebody has seen the alert of a rule. Whether there was one. */
    acknowledge(machine: string, rule: string, by: string): boolean;
  };
}

/** What a running gateway can be asked. */
export function gatewayCommands(parts: GatewayParts): Readonly<Record<string, Answer>> {
  return {
    status: () => statusOf(parts),
    retry: async ({ machine }) => {
      const uplink = parts.forwarder();
      if (uplink === undefined) throw new Fault('config', 'the uplink is being replaced', { hint: 'try again' });
      return { batches: await uplink.retryRefused(typeof machine === 'string' ? machine : undefined) };
    },
    acknowledge: async ({ machine, rule, by }) => {
      const found = parts.machines.acknowledge(`${machine}`, `${rule}`, `${by}`);
      if (!found) throw new Fault('config', `${machine} has no open alert of the rule ${rule}`);
      return {};
    },
    replay: (request, tell, signal) => replay(parts, request, tell, signal),
  };
}

async function statusOf({ version, config, clock, vitalSigns, forwarder }: GatewayParts): Promise<GatewayStatus> {
  const { gateway, machines } = config();
  const uplink = forwarder();
  const { stats, ...forecast } = await vitalSigns.forecast();
  return {
    version,
    tenant: gateway.tenant,
    gateway: gateway.id,
    uptime: Math.round(process.uptime() * 1000),
    machines: machines.map(({ id }) => id),
    clock: clock(),
    uplink: uplink?.status() ?? null,
    lanes: (await uplink?.lanes()) ?? [],
    buffer: { ...stats, ...forecast },
  };
}

async function replay(
  { forwarder }: GatewayParts,
  { machine, from, to }: Readonly<Record<string, unknown>>,
  tell: (progress: object) => void,
  signal: AbortSignal,
): Promise<object> {
  const request: Recall = {
    machine: typeof machine === 'string' ? machine : undefined,
    from: typeof from === 'number' ? from : 0,
    to: typeof to === 'number' ? to : Number.MAX_SAFE_INTEGER,
  };
  const running = forwarder()?.replay(request);
  if (running === undefined) throw new Fault('config', 'too many replays wait already', { hint: 'try again later' });
  const timer = setInterval(() => tell(running.figures), PROGRESS_MS);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  try {
    return await running.done;
  } finally {
    clearInterval(timer);
  }
}
