import type { GatewayFigures } from './gateway-watch.ts';
import type { StreamFigures } from './stream-watch.ts';

/** What an installation must keep to. Nothing may ever be missing without a gap that says so. */
export interface SoakLimits {
  /** Of the observations of each machine 99 % arrive within so many milliseconds. */
  readonly maxLatency: number;
  /** Of the gateway’s process. */
  readonly maxRestarts: number;
  /** Observations that gaps tell as lost. */
  readonly maxLost: number;
  /** Resident memory of the process, bytes. */
  readonly maxMemory: number;
  /** Of the computer, degrees Celsius. */
  readonly maxTemperature: number;
}

/** What was found about one subject: `bad` fails the soak, `warn` is to be looked at. */
export interface SoakFinding {
  readonly name: string;
  readonly level: 'good' | 'warn' | 'bad';
  readonly text: string;
}

export interface SoakFigures {
  /** Milliseconds. */
  readonly planned: number;
  readonly lasted: number;
  readonly stream: StreamFigures;
  readonly gateway: GatewayFigures;
}

/** Holds the figures against the limits. Pure. */
export function judge({ planned, lasted, stream, gateway }: SoakFigures, limits: SoakLimits): SoakFinding[] {
  return [
    finding('duration', lasted >= planned, `${seconds(lasted)} of ${seconds(planned)}`),
    ...judgeStream(stream, limits),
    ...judgeGateway(gateway, limits),
  ];
}

function judgeStream({ machines, conflicts, invalid }: StreamFigures, limits: SoakLimits): SoakFinding[] {
  const sum = (count: (machine: (typeof machines)[number]) => number) =>
    machines.reduce((all, one) => all + count(one), 0);
  const [missing, behind] = [sum((one) => one.missing), sum((one) => one.behind)];
  const silent = machines.filter(({ observations }) => observations === 0).map(({ machine }) => machine);
  const gaps = machines.flatMap((one) => Object.values(one.gaps));
  const lost = gaps.reduce((all, one) => all + one.observations, 0);
  const uncounted = gaps.reduce((all, one) => all + one.uncounted, 0);
  const slowest = machines.toSorted((a, b) => (b.latency.p99 ?? 0) - (a.latency.p99 ?? 0))[0];
  const p99 = slowest?.latency.p99 ?? null;
  return [
    finding(
      'completeness',
      missing + behind + conflicts + invalid === 0,
      `${sum((one) => one.batches)} batches: ${missing} missing without a gap, ${behind} stored and not arrived, ${conflicts} in conflict, ${invalid} invalid messages`,
    ),
    finding(
      'machines',
      silent.length === 0,
      silent.length === 0
        ? `${machines.length} of ${machines.length} have sent`
        : `nothing came of ${silent.join(', ')}`,
    ),
    finding(
      'told losses',
      lost <= limits.maxLost && uncounted === 0,
      `${lost} observations (at most ${limits.maxLost})${uncounted === 0 ? '' : `, and ${uncounted} gaps of unknown size`}`,
    ),
    p99 === null
      ? { name: 'latency', level: 'warn', text: 'not known: nothing live came' }
      : finding(
          'latency',
          p99 <= limits.maxLatency,
          `P99 ${p99} ms, of ${slowest?.machine} (at most ${limits.maxLatency} ms)`,
        ),
  ];
}

function judgeGateway(gateway: GatewayFigures, limits: SoakLimits): SoakFinding[] {
  const { restarts, watchdogRestarts, down, unhealthy, outages, disconnected, memory, temperature } = gateway;
  const power = [
    ...(gateway.underVoltage ? ['the power supply is too weak'] : []),
    ...(gateway.throttled ? ['the computer was slowed down'] : []),
  ];
  return [
    finding(
      'restarts',
      restarts <= limits.maxRestarts,
      `${restarts} (at most ${limits.maxRestarts}), down for ${seconds(down)}`,
    ),
    {
      name: 'health',
      level: watchdogRestarts === 0 && unhealthy === 0 ? 'good' : 'warn',
      text: `${watchdogRestarts} restarts by the watchdog, unhealthy for ${seconds(unhealthy)}`,
    },
    {
      name: 'uplink',
      level: outages === 0 && disconnected === 0 ? 'good' : 'warn',
      text: `${outages} outages, not connected for ${seconds(disconnected)}`,
    },
    memory.max === null
      ? { name: 'memory', level: 'warn', text: 'not known: no figures of the computer came' }
      : finding(
          'memory',
          memory.max <= limits.maxMemory,
          `${megabytes(memory.max)} at most (limit ${megabytes(limits.maxMemory)})`,
        ),
    ...(temperature.max === null
      ? []
      : [
          finding(
            'temperature',
            temperature.max <= limits.maxTemperature,
            `${temperature.max.toFixed(1)} °C at most (limit ${limits.maxTemperature} °C)`,
          ),
        ]),
    ...(power.length === 0 ? [] : [{ name: 'power', level: 'bad' as const, text: power.join(', ') }]),
  ];
}

function finding(name: string, isGood: boolean, text: string): SoakFinding {
  return { name, level: isGood ? 'good' : 'bad', text };
}

export function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e5) / 10} MB`;
}
