import type { CommandModule } from 'yargs';

const KINDS = ['config'] as const;

export const schemaCommand: CommandModule<object, { kind: (typeof KINDS)[number] }> = {
  command: 'schema [kind]',
  describe: 'Print the JSON Schema of the config, or of what is published',
  builder: (yargs) =>
    yargs.positional('kind', { choices: KINDS, default: 'config' as const, describe: 'What to describe' }),
  handler: async ({ kind }) => {
    process.stdout.write(`${JSON.stringify(await schemaOf[kind](), null, 2)}\n`);
  },
};

const schemaOf = {
  config: async () => {
    const [{ configJsonSchema }, { driverSettings }] = await Promise.all([
      import('../config/json-schema.ts'),
      import('./load-config.ts'),
    ]);
    return configJsonSchema(driverSettings());
  },
} satisfies Record<(typeof KINDS)[number], () => Promise<unknown>>;
