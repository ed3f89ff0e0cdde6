import type { Argv, CommandModule } from 'yargs';
import { Fault } from '../errors.ts';
import { findBuffer, type Place } from './buffer-place.ts';

/** Progress is told after so many batches. */
const PROGRESS_EVERY = 10_000;

interface SalvageArgs extends Place {
  file: string;
  json: boolean;
}

/** `buffer salvage FILE`: into the buffer of a gateway that does not run. */
export const salvageCommand: CommandModule<object, SalvageArgs> = {
  command: 'salvage <file>',
  describe: 'Take what can be read of a damaged buffer, and is not there yet, into the buffer of a stopped gateway',
  builder: (args) =>
    args
      .positional('file', {
        type: 'string',
        demandOption: true,
        describe: 'Damaged outbox.db, with its -wal beside it',
      })
      .option('json', { type: 'boolean', default: false, describe: 'As JSON' }) as unknown as Argv<SalvageArgs>,
  handler: async (args) => {
    const place = await findBuffer(args);
    if (place === undefined) return;
    const { existsSync } = await import('node:fs');
    if (!existsSync(args.file)) {
      throw new Fault('config', `${args.file}: there is no such file`, {
        hint: `look into ${place.dataDir}/quarantine`,
      });
    }
    const [{ openOrSalvage }, { takeOver }, { diskFault }] = await Promise.all([
      import('../outbox/recovery.ts'),
      import('../outbox/take-over.ts'),
      import('../outbox/disk-faults.ts'),
    ]);
    // One that is damaged itself is set aside first.
    const { store, reports } = openOrSalvage(place.dataDir, Date.now());
    for (const { file, batches } of reports) process.stderr.write(`${batches} batches from ${file}, set aside\n`);
    try {
      let told = 0;
      const onProgress = ({ batches }: { batches: number }) => {
        if (batches < told + PROGRESS_EVERY) return;
        told = batches;
        process.stderr.write(`${batches} batches so far\n`);
      };
      const report = takeOver(store, args.file, { now: Date.now(), onProgress });
      const { batches, observations, lost } = report;
      const rest = lost === null ? 'nothing else can be read' : `${lost} are lost, recorded as gaps`;
      const text = `${batches} undelivered batches with ${observations} observations are in ${place.dataDir} now; ${rest}\n`;
      process.stdout.write(args.json ? `${JSON.stringify(report)}\n` : text);
      if (lost !== 0) process.exitCode = 1;
    } catch (error) {
      throw diskFault(error, place.dataDir)?.fault ?? error;
    } finally {
      store.close();
    }
  },
};
