import type { CommandModule } from 'yargs';

/** Told by name, since their schemas take a while to load. */
const KINDS = [
  'config',
  'telemetry',
  'rollup',
  'alert',
  'event',
  'status',
  'test',
  'command',
  'reply',
  'asyncapi',
] as const;
type Kind = (typeof KINDS)[number];

export const schemaCommand: CommandModule<object, { kind: Kind }> = {
  command: 'schema [kind]',
  describe: 'Print the JSON Schema of the config or of what is published, or the AsyncAPI document of all of it',
  builder: (yargs) =>
    yargs.positional('kind', { choices: KINDS, default: 'config' as const, describe: 'What to describe' }),
  handler: async ({ kind }) => {
    process.stdout.write(`${JSON.stringify(await schemaOf(kind), null, 2)}\n`);
  },
};

async function schemaOf(kind: Kind): Promise<object> {
  if (kind === 'asyncapi') return (await import('../wire/asyncapi.ts')).asyncApi();
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
