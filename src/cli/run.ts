import { setFlagsFromString } from 'node:v8';
import type { CommandModule } from 'yargs';
import { explain, Fault } from '../errors.ts';
import { VERSION } from '../version.ts';

const NOT_RELOADED =
  'the config is not reloaded, as it has errors (on stderr): mend them and send SIGHUP again. Until then the old one holds.';

/**
 * What a heap may grow by from one full collection to the next, in percent of what is alive. V8 by itself lets it become up to four times as
 * large where the computer has memory, and keeps that for ever (docs/decisions/021).
 */
export const HEAP_GROWTH = 40;

export const runCommand: CommandModule<object, { config: string }> = {
  command: 'run',
  describe: 'Run the gateway until SIGTERM; SIGHUP reloads the config',
  builder: {
    config: { type: 'string', demandOption: true, requiresArg: true, describe: 'Config file (YAML)' },
  },
  handler: async ({ config: file }) => {
    // V8 asks for it at each collection, in the outbox's thread as well.
    setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH}`);
    const { loadOrTell } = await import('./load-config.ts');
    const loaded = await loadOrTell(file);
    if (loaded === undefined) {
      process.exitCode = 78;
      return;
    }
    const { config } = loaded;
    const [{ openLog }, { Gateway }, { fileHash }] = await Promise.all([
      import('../log.ts'),
      import('../gateway.ts'),
      import('../audit/config-change.ts'),
    ]);
    const log = await openLog(config.log, { tenant: config.gateway.tenant, gateway: config.gateway.id });
    const stop = new AbortController();
    const onSignal = (name: NodeJS.Signals) => {
      if (stop.signal.aborted) {
        log.warn(`second ${name}: ends at once`);
        process.exit(1);
      }
      log.info(`${name}: stops the machines, commits what was read, says goodbye`);
      stop.abort(new Error(name));
    };
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
    const gateway = new Gateway({ ...loaded, fileHash: await fileHash(file), version: VERSION, log });
    const reload = async () => {
      const [next, sha256] = [await loadOrTell(file), await fileHash(file)];
      if (next !== undefined) return gateway.reload({ ...next, fileHash: sha256 });
      log.error(NOT_RELOADED);
      gateway.refused(sha256);
    };
    process.on('SIGHUP', () => {
      reload().catch((error: unknown) => log.error(`the config is not reloaded: ${explain(error)}`));
    });
    try {
      await gateway.run(stop.signal);
      process.exitCode = 0;
    } catch (error) {
      log.error(error instanceof Fault ? {} : { err: error }, explain(error));
      process.exitCode = error instanceof Fault && error.of === 'config' ? 78 : 1;
    }
    // A thread that hangs would keep `exit` waiting.
    if (gateway.isHung) process.kill(process.pid, 'SIGKILL');
    // Whatever still hangs (a socket, a DNS query) must not keep a stopped gateway alive.
    process.exit();
  },
};
