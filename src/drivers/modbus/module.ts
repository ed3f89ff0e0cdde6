import type { DriverModule } from '../driver.ts';
import { check } from './check.ts';
import { settings } from './settings.ts';

export const modbus: DriverModule<typeof settings> = {
  settings,
  check,
  load: async () => {
    const [{ ModbusDriver }, { Links }] = await Promise.all([import('./driver.ts'), import('./links.ts')]);
    const links = new Links();
    return (own, context) => new ModbusDriver(own, context, links);
  },
  tools: {
    protocols: ['modbus:', 'modbus+rtu:', 'modbus+rtutcp:'],
    ports: [502],
    load: async () => (await import('./tools/toolbox.ts')).toolbox,
  },
};
