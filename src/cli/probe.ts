import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import { duration } from '../config/units.ts';
import type { ProbeOptions } from '../drivers/toolbox.ts';
import { codeOf, explain, Fault } from '../errors.ts';

/** Enough for a slow bus of many registers. */
const DEFAULT_TIMEOUT = '2m';
/** Characters of what went wrong. */
const MAX_FAULT = 2000;

interface Arguments {
  url: string;
  json: boolean;
  expect: number[] | undefined;
  user: string | undefined;
  passwordEnv: string | undefined;
  passwordFile: string | undefined;
  trust: boolean;
  id: string | undefined;
  config: string | undefined;
  timeout: string;
}

const text = (describe: string) => ({ type: 'string', requiresArg: true, describe }) as const;

export const probeCommand: CommandModule<object, Arguments> = {
  command: 'probe <url>',
  describe: 'Look at a machine: what is there, what it reads now, and its entry for a config',
  builder: (yargs) =>
    yargs
      .positional('url', {
        type: 'string',
        demandOption: true,
        describe:
          'http://…, opc.tcp://…, modbus://host:port/unit, modbus+rtu:///dev/ttyUSB0?…; or only host or host:port',
      })
      .options({
        json: { type: 'boolean', default: false, describe: 'Print everything as one JSON object' },
        expect: {
          ...text('A value that the machine’s panel shows now: what reads it is looked for; may be repeated'),
          // Panels show decimal commas too.
          coerce: (given: string | string[]) =>
            [given].flat().map((one) => Number(String(one).replace(',', '.') || Number.NaN)),
        },
        user: text('User name that the machine asks for'),
        'password-env': text('Environment variable that holds the password'),
        'password-file': text('File that holds the password'),
        trust: { type: 'boolean', default: false, describe: 'Trust the certificate that the server shows now' },
        id: text('Id of the machine in the config'),
        config: text('Config that the machine will be part of: its data folder keeps certificates, its ids are taken'),
        timeout: { ...text('For all of it'), default: DEFAULT_TIMEOUT },
      })
      .conflicts('password-env', 'password-file')
      .check((args) => usageError(args as never) ?? true) as unknown as Argv<Arguments>,
  handler: async (args) => {
    const { endSoon, interruption } = await import('../commission/interrupt.ts');
    const stop = interruption();
    try {
      await probe(args, stop);
    } catch (error) {
      if (stop.aborted) return;
      if (!(error instanceof Fault)) throw error;
      // Whoever is at fault: nothing was found, and no config is wrong.
      const { printable } = await import('../commission/printable.ts');
      // The machine's own words may be part of it.
      process.stderr.write(`edge-gateway: ${printable(explain(error), MAX_FAULT)}\n`);
      process.exitCode = 1;
    } finally {
      endSoon();
    }
  },
};

function usageError({ expect = [], timeout, id }: Arguments): string | undefined {
  if (expect.some((value) => !Number.isFinite(value))) return '--expect: expected a number, e.g. 1523.5';
  if (id !== undefined && !/^(?!_)[A-Za-z0-9._-]{1,64}$/.test(id)) {
    return '--id: expected 1 to 64 letters, digits, dots, dashes or underscores, not beginning with an underscore';
  }
  return duration().safeParse(timeout).success ? undefined : '--timeout: expected a duration with its unit, e.g. 30s';
}

/** @throws Fault that says what to do; the abort reason */
async function probe(args: Arguments, stop: AbortSignal): Promise<void> {
  const [
    { parseTarget, TargetError, Toolboxes, toolsOf },
    { probeTarget },
    { entriesOf, machinesYaml },
    { probeReport },
  ] = await Promise.all([
    import('../commission/toolboxes.ts'),
    import('../commission/probe-target.ts'),
    import('../commission/machine-yaml.ts'),
    import('../commission/report.ts'),
  ]);
  const surroundings = await surroundingsOf(args.config);
  if (surroundings === undefined) return;
  const tools = toolsOf(surroundings.drivers);
  let target: ReturnType<typeof parseTarget>;
  try {
    target = parseTarget(args.url, tools);
  } catch (error) {
    if (!(error instanceof TargetError)) throw error;
    process.stderr.write(`edge-gateway: ${error.message}\n`);
    process.exitCode = 64;
    return;
  }
  const tell = (line: string) => process.stderr.write(`${line}\n`);
  const options = { tell, ...asked(args) };
  const limit = AbortSignal.timeout(duration().parse(args.timeout));
  const signal = AbortSignal.any([stop, limit]);
  const { driver, url, probed } = await probeTarget(
    target,
    { tools, toolboxes: new Toolboxes(), dataDir: surroundings.dataDir, options },
    signal,
  ).catch((error: unknown) => {
    if (!limit.aborted || stop.aborted) throw error;
    throw new Fault('machine', `${args.url}: the probe did not end within ${args.timeout}`, {
      hint: 'the machine is slow or silent: give it more with --timeout',
    });
  });
  const entries = entriesOf(driver, probed, surroundings.taken, args.id);
  const yaml = machinesYaml(entries);
  process.exitCode = entries.length > 0 ? 0 : 1;
  if (args.json) {
    process.stdout.write(`${JSON.stringify({ driver, url, ...probed, yaml }, null, 2)}\n`);
    return;
  }
  tell(['', ...probeReport(probed), ''].join('\n'));
  if (entries.length > 0) tell('Put this below machines: in the config.');
  process.stdout.write(yaml);
}

/** The drivers and the data folder, and ids that are taken; undefined where the config has errors, which are told. */
async function surroundingsOf(file: string | undefined) {
  if (file === undefined) {
    const [{ drivers }, { stateFolder }] = await Promise.all([
      import('../drivers/registry.ts'),
      import('../commission/state-folder.ts'),
    ]);
    return { drivers, dataDir: stateFolder(), taken: new Set<string>() };
  }
  const { loadOrTell } = await import('./load-config.ts');
  const loaded = await loadOrTell(file, { absent: 'warning' });
  if (loaded === undefined) {
    process.exitCode = 78;
    return undefined;
  }
  const { config, drivers } = loaded;
  return { drivers, dataDir: config.gateway.dataDir, taken: new Set(config.machines.map(({ id }) => id)) };
}

/** What the person said beside the URL. @throws Fault of the config where the password is not there */
function asked({ expect, user, trust, passwordEnv, passwordFile }: Arguments): Partial<ProbeOptions> {
  return {
    trust,
    ...(expect === undefined ? {} : { expect }),
    ...(user === undefined ? {} : { user }),
    ...(passwordEnv === undefined
      ? {}
      : { password: fromEnv(passwordEnv), passwordReference: `\${env:${passwordEnv}}` }),
    ...(passwordFile === undefined
      ? {}
      : { password: fromFile(passwordFile), passwordReference: `\${file:${resolve(passwordFile)}}` }),
  };
}

function fromEnv(name: string): string {
  const password = process.env[name];
  if (password) return password;
  throw new Fault('config', `--password-env: the environment variable ${name} is not set`, {
    hint: `set it with: read -rs ${name}; export ${name}`,
  });
}

function fromFile(path: string): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (cause) {
    throw new Fault('config', `--password-file: cannot read ${path} (${codeOf(cause)})`, {
      hint: 'give a file that this user may read',
      cause,
    });
  }
}
