import type { CommandModule } from 'yargs';
import type { ApiState } from '../http/api.ts';
import { findBuffer, PLACE_OPTIONS, type Place } from './buffer-place.ts';
import { statusText } from './status-text.ts';

interface Arguments extends Place {
  json: boolean;
  watch: boolean;
}

/** `status`: asks the running gateway. */
export const statusCommand: CommandModule<object, Arguments> = {
  command: 'status',
  describe:
    'How the running gateway is: uplink, health, machines, alerts, buffer; exit code 1 when it is not connected',
  builder: {
    ...PLACE_OPTIONS,
    json: { type: 'boolean', default: false, describe: 'As JSON; times in ms. With --watch one object a line' },
    watch: { type: 'boolean', default: false, describe: 'Show it anew once a second, until Ctrl-C' },
  },
  handler: async (args) => {
    const place = await findBuffer(args);
    if (place === undefined) return;
    const { ask } = await import('../control/client.ts');
    const askStatus = () => ask<ApiState>(place.dataDir, { command: 'status' });
    if (args.watch) {
      const [{ watchStatus }, { endSoon }] = await Promise.all([
        import('./status-watch.ts'),
        import('../commission/interrupt.ts'),
      ]);
      process.exitCode = (await watchStatus(askStatus, args, process.stdout)) ? 0 : 1;
      // A gateway that does not answer must not hold up the end.
      endSoon();
      return;
    }
    const status = await askStatus();
    process.stdout.write(args.json ? `${JSON.stringify(status, null, 2)}\n` : statusText(status));
    if (status.uplink?.state !== 'connected') process.exitCode = 1;
  },
};
