import type { DriverModule } from '../driver.ts';
import { check } from './check.ts';
import { settings } from './settings.ts';

export const mtconnect: DriverModule<typeof settings> = {
  settings,
  check,
  load: async () => {
    const { MtconnectDriver } = await import('./driver.ts');
    return (own, context) => new MtconnectDriver(own, context);
  },
  tools: {
    protocols: ['http:', 'https:'],
    ports: [5000, 5001, 7878, 80, 8080],
    load: async () => (await import('./tools/toolbox.ts')).toolbox,
  },
};
