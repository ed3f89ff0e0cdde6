import { setInterval } from 'node:timers/promises';

/** What is sent, and where it stands in the meter's status. */
const SIGNALS = {
  power: { key: 'apower', unit: 'W' },
  voltage: { key: 'voltage', unit: 'V' },
  current: { key: 'current', unit: 'A' },
};

/**
 * A driver of a package of its own: reads a Shelly energy meter over HTTP (`Switch.GetStatus`,
 * https://shelly-api-docs.shelly.cloud/gen2/ComponentsAndServices/Switch). The gateway calls `driver` with what a driver
 * builds on, and wants a `DriverModule` back: see docs/drivers.md.
 *
 * @type {import('../../src/drivers/kit.ts').DriverPackage}
 */
export const driver = ({ z, duration, Fault }) => ({
  settings: z.object({
    url: z.url({ protocol: /^http$/, error: 'expected the meter’s address, e.g. http://192.168.0.77' }),
    poll: duration({ min: '100ms' }).prefault('1s').describe('Time between two readings'),
    timeout: duration({ min: '100ms' }).prefault('5s').describe('No answer for this long: the meter counts as down'),
  }),

  load: async () => (own, context) => {
    const { url, poll, timeout } = /** @type {{ url: string, poll: number, timeout: number }} */ (own);
    const address = new URL('/rpc/Switch.GetStatus?id=0', url);

    /** @param {AbortSignal} signal @returns {Promise<Record<string, unknown>>} */
    async function read(signal) {
      try {
        const response = await fetch(address, { signal: AbortSignal.any([signal, AbortSignal.timeout(timeout)]) });
        if (!response.ok) throw new Error(`HTTP ${response.status}`);
        return /** @type {Record<string, unknown>} */ (await response.json());
      } catch (cause) {
        signal.throwIfAborted();
        throw new Fault('machine', `no status from ${address.host}: ${/** @type {Error} */ (cause).message}`, {
          hint: 'check that the meter has power and that its address is right',
          cause,
        });
      }
    }

    return {
      async *observe(_from, signal) {
        const signals = Object.fromEntries(
          Object.entries(SIGNALS).map(([name, { key, unit }]) => [name, { unit, source: key }]),
        );
        const first = await read(signal);
        const t = context.clock.now();
        yield {
          origin: context.clock.origin(),
          observations: [{ signal: 'available', t, ns: 0, v: true, q: 'good' }],
          events: [
            { type: 'machine', t, model: { manufacturer: 'Shelly', id: String(first['id']) }, signals },
            { type: 'driver', t, state: 'polling' },
          ],
        };
        for await (const _ of setInterval(poll, undefined, { signal })) {
          const status = await read(signal);
          const now = context.clock.now();
          yield {
            origin: context.clock.origin(),
            observations: Object.entries(SIGNALS).map(([signal, { key }]) =>
              typeof status[key] === 'number'
                ? { signal, t: now, ns: 0, v: status[key], q: 'good' }
                : { signal, t: now, ns: 0, v: null, q: 'bad' },
            ),
          };
        }
      },
    };
  },
});
