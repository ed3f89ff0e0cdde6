import { join } from 'node:path';
import { pino } from 'pino';
import type { Test } from 'tap';
import type { z } from 'zod';
import { Secret } from '../../../src/config/secrets.ts';
import { askOffers } from '../../../src/drivers/opcua/connect.ts';
import { OpcuaDriver } from '../../../src/drivers/opcua/driver.ts';
import { Pki, pkiFolder } from '../../../src/drivers/opcua/pki.ts';
import { type OpcuaSettings, settings } from '../../../src/drivers/opcua/settings.ts';
import type { Sign } from '../../../src/drivers/pulse.ts';
import { type CollectOptions, collect, Yielded } from '../../support/yielded.ts';

export { collect, Yielded };

export type Own = z.input<typeof settings>;

/** What the tests' servers know as a user, and what `loadConfig` makes of it. */
export const USERS = { gateway: 'open sesame' };
export const user = (password: string = USERS.gateway): { username: string; password: Secret } => ({
  username: 'gateway',
  password: new Secret('${env:PASSWORD}', password),
});

/** Short enough for tests. */
const QUICK = {
  publishingInterval: '20ms',
  samplingInterval: '0ms',
  dataAge: '2s',
  requestTimeout: '2s',
  retryItems: '200ms',
};

/** A driver with short times and what the test wants otherwise. `folder` keeps its certificate. */
export function driverFor(
  folder: string,
  { auth, ...own }: Omit<Own, 'auth'> & Pick<OpcuaSettings, 'auth'>,
  sign: (sign: Sign) => void = () => undefined,
): OpcuaDriver {
  const parsed = { ...settings.parse({ ...QUICK, ...own }), auth };
  const log = pino({ level: process.env['TEST_LOG'] ?? 'silent' });
  const clock = { now: () => Date.now(), origin: () => 0 };
  return new OpcuaDriver(parsed, { machine: 'mill-1', log, clock, folder, sign }, new Pki(pkiFolder(folder)));
}

/** As a technician does who has compared thumbprints: trusts the server's certificate. */
export async function trust(folder: string, url: string): Promise<void> {
  const pki = new Pki(pkiFolder(folder));
  const own = settings.parse({ ...QUICK, url });
  const offers = await askOffers({ settings: own, pki, name: 'test' }, AbortSignal.timeout(5000));
  await pki.trust(offers.at(-1)?.endpoint.serverCertificate as Buffer);
}

/** The folder of a driver in this test. */
export function folderOf(test: Test): string {
  return join(test.testdirName, 'driver');
}

/** As the supervisor does it, without its pauses: starts the driver again from the last cursor when it throws. */
export async function supervised(
  driver: OpcuaDriver,
  options: CollectOptions,
): Promise<Yielded & { faults: string[] }> {
  const { within = 15_000, until } = options;
  const yielded = Object.assign(new Yielded(), { faults: [] as string[] });
  const signal = AbortSignal.timeout(within);
  for (;;) {
    try {
      for await (const reading of driver.observe(yielded.cursor ?? options.from, signal)) {
        yielded.readings.push(reading);
        await options.each?.(reading, yielded);
        if (until?.(yielded, reading)) return yielded;
      }
    } catch (error) {
      if (signal.aborted)
        throw new Error(`gave up after ${within} ms: ${yielded.faults.slice(-3).join('; ')}`, { cause: error });
      yielded.faults.push(error instanceof Error ? error.message : String(error));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Until a signal has that value. */
export const sees =
  (signal: string, v: unknown) =>
  ({ observations }: Yielded): boolean =>
    observations.some((one) => one.signal === signal && one.v === v);
