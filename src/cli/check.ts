import type { CommandModule } from 'yargs';

interface CheckArguments {
  file: string[];
  json: boolean;
  secrets: boolean;
}

export const checkCommand: CommandModule<object, CheckArguments> = {
  command: 'check <file..>',
  describe: 'Tell everything that is wrong with config files; exits 78 when something is',
  builder: (yargs) =>
    yargs
      .positional('file', { type: 'string', array: true, demandOption: true, describe: 'Config files (YAML)' })
      .option('json', { type: 'boolean', default: false, describe: 'Print one JSON object' })
      .option('secrets', {
        type: 'boolean',
        default: true,
        describe: 'With --no-secrets, secrets and files that are not on this computer are only warned about',
      }),
  handler: async ({ file: files, json, secrets }) => {
    const [{ configErrorText }, { loadWithDrivers }] = await Promise.all([
      import('../config/load.ts'),
      import('./load-config.ts'),
    ]);
    const options = { absent: secrets ? 'error' : 'warning' } as const;
    const results = await Promise.all(
      files.map(async (file) => ({ file, result: (await loadWithDrivers(file, options)).result })),
    );
    const errors = results.flatMap(({ result }) => ('errors' in result ? result.errors : []));
    const warnings = results.flatMap(({ result }) => result.warnings);
    process.exitCode = errors.length > 0 ? 78 : 0;
    if (json) {
      process.stdout.write(`${JSON.stringify({ ok: errors.length === 0, errors, warnings }, null, 2)}\n`);
      return;
    }
    for (const warning of warnings) process.stderr.write(`${configErrorText(warning, 'warning')}\n`);
    for (const error of errors) process.stderr.write(`${configErrorText(error)}\n`);
    for (const { file, result } of results) {
      if ('errors' in result) continue;
      const { machines, uplink } = result.config;
      const count = machines.length === 1 ? '1 machine' : `${machines.length} machines`;
      process.stdout.write(`${file}: ok — ${count}, uplink ${uplink.url}\n`);
    }
  },
};
