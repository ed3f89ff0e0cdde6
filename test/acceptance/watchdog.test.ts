import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { stringify } from 'yaml';
import { SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import { DemoConsumer } from '../../src/demo/demo-consumer.ts';
import { microsOf, Tally } from '../../src/demo/tally.ts';
import type { Judgement } from '../../src/health/judgement.ts';
import { records } from '../../src/watchdog-record.ts';
import { freePort, noMosquitto, OPEN, startMosquitto } from '../support/brokers.ts';
import { until } from '../support/plant.ts';
import { hangingDisk, noCompiler } from '../support/slow-disk.ts';

const ROOT = join(import.meta.dirname, '../..');
const WEDGE = join(import.meta.dirname, '../support/wedge.ts');
/** The shortest that the config allows. */
const WATCHDOG_MS = 5000;
/** Looks are a second apart, a restart of the process takes some, and the computer is busy. */
const RECOVERY_MS = WATCHDOG_MS + 20_000;

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly stage?: string;
}

/** A gateway, a machine and a consumer that knows what the machine has produced. */
class Site implements AsyncDisposable {
  readonly lines: Line[] = [];
  readonly dataDir: string;
  readonly tally = new Tally();
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #stack = new AsyncDisposableStack();
  #child: ReturnType<typeof spawn> | undefined;
  #isOver = false;
  agent!: SimulatedAgent;
  broker!: Awaited<ReturnType<typeof startMosquitto>>;
  http = '';
  /** How often the process was started: what a service manager does. */
  starts = 0;

  private constructor(folder: string, env: Readonly<Record<string, string>>) {
    this.#folder = folder;
    this.#env = env;
    this.dataDir = join(folder, 'data');
  }

  static async open(folder: string, env: Readonly<Record<string, string>>, gateway: object = {}): Promise<Site> {
    const site = new Site(folder, env);
    site.broker = site.#stack.use(await startMosquitto([...OPEN, 'max_queued_messages 0']));
    site.agent = new SimulatedAgent({
      devices: [{ name: 'mill' }],
      rate: 50,
      onProduced: ({ device, dataItemId: id, name, timestamp }) => {
        if (device === 'mill') site.tally.addProduced(device, { id, name }, microsOf(timestamp));
      },
    });
    await site.agent.start();
    site.agent.pause();
    site.#stack.defer(() => site.agent.stop());
    const consumer = await DemoConsumer.connect(
      { url: `mqtt://127.0.0.1:${site.broker.port}`, onLink: () => undefined },
      site.tally,
    );
    site.#stack.use(consumer);
    site.http = `127.0.0.1:${await freePort()}`;
    const config = {
      gateway: { id: 'gw', tenant: 'acme', dataDir: site.dataDir, watchdog: `${WATCHDOG_MS}ms`, ...gateway },
      machines: [{ id: 'mill', driver: 'mtconnect', url: site.agent.url.href, device: 'mill', requestTimeout: '1s' }],
      uplink: {
        url: `mqtt://127.0.0.1:${site.broker.port}`,
        ackTimeout: '1s',
        connectTimeout: '500ms',
        backoff: { min: '50ms', max: '200ms' },
      },
      http: { listen: site.http },
      log: { format: 'json' },
    };
    writeFileSync(join(folder, 'gateway.yaml'), stringify(config));
    site.#stack.defer(() => site.#end());
    site.#start();
    await consumer.firstContact(['mill'], AbortSignal.timeout(30_000));
    site.agent.run();
    return site;
  }

  /** Has the part that hangs hang. */
  async wedge(): Promise<void> {
    this.#child?.kill('SIGUSR2');
    await until('it hangs', () => this.lines.some(({ msg }) => msg === 'wedged'));
  }

  async health(): Promise<{ status: number; body: Judgement }> {
    const answer = await fetch(`http://${this.http}/healthz`, { signal: AbortSignal.timeout(2000) });
    return { status: answer.status, body: (await answer.json()) as Judgement };
  }

  /** Whether everything that was produced up to now comes, within a while. */
  async complete(): Promise<boolean> {
    this.agent.pause();
    await until('everything produced is received', () => this.tally.missing === 0, 20_000).catch(() => undefined);
    return this.tally.missing === 0 && this.tally.produced > 0;
  }

  #start(): void {
    this.starts += 1;
    const args = ['--import', WEDGE, join(ROOT, 'src/main.ts'), 'run', '--config', join(this.#folder, 'gateway.yaml')];
    const { NODE_OPTIONS: _, ...env } = process.env;
    const child = spawn(process.execPath, args, {
      env: { ...env, ...this.#env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface({ input: child.stdout }).on('line', (line) => this.lines.push(JSON.parse(line)));
    child.on('exit', () => {
      if (!this.#isOver) this.#start();
    });
    this.#child = child;
  }

  async #end(): Promise<void> {
    this.#isOver = true;
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

t.jobs = 2;
const options = { skip: noMosquitto, timeout: 120_000 };

t.test('a frozen event loop is found by the thread of the outbox, and nothing is lost', options, async (t) => {
  await using site = await Site.open(t.testdir(), { WEDGE: 'loop' });
  const begun = performance.now();
  await site.wedge();
  await until('the process is started again', () => site.starts === 2, RECOVERY_MS);
  const found = performance.now() - begun;
  t.comment(`found after ${(found / 1000).toFixed(1)} s`);
  t.ok(found >= WATCHDOG_MS - 1000, 'not sooner than it may');
  t.match(records(site.dataDir), [{ stage: 'event-loop', message: /^the event loop has stood still for \d+ s$/ }]);
  await until('it is told', () =>
    site.lines.some(({ msg }) => msg.startsWith('the watchdog has restarted the gateway')),
  );
  t.ok(await site.complete(), `${site.tally.produced} produced, ${site.tally.missing} missing`);
  t.match(await site.health(), { status: 200, body: { healthy: true, processRestarts: 1 } });
});

t.test(
  'an outbox whose disk never answers ends the process, and nothing is lost',
  { ...options, skip: noMosquitto || noCompiler },
  async (t) => {
    const folder = t.testdir();
    const file = join(folder, 'hang');
    await using site = await Site.open(folder, hangingDisk(folder, file));
    writeFileSync(file, '');
    await until('the process has ended', () => site.starts === 2, RECOVERY_MS);
    rmSync(file);
    t.match(records(site.dataDir), [{ stage: 'outbox', message: /^the outbox has not answered for \d+ s/ }]);
    t.ok(await site.complete(), `${site.tally.produced} produced, ${site.tally.missing} missing`);
  },
);

t.test('an uplink that wedges is replaced in the running process, and nothing is lost', options, async (t) => {
  await using site = await Site.open(t.testdir(), { WEDGE: 'uplink' });
  await site.wedge();
  await site.broker.stop('SIGKILL');
  await site.broker.start();
  await until('it is replaced', () => site.lines.some(({ stage }) => stage === 'uplink'), RECOVERY_MS);
  t.ok(await site.complete(), `${site.tally.produced} produced, ${site.tally.missing} missing`);
  t.equal(site.starts, 1);
  t.match((await site.health()).body.stages, [{ stage: 'outbox' }, { stage: 'uplink', restarts: 1 }]);
});

t.test('memory beyond the ceiling has the process restarted in order, and not again and again', options, async (t) => {
  await using site = await Site.open(t.testdir(), {}, { maxMemory: '64MiB' });
  await until('the process is started again', () => site.starts === 2, 60_000);
  t.match(records(site.dataDir), [{ stage: 'memory', message: /more than gateway\.maxMemory \(64 MiB\)$/ }]);
  t.ok(site.lines.some(({ msg }) => msg === 'stopped: everything read is committed'));
  await until(
    'it is held back',
    () => site.lines.some(({ msg }) => msg.includes('it is not again for now')),
    60_000,
  ).catch((error: unknown) => t.fail(`${error}\n${site.lines.map(({ msg }) => msg).join('\n')}`));
  t.match(await site.health(), { status: 503, body: { healthy: false, processRestarts: 1 } });
  t.equal(site.starts, 2);
});
