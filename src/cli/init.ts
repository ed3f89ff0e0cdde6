import { accessSync, constants, existsSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import type { ConfigPlan } from '../commission/config-text.ts';
import { parsePorts } from '../commission/discovery.ts';
import type { Asking } from '../commission/machine-questions.ts';
import type { MachineEntry } from '../commission/machine-yaml.ts';
import { codeOf, Fault } from '../errors.ts';
import { ID_PATTERN } from '../wire/contract.ts';

const ID_HELP = 'expected 1 to 64 letters, digits, dots, dashes or underscores';

interface Arguments {
  file: string;
  defaults: boolean;
  gateway: string | undefined;
  tenant: string | undefined;
  dataDir: string | undefined;
  machine: string[] | undefined;
  ports: string | undefined;
  uplink: string | undefined;
  ca: string | undefined;
  username: string | undefined;
  passwordEnv: string | undefined;
  force: boolean;
}

const text = (describe: string) => ({ type: 'string', requiresArg: true, describe }) as const;

export const initCommand: CommandModule<object, Arguments> = {
  command: 'init [file]',
  describe: 'Make a config by questions: find machines, name them, say where the data goes',
  builder: (yargs) =>
    yargs
      .positional('file', { type: 'string', default: 'gateway.yaml', describe: 'Config to write' })
      .options({
        defaults: { type: 'boolean', default: false, describe: 'Ask nothing: what is not given has its default' },
        gateway: text('Id of the gateway; default: the name of this computer'),
        tenant: text('Owner of the data'),
        'data-dir': text('Folder of what waits to be sent'),
        machine: {
          ...text('URL of a machine to probe; may be repeated'),
          coerce: (given: string | string[]) => [given].flat(),
        },
        ports: text('TCP ports to search instead of the usual ones, e.g. 502,5000-5010'),
        uplink: text('Broker: mqtt://, mqtts://, ws:// or wss://'),
        ca: text('PEM file of the CA of the broker’s certificate'),
        username: text('User name at the broker'),
        'password-env': text('Environment variable that will hold the password'),
        force: { type: 'boolean', default: false, describe: 'Overwrite the file without asking' },
      })
      .check((args) => usageError(args as never) ?? true) as unknown as Argv<Arguments>,
  handler: async (args) => {
    const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
    if (!args.defaults && !isTerminal) {
      process.stderr.write(
        'edge-gateway: init asks questions, so it needs a terminal; for a script: init FILE --defaults --tenant acme --uplink mqtts://… --machine URL\n',
      );
      process.exitCode = 64;
      return;
    }
    const [{ endSoon, interruption }, { Stopped }] = await Promise.all([
      import('../commission/interrupt.ts'),
      import('../commission/prompts.ts'),
    ]);
    const stop = interruption();
    try {
      await init(args, stop);
    } catch (error) {
      if (!stop.aborted && !(error instanceof Stopped)) throw error;
      if (!stop.aborted) process.stderr.write('edge-gateway: stopped; nothing was written\n');
      process.exitCode = 1;
    } finally {
      endSoon();
    }
  },
};

function usageError(args: Arguments): string | undefined {
  const { defaults, gateway, tenant, ports, uplink, ca, username, passwordEnv } = args;
  if (gateway !== undefined && !ID_PATTERN.test(gateway)) return `--gateway: ${ID_HELP}`;
  if (tenant !== undefined && !ID_PATTERN.test(tenant)) return `--tenant: ${ID_HELP}`;
  if (ports !== undefined && parsePorts(ports) === undefined) {
    return '--ports: expected at most 256 ports, e.g. 502,5000-5010';
  }
  if (passwordEnv !== undefined && username === undefined) return '--password-env needs --username';
  if (uplink === undefined && (ca ?? username) !== undefined) return '--ca and --username need --uplink';
  if (defaults && tenant === undefined) return '--tenant is missing: with --defaults it has to be given';
  return defaults && uplink === undefined ? '--uplink is missing: with --defaults it has to be given' : undefined;
}

/** @throws Fault where a machine cannot be read or the file not be written; Stopped; the abort reason */
async function init(args: Arguments, signal: AbortSignal): Promise<void> {
  const [{ drivers }, { configSchema }, { configText }, { Prompts }, { Toolboxes, toolsOf }] = await Promise.all([
    import('../drivers/registry.ts'),
    import('../config/schema.ts'),
    import('../commission/config-text.ts'),
    import('../commission/prompts.ts'),
    import('../commission/toolboxes.ts'),
  ]);
  const prompts = new Prompts(signal);
  const schema = configSchema(drivers);
  const folder = dirname(resolve(args.file));
  if (!(await mayWrite(args, (question) => prompts.confirm(question)))) {
    process.stdout.write('Nothing was changed.\n');
    return;
  }
  const preset =
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .slice(0, 64) || 'gw-01';
  const idError = (id: string) => (ID_PATTERN.test(id) ? undefined : ID_HELP);
  const ask = (message: string, preset?: string) =>
    prompts.input(message, { ...(preset === undefined ? {} : { default: preset }), error: idError });
  const gateway = args.gateway ?? (args.defaults ? preset : await ask('Id of this gateway', preset));
  const tenant = args.tenant ?? (await ask('Tenant: the owner of the data'));
  const names = { id: gateway, tenant, ...(args.dataDir === undefined ? {} : { dataDir: args.dataDir }) };
  const { dataDir } = schema.shape.gateway.parse(names);
  const probing = { tools: toolsOf(drivers), toolboxes: new Toolboxes(), dataDir: resolve(folder, dataDir) };
  const ports = args.ports === undefined ? undefined : parsePorts(args.ports);
  const urlError = (url: string) => schema.shape.uplink.shape.url.safeParse(url).error?.issues[0]?.message;
  const entries = await machinesOf(args, { prompts, probing, ports, signal });
  const uplink = await uplinkOf(args, (module) => module.askUplink(prompts, folder, urlError), urlError);
  const plan: ConfigPlan = { gateway, tenant, dataDir: args.dataDir, entries, uplink };
  attempt(args.file, () => writeFileSync(args.file, configText(plan, args.file)));
  await finish(args.file, entries.length);
}

/**
 * A file that is there is only overwritten after asking.
 * @throws Fault of the config where nobody can be asked; of the disk where nothing can be written, before a person has
 *   answered everything in vain
 */
async function mayWrite({ file, force, defaults }: Arguments, ask: (question: string) => Promise<boolean>) {
  attempt(file, () => accessSync(dirname(resolve(file)), constants.W_OK));
  if (force || !existsSync(file)) return true;
  if (!defaults) return ask(`${file} is there already. Overwrite it?`);
  throw new Fault('config', `${file} is there already`, { hint: 'give another name, or --force to overwrite it' });
}

/** The machines that were named, else those that a person is asked for. */
async function machinesOf({ machine: urls, defaults }: Arguments, asking: Asking): Promise<MachineEntry[]> {
  if (urls === undefined && !defaults) {
    const { askMachines } = await import('../commission/machine-questions.ts');
    return askMachines(asking);
  }
  const [{ probeTarget }, { parseTarget, TargetError }, { entriesOf }] = await Promise.all([
    import('../commission/probe-target.ts'),
    import('../commission/toolboxes.ts'),
    import('../commission/machine-yaml.ts'),
  ]);
  const taken = new Set<string>();
  const entries: MachineEntry[] = [];
  for (const url of urls ?? []) {
    try {
      const options = { tell: (line: string) => process.stderr.write(`${line}\n`) };
      const target = parseTarget(url, asking.probing.tools);
      const { driver, probed } = await probeTarget(target, { ...asking.probing, options }, asking.signal);
      entries.push(...entriesOf(driver, probed, taken));
    } catch (error) {
      if (error instanceof TargetError) throw new Fault('config', `--machine: ${error.message}`);
      throw error;
    }
  }
  return entries;
}

type Questions = typeof import('../commission/uplink-questions.ts');

/** @throws Fault of the config for a URL that is none */
async function uplinkOf(
  { uplink: url, ca, username, passwordEnv }: Arguments,
  ask: (questions: Questions) => Promise<ConfigPlan['uplink']>,
  urlError: (url: string) => string | undefined,
): Promise<ConfigPlan['uplink']> {
  if (url === undefined) return ask(await import('../commission/uplink-questions.ts'));
  const error = urlError(url);
  if (error !== undefined) throw new Fault('config', `--uplink: ${error}`);
  return { url, ca, username, password: passwordEnv === undefined ? undefined : `\${env:${passwordEnv}}` };
}

/** @throws Fault of the disk */
function attempt(file: string, step: () => void): void {
  try {
    step();
  } catch (cause) {
    const hint = 'give a place that this user may write to';
    throw new Fault('disk', `cannot write ${file} (${codeOf(cause)})`, { hint, cause });
  }
}

/** Checks what was written as `check` does, and says what comes next. */
async function finish(file: string, machines: number): Promise<void> {
  const { loadOrTell } = await import('./load-config.ts');
  // Secrets and files may still be on their way.
  const loaded = await loadOrTell(file, { absent: 'warning' });
  process.exitCode = loaded === undefined ? 78 : 0;
  process.stdout.write(
    loaded === undefined
      ? `${file} was written, but it has the errors above: mend them, then edge-gateway check ${file}\n`
      : [
          `${file} was written and is valid${machines === 0 ? '; replace its example of a machine' : ''}. Next:`,
          `  edge-gateway doctor --config ${file}    # tests every link`,
          `  edge-gateway run --config ${file}`,
          '',
        ].join('\n'),
  );
}
