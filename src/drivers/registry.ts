import type { DriverModule } from './driver.ts';
import { modbus } from './modbus/module.ts';
import { mtconnect } from './mtconnect/module.ts';

/** Every protocol that a config can name: `driver: <key>`. */
export const drivers = { mtconnect, modbus } satisfies Record<string, DriverModule>;
