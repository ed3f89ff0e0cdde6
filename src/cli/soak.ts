import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Argv, CommandModule } from 'yargs';
import type { Config } from '../config/schema.ts';
import { duration, size } from '../config/units.ts';
import { parseBrokerUrl } from '../consumer/broker-url.ts';
import type { LinkOptions } from '../consumer/link.ts';
import { codeOf, Fault } from '../errors.ts';
import type { ApiState } from '../http/api.ts';

const EXIT = { fault: 1, config: 78 } as const;

interface Arguments {
  config: string;
  duration: string;
  broker: string | undefined;
  username: string | undefined;
  out: string;
  maxLatency: string;
  maxRestarts: number;
  maxLost: number;
  maxMemory: string | undefined;
  maxTemperature: number;
}

const text = (describe: string) => ({ type: 'string', requiresArg: true, describe }) as const;
const number = (describe: string, standard: number) =>
  ({ type: 'number', requiresArg: true, default: standard, describe }) as const;

export const soakCommand: CommandModule<object, Arguments> = {
  command: 'soak',
  describe:
    'Acceptance of an installation: receive what the running gateway sends, count losses, latency, restarts; report; exit code 1 where a limit is broken',
  builder: (yargs) =>
    yargs
      .options({
        config: { ...text('Config file (YAML) of the running gateway'), demandOption: true },
        duration: { ...text('How long, e.g. 10m or 24h'), default: '2h' },
        broker: text('Broker as it is reached from here; default: uplink.url'),
        username: text(
          'User name there; the password comes from the environment variable MQTT_PASSWORD; default: uplink.auth',
        ),
        out: { ...text('Folder for report.md and report.json'), default: 'soak-report' },
        'max-latency': { ...text('P99 of each machine, from an observation to its arrival'), default: '10s' },
        'max-restarts': number('Restarts of the gateway', 0),
        'max-lost': number('Observations that gaps tell as lost', 0),
        'max-memory': text('Memory of the process; default: gateway.maxMemory'),
        'max-temperature': number('Degrees Celsius', 80),
      })
      .check((args) => usageError(args as never) ?? true) as unknown as Argv<Arguments>,
  handler: async (args) => {
    const [{ loadConfigOrTell }, { soak }, { reportPage }, { ask }, { ProgressLine }] = await Promise.all([
      import('./load-config.ts'),
      import('../soak/soak.ts'),
      import('../soak/report.ts'),
      import('../control/client.ts'),
      import('../commission/progress-line.ts'),
    ]);
    const config = await loadConfigOrTell(args.config, { absent: 'warning' });
    if (config === undefined) {
      process.exitCode = EXIT.config;
      return;
    }
    const { tenant, id, dataDir, maxMemory } = config.gateway;
    // Before the time is spent, not after.
    writeFiles(args.out, { 'report.md': `# Soak of ${tenant}/${id}: under way\n` });
    const stop = new AbortController();
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
    const screen = new ProgressLine(process.stderr);
    const report = await soak(
      {
        ...{ tenant, id, machines: config.machines.map((machine) => machine.id), link: linkOf(config, args) },
        ask: () => ask<ApiState>(dataDir, { command: 'status' }),
        duration: duration().parse(args.duration),
        limits: {
          maxLatency: duration().parse(args.maxLatency),
          maxRestarts: args.maxRestarts,
          maxLost: args.maxLost,
          maxMemory: args.maxMemory === undefined ? maxMemory : size().parse(args.maxMemory),
          maxTemperature: args.maxTemperature,
        },
        progress: (line) => screen.show(line),
        say: (line) => screen.say(line),
      },
      stop.signal,
    );
    screen.clear();
    writeFiles(args.out, { 'report.md': reportPage(report), 'report.json': `${JSON.stringify(report, null, 2)}\n` });
    for (const { name, level, text: found } of report.findings)
      process.stdout.write(`${level.padEnd(4)}  ${name}: ${found}\n`);
    process.stdout.write(`${report.passed ? 'passed' : 'FAILED'}: ${join(args.out, 'report.md')}\n`);
    if (!report.passed) process.exitCode = EXIT.fault;
  },
};

/** What is wrong with the arguments. */
function usageError({ broker, duration: time, maxLatency, maxMemory, ...limits }: Arguments): string | undefined {
  if (broker !== undefined && parseBrokerUrl(broker) === undefined) {
    return '--broker: expected a URL like mqtts://broker.example.com:8883';
  }
  if (!duration({ min: '1s' }).safeParse(time).success) {
    return '--duration: expected a duration with its unit, from 1s to 24d';
  }
  if (!duration().safeParse(maxLatency).success) return '--max-latency: expected a duration with its unit, e.g. 10s';
  if (maxMemory !== undefined && !size().safeParse(maxMemory).success) {
    return '--max-memory: expected a size with its unit, e.g. 300MiB';
  }
  const { maxRestarts, maxLost, maxTemperature } = limits;
  const isCount = [maxRestarts, maxLost, maxTemperature].every((value) => Number.isFinite(value) && value >= 0);
  return isCount ? undefined : '--max-restarts, --max-lost and --max-temperature: expected a number, 0 or more';
}

/** As the gateway reaches its broker, but under another client id. @throws Fault of the config */
function linkOf({ uplink }: Config, { broker, username }: Arguments): LinkOptions & { clientId: string } {
  const { auth, tls } = uplink;
  const clientId = `edge-gateway-soak-${randomUUID().slice(0, 8)}`;
  const isInUrl = broker !== undefined && parseBrokerUrl(broker)?.username !== undefined;
  const own = username === undefined && !isInUrl;
  return {
    url: broker ?? uplink.url,
    clientId,
    username: own ? (auth?.username ?? (auth === undefined ? undefined : clientId)) : username,
    password: own ? (auth?.token ?? auth?.password)?.reveal() : process.env['MQTT_PASSWORD'],
    ca: pem(tls?.ca),
    cert: pem(tls?.cert),
    key: pem(tls?.key),
  };
}

function pem(path: string | undefined): string | undefined {
  try {
    return path === undefined ? undefined : readFileSync(path, 'utf8');
  } catch (cause) {
    throw new Fault('config', `cannot read ${path} (${codeOf(cause)})`, {
      cause,
      hint: 'run as a user who may read it',
    });
  }
}

function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  try {
    mkdirSync(folder, { recursive: true });
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  } catch (cause) {
    throw new Fault('config', `cannot write to ${folder} (${codeOf(cause)})`, { cause, hint: 'give another --out' });
  }
}
