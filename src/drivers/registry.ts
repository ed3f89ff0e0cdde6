import type { DriverModule } from './driver.ts';
import { mtconnect } from './mtconnect/module.ts';

/** Every protocol that a config can name: `driver: <key>`. */
export const drivers = { mtconnect } satisfies Record<string, DriverModule>;
