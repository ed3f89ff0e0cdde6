import { once } from 'node:events';
import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Test } from 'tap';
import { Secret } from '../../src/config/secrets.ts';
import type { Judgement } from '../../src/health/judgement.ts';
import type { ApiHistory, ApiMachine, ApiMachineDetail, ApiSignal, ApiState, ApiTimeline } from '../../src/http/api.ts';
import { HttpServer } from '../../src/http/server.ts';
import type { GatewayCounters, GatewayView, HistoryRequest } from '../../src/http/view.ts';
import { type TestLog, testLog } from '../support/forwarding.ts';

export const TOKEN = 'a-token-of-more-than-16-characters';
const NOW = 1_763_640_000_000;

const MACHINE: ApiMachine = {
  id: 'vmc-3',
  driver: 'mtconnect',
  labels: { line: '1' },
  link: 'streaming',
  since: NOW - 60_000,
  heardAt: NOW - 1500,
  state: 'running',
  available: true,
  signals: 2,
  observations: 1000,
  lost: 7,
  oee: [],
};

/** A gateway as plain data, which a test changes as it likes. */
export class PlainView implements GatewayView {
  ready = true;
  health: Judgement = {
    healthy: true,
    stages: [{ stage: 'outbox', state: 'progress', stalledFor: 0, restarts: 0 }],
    processRestarts: 2,
  };
  machines: ApiMachine[] = [MACHINE, { ...MACHINE, id: 'saw-1', link: 'failed', heardAt: null }];
  values: ApiSignal[] = [
    { name: 'rpm', unit: 'rev/min', t: NOW, v: 1200, q: 'good' },
    { name: 'state', t: NOW, v: 'running', q: 'good' },
  ];
  changes: Partial<ApiState> = {};
  /** How often the state was asked for. */
  asked = 0;
  /** What state() waits for. */
  stall: Promise<void> = Promise.resolve();
  readonly acknowledged: string[] = [];
  readonly histories: HistoryRequest[] = [];
  openAlert = 'vmc-3 hot';

  async state(): Promise<ApiState> {
    this.asked++;
    await this.stall;
    const lane = { observations: 500, batches: 5, bytes: 2000 };
    return {
      t: NOW,
      version: '1.2.3',
      node: '24.0.0',
      tenant: 'acme',
      gateway: 'gw-01',
      uptime: 1000,
      clock: 'synced',
      health: this.health,
      uplink: { state: 'connected', since: NOW, url: 'mqtts://broker', inFlight: 3, acknowledged: 40 },
      lanes: [
        { lane: 'alert', ...lane, emptyIn: 1000 },
        { lane: 'live', ...lane, emptyIn: null },
      ],
      buffer: {
        stream: 's',
        backlog: { alert: { ...lane, oldest: null }, live: { ...lane, oldest: NOW - 8000 } },
        held: 1,
        delivered: { ...lane, oldest: NOW - 90_000 },
        bytes: 10_000,
        maxBytes: 100_000,
        appended: lane,
        shed: { thinned: 4, dropped: 0 },
        commits: 12,
        machines: [],
        fullIn: 3_600_000,
        writtenPerDay: null,
        written: 4096,
      },
      host: {
        t: NOW,
        uptime: 5000,
        temperature: 61.5,
        throttled: false,
        throttledSinceBoot: false,
        underVoltage: true,
        underVoltageSinceBoot: true,
        load: 0.5,
        cores: 4,
        memory: { total: 4e9, available: 3e9 },
        process: { rss: 8e7, cpu: 0.02 },
        disk: { total: 3e10, free: 2e10 },
        network: [{ name: 'eth0', up: true, rxBytes: 10, txBytes: 20, errors: 0 }],
      },
      quota: [{ quota: 'pointsPerHour', used: 450, limit: 1000 }],
      machines: this.machines,
      alerts: [
        {
          id: '1',
          machine: 'vmc-3',
          rule: 'hot',
          severity: 'warning',
          state: 'firing',
          acknowledged: false,
          since: NOW,
          shadow: false,
        },
      ],
      ...this.changes,
    };
  }

  machine(id: string): ApiMachineDetail | undefined {
    const machine = this.machines.find((one) => one.id === id);
    return machine === undefined ? undefined : { ...machine, model: {}, vitals: [], values: this.values };
  }

  signals(id: string): readonly ApiSignal[] | undefined {
    return this.machine(id)?.values;
  }

  async history(asked: HistoryRequest): Promise<ApiHistory> {
    this.histories.push(asked);
    await this.stall;
    return { from: asked.from, to: asked.to, source: 'raw', signals: {} };
  }

  async timeline(_machine: string, from: number, to: number): Promise<ApiTimeline> {
    return { from, to, segments: [] };
  }

  acknowledge(machine: string, rule: string, by: string): boolean {
    if (`${machine} ${rule}` !== this.openAlert) return false;
    this.acknowledged.push(by);
    return true;
  }

  counters(): GatewayCounters {
    return {
      machines: this.machines.map(({ id }) => ({
        machine: id,
        observations: 1000,
        readings: 10,
        parseErrors: 1,
        driverFailures: 2,
        gaps: [{ cause: 'agent-overrun', gaps: 2, observations: 7 }],
        lag: 250,
      })),
      lag: { bounds: [100, 1000], counts: [3, 2, 1], sum: 2500 },
      alerts: [{ rule: 'hot', severity: 'warning', state: 'firing', count: 1 }],
      watchdog: [{ stage: 'uplink', restarts: 1 }],
    };
  }
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A server over a plain gateway, and what a test asks it with. */
export interface Serving extends TestLog {
  readonly view: PlainView;
  readonly server: HttpServer;
  readonly port: number;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  send(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer>;
  /** The head of an answer whose body goes on; the connection is closed at the test's end. */
  open(path: string, headers?: Readonly<Record<string, string>>): Promise<IncomingMessage>;
  /** A connection on which the test writes what it likes. */
  raw(): Promise<Socket>;
}

export interface ServingOptions {
  readonly token?: string;
  readonly pageFolder?: string;
}

export async function serving(t: Test, { token, pageFolder }: ServingOptions = {}): Promise<Serving> {
  const records = testLog();
  const view = new PlainView();
  const config = { listen: '127.0.0.1:0', ...(token === undefined ? {} : { token: new Secret('${env:T}', token) }) };
  const page = pageFolder === undefined ? {} : { pageFolder };
  const server = await HttpServer.listen({ config, view, log: records.log, ...page });
  t.teardown(() => server[Symbol.asyncDispose]());
  const { port } = server;
  const ask = (options: RequestOptions, body?: unknown) => {
    const asking = request({ host: '127.0.0.1', port, agent: false, ...options });
    asking.end(typeof body === 'string' || body === undefined ? body : JSON.stringify(body));
    return once(asking, 'response').then(([response]) => response as IncomingMessage);
  };
  const whole = async (response: IncomingMessage): Promise<Answer> => ({
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: await text(response),
  });
  return {
    ...records,
    view,
    server,
    port,
    get: async (path, headers = {}) => whole(await ask({ path, headers })),
    send: async (method, path, body, headers = {}) => whole(await ask({ method, path, headers }, body)),
    open: async (path, headers = {}) => {
      const response = await ask({ path, headers });
      response.on('error', () => undefined);
      t.teardown(() => response.destroy());
      return response;
    },
    raw: async () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      t.teardown(() => socket.destroy());
      await once(socket, 'connect');
      return socket;
    },
  };
}
