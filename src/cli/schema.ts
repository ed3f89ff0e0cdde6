import type { CommandModule } from 'yargs';

const KINDS = ['config', 'telemetry', 'event', 'status'] as const;
type Kind = (typeof KINDS)[number];

export const schemaCommand: CommandModule<object, { kind: Kind }> = {
  command: 'schema [kind]',
  describe: 'Print the JSON Schema of the config, or of what is published',
  builder: (yargs) =>
    yargs.positional('kind', { choices: KINDS, default: 'config' as const, describe: 'What to describe' }),
  handler: async ({ kind }) => {
    process.stdout.write(`${JSON.stringify(await schemaOf(kind), null, 2)}\n`);
  },
};

async function schemaOf(kind: Kind): Promise<object> {
  if (kind !== 'config') {
    const { wireJsonSchema } = await import('../wire/json-schema.ts');
    return wireJsonSchema(kind);
  }
  const [{ configJsonSchema }, { drivers }] = await Promise.all([
    import('../config/json-schema.ts'),
    import('../drivers/registry.ts'),
  ]);
  return configJsonSchema(drivers);
}
