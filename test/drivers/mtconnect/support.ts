import { pino } from 'pino';
import type { z } from 'zod';
import type { SimulatedAgent } from '../../../simulator/mtconnect/agent.ts';
import type { Produced } from '../../../simulator/mtconnect/production.ts';
import { MtconnectDriver } from '../../../src/drivers/mtconnect/driver.ts';
import { settings } from '../../../src/drivers/mtconnect/settings.ts';
import { parseTimestamp } from '../../../src/drivers/mtconnect/timestamp.ts';
import type { Sign } from '../../../src/drivers/pulse.ts';
import type { Observation } from '../../../src/observation.ts';
import type { Yielded } from '../../support/yielded.ts';

/** Short enough for tests. */
const QUICK = { interval: '20ms', heartbeat: '200ms', pollInterval: '30ms', requestTimeout: '2s' };

/** A driver for an address, with short times and what the test wants otherwise. */
export function driverFor(
  url: URL | string,
  own: Partial<z.input<typeof settings>> = {},
  sign: (sign: Sign) => void = () => undefined,
): MtconnectDriver {
  const parsed = settings.parse({ url: String(url), ...QUICK, ...own });
  const clock = { now: () => Date.now(), origin: () => 0 };
  return new MtconnectDriver(parsed, {
    machine: 'vmc-1',
    log: pino({ level: 'silent' }),
    clock,
    folder: '/nonexistent',
    sign,
  });
}

/** Until a signal has that value. */
export const sees =
  (signal: string, v: unknown) =>
  ({ observations }: Yielded): boolean =>
    observations.some((one) => one.signal === signal && one.v === v);

const CANONICAL = new Map([
  ['Srpm', 'rpm'],
  ['Fact', 'feed_mm_min'],
  ['avail', 'available'],
]);

/** What the agent's books say was produced, as `signal@time` in order; time series are left out. */
export function booked(produced: readonly Produced[]): string[] {
  return produced
    .filter(({ name }) => name !== 'Svib')
    .map(({ name, dataItemId, timestamp }) => {
      const instant = parseTimestamp(timestamp);
      return `${CANONICAL.get(name ?? '') ?? name ?? dataItemId}@${instant?.t}.${instant?.ns}`;
    });
}

/** The same of what was observed; what is derived is left out. */
export function seen(observations: readonly Observation[]): string[] {
  return observations
    .filter(({ signal }) => signal !== 'Svib' && signal !== 'state' && !signal.endsWith('.active'))
    .map(({ signal, t, ns }) => `${signal}@${t}.${ns}`);
}

/** Of one device, from a sequence on. */
export function producedFrom(agent: SimulatedAgent, device: string, sequence: number, instanceId = agent.instanceId) {
  return agent.produced.list.filter(
    (one) => one.device === device && one.instanceId === instanceId && one.sequence >= sequence,
  );
}
