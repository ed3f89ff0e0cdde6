import type { DriverModule } from './driver.ts';
import { modbus } from './modbus/module.ts';
import { mtconnect } from './mtconnect/module.ts';
import { opcua } from './opcua/module.ts';

/** Every protocol that a config can name: `driver: <key>`. */
export const drivers = { mtconnect, modbus, opcua } satisfies Record<string, DriverModule>;
