import { pino } from 'pino';
import type { Test } from 'tap';
import type { z } from 'zod';
import { ModbusDriver } from '../../../src/drivers/modbus/driver.ts';
import { Links } from '../../../src/drivers/modbus/links.ts';
import { settings } from '../../../src/drivers/modbus/settings.ts';
import { Device } from './device.ts';

export type Own = z.input<typeof settings>;

/** A driver with short times and what the test wants otherwise. */
export function driverFor(own: Own, links = new Links()): ModbusDriver {
  const parsed = settings.parse({ poll: '20ms', timeout: '100ms', ...own });
  const log = pino({ level: 'silent' });
  return new ModbusDriver(
    parsed,
    { machine: 'plc-1', log, clock: { now: () => Date.now(), origin: () => 0 }, folder: '/nonexistent' },
    links,
  );
}

/** A device on a TCP port that ends with the test, and its URL without the unit. */
export async function deviceFor(test: Test): Promise<{ device: Device; url: string }> {
  const device = new Device();
  const port = await device.listen();
  test.teardown(() => device.close());
  return { device, url: `modbus://127.0.0.1:${port}` };
}
