import type { DriverModule } from '../driver.ts';
import { check } from './check.ts';
import { settings } from './settings.ts';

export const opcua: DriverModule<typeof settings> = {
  settings,
  check,
  load: async () => {
    const [{ OpcuaDriver }, { Pki, pkiFolder }, { redirectLibraryLog }] = await Promise.all([
      import('./driver.ts'),
      import('./pki.ts'),
      import('./library-log.ts'),
    ]);
    let pki: InstanceType<typeof Pki> | undefined;
    return (own, context) => {
      if (pki === undefined) redirectLibraryLog(context.log.child({ library: 'node-opcua' }));
      // Machines that start at once share one certificate.
      pki ??= new Pki(pkiFolder(context.folder), () => context.clock.now());
      return new OpcuaDriver(own, context, pki);
    };
  },
  tools: {
    protocols: ['opc.tcp:'],
    // The standard's own, and those of widespread servers: Unified Automation, Kepware, Prosys, OPC Foundation's samples.
    ports: [4840, 4841, 48010, 49320, 53530, 62541],
    load: async () => (await import('./tools/toolbox.ts')).toolbox,
  },
};
