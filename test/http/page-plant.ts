import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import type { SimulatedDevice } from '../../simulator/mtconnect/device.ts';
import { type FaultyProxy, startProxy } from '../../simulator/proxy.ts';
import { type DemoBroker, startBroker } from '../../src/demo/broker.ts';
import type { ApiState } from '../../src/http/api.ts';
import { freePort } from '../support/brokers.ts';
import { type RunningGateway, runGateway, until } from '../support/plant.ts';

const RATE = 60;
const STOP_MS = 8000;

/** What a hostile machine calls a signal. */
export const HOSTILE_NAME = '<img src=x onerror="window.pwned=1">';
/** What it says. */
export const HOSTILE_TEXT = `"><script>window.pwned=1</script>${'long '.repeat(200)}`;

const HOSTILE: SimulatedDevice = {
  element: 'Device',
  id: 'evil',
  name: 'evil',
  uuid: 'sim-evil',
  description: { manufacturer: '<b onclick=alert(1)>Evil</b>' },
  dataItems: [
    { id: 'evil_avail', category: 'EVENT', type: 'AVAILABILITY', name: 'avail' },
    { id: 'evil_name', category: 'SAMPLE', type: 'LOAD', units: 'PERCENT', name: HOSTILE_NAME },
    { id: 'evil_text', category: 'EVENT', type: 'MESSAGE', name: 'message' },
  ],
};

const MACHINES = ['vmc-1', 'vmc-2'];
/** A machine with many signals. */
export const WIDE = 'wide';

export interface PagePlantOptions {
  /** What the page wants; none: it is open to this computer. */
  readonly token?: string;
  /** Signals of one more machine, whose values are their numbers. */
  readonly signals?: number;
  /** More machines, where nothing answers. */
  readonly absent?: number;
}

/** Two CNCs and a hostile machine → gateway process → broker behind a proxy, and the page that the gateway serves. */
export class PagePlant implements AsyncDisposable {
  readonly agent: SimulatedAgent;
  readonly uplink: FaultyProxy;
  readonly url: string;
  readonly #broker: DemoBroker;
  readonly #configFile: string;
  readonly #token: string | undefined;
  #gateway: RunningGateway;

  private constructor(
    { agent, uplink, url }: Pick<PagePlant, 'agent' | 'uplink' | 'url'>,
    broker: DemoBroker,
    configFile: string,
    token: string | undefined,
  ) {
    this.agent = agent;
    this.uplink = uplink;
    this.url = url;
    this.#broker = broker;
    this.#configFile = configFile;
    this.#token = token;
    this.#gateway = this.#run();
  }

  /** Resolves when every machine is read and the uplink stands. `folder` takes config and data. */
  static async start(folder: string, { token, signals = 0, absent = 0 }: PagePlantOptions = {}): Promise<PagePlant> {
    const own = signals === 0 ? [HOSTILE] : [HOSTILE, wideDevice(signals)];
    const agent = new SimulatedAgent({ devices: [...MACHINES.map((name) => ({ name })), ...own], rate: RATE });
    await agent.start();
    for (let n = 0; n < signals; n += 1) agent.observe(WIDE, `wide_${n}`, n);
    agent.observe('evil', 'evil_avail', 'AVAILABLE');
    agent.observe('evil', 'evil_name', 42);
    agent.observe('evil', 'evil_text', HOSTILE_TEXT);
    const broker = await startBroker();
    const uplink = await startProxy(broker.port);
    const port = await freePort();
    const file = join(folder, 'gateway.yaml');
    const machine = (id: string, url: string) => ({
      id,
      driver: 'mtconnect',
      url,
      device: id,
      labels: { line: 'hall 3' },
    });
    const present = [...MACHINES, ...own.map(({ name }) => name)].map((id) => machine(id, agent.url.href));
    const nowhere = `http://127.0.0.1:${await freePort()}`;
    const machines = [...present, ...Array.from({ length: absent }, (_, n) => machine(`absent-${n}`, nowhere))];
    const config = {
      gateway: { id: 'gw-1', tenant: 'acme', site: 'Joinville', dataDir: join(folder, 'data') },
      machines,
      uplink: { url: `mqtt://127.0.0.1:${uplink.port}`, backoff: { min: '100ms', max: '1s' } },
      alerts: [{ name: 'spindle-turns', machines: ['vmc-1'], condition: 'rpm > -1', severity: 'critical' }],
      oee: [{ machines: ['vmc-*'], timeZone: 'UTC' }],
      http: { listen: `127.0.0.1:${port}`, ...(token === undefined ? {} : { token: '${env:PAGE_TOKEN}' }) },
      log: { format: 'json' },
    };
    writeFileSync(file, stringify(config));
    const url = `http://127.0.0.1:${port}/`;
    const plant = new PagePlant({ agent, uplink, url }, broker, file, token);
    await until('the gateway reads its machines', async () => {
      const state = await plant.state().catch(() => undefined);
      const read = state?.machines.filter((one) => one.signals > 0).length;
      return state?.uplink?.state === 'connected' && read === present.length;
    });
    return plant;
  }

  /** What the gateway says of itself, past the page. */
  async state(): Promise<ApiState> {
    const headers = this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` };
    const response = await fetch(new URL('api/state', this.url), { headers });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    return (await response.json()) as ApiState;
  }

  /** The gateway is gone, as after a power cut. */
  async killGateway(): Promise<void> {
    this.#gateway.child.kill('SIGKILL');
    await this.#gateway.exited;
  }

  /** And comes back with what it has stored. */
  restartGateway(): void {
    this.#gateway = this.#run();
  }

  #run(): RunningGateway {
    return runGateway(this.#configFile, this.#token === undefined ? {} : { PAGE_TOKEN: this.#token });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.#gateway.child.kill('SIGKILL'), STOP_MS);
    this.#gateway.child.kill('SIGTERM');
    await this.#gateway.exited;
    clearTimeout(timer);
    await this.agent.stop();
    await this.uplink[Symbol.asyncDispose]();
    await this.#broker[Symbol.asyncDispose]();
  }
}

function wideDevice(signals: number): SimulatedDevice {
  const dataItems = Array.from({ length: signals }, (_, n) => ({
    id: `wide_${n}`,
    category: 'SAMPLE' as const,
    type: 'LOAD',
    units: 'PERCENT',
    name: `load ${n}`,
  }));
  return { element: 'Device', id: WIDE, name: WIDE, uuid: 'sim-wide', dataItems };
}
