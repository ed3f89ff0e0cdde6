import t from 'tap';
import type { Look } from '../../src/control/looks.ts';
import { Fault } from '../../src/errors.ts';
import type { HostFigures } from '../../src/health/host.ts';
import type { ApiState } from '../../src/http/api.ts';
import { GatewayWatch } from '../../src/soak/gateway-watch.ts';
import { apiState } from '../support/api-state.ts';

const HOST: HostFigures = {
  ...{ t: 0, uptime: 0, temperature: null, load: null, cores: 4, memory: null, disk: null, network: [] },
  ...{ throttled: false, throttledSinceBoot: true, underVoltage: false, underVoltageSinceBoot: true },
  process: { rss: 100, cpu: null },
};

/** Looks at the given seconds, each answered at once. */
function watched(looks: readonly (readonly [second: number, look: ApiState | Fault])[]) {
  const watch = new GatewayWatch();
  for (const [second, look] of looks) {
    const at = 1_000_000 + second * 1000;
    watch.add({ look, askedAt: at, answeredAt: at } satisfies Look);
  }
  return watch.figures();
}

const up = (seconds: number, changes: Partial<ApiState> = {}) => apiState({ uptime: seconds * 1000, ...changes });
const written = (bytes: number) => ({ buffer: { ...apiState().buffer, written: bytes } });
const GONE = new Fault('config', 'no gateway runs');

t.test('a process that is younger than it should be was restarted, however soon it came back', async (t) => {
  t.match(
    watched([
      [0, up(100)],
      [1, up(101)],
      [2, up(102)],
    ]),
    { restarts: 0, down: 0, uptime: 102_000 },
  );
  t.equal(
    watched([
      [0, up(100)],
      [1, up(0.2)],
      [2, up(1.2)],
    ]).restarts,
    1,
  );
  t.match(
    watched([
      [0, up(1)],
      [1, GONE],
      [3, GONE],
      [9, up(5)],
    ]),
    { restarts: 1, down: 3000 },
  );
  t.match(
    watched([
      [0, up(1)],
      [1, GONE],
      [9, up(10)],
    ]),
    { restarts: 0, down: 1000 },
    'it had only not answered',
  );
});

t.test('a slow answer makes no restart', async (t) => {
  const watch = new GatewayWatch();
  watch.add({ look: up(100), askedAt: 0, answeredAt: 10 });
  // It looked at its clock at once, and took five seconds to say so.
  watch.add({ look: up(101), askedAt: 1000, answeredAt: 6000 });
  watch.add({ look: up(106), askedAt: 6000, answeredAt: 6010 });
  t.equal(watch.figures().restarts, 0);
});

t.test('an uplink that was lost is counted, also between two looks, and a restart is none', async (t) => {
  const since = (second: number) =>
    ({ uplink: { ...apiState().uplink, state: 'connected', since: second } }) as Partial<ApiState>;
  const waiting = { uplink: { ...apiState().uplink, state: 'waiting', since: 7 } } as Partial<ApiState>;
  t.match(
    watched([
      [0, up(1, since(1))],
      [1, up(2, since(5))],
      [2, up(3, since(5))],
    ]),
    { outages: 1, disconnected: 0 },
  );
  t.match(
    watched([
      [0, up(1, since(1))],
      [1, up(2, waiting)],
      [3, up(4, waiting)],
      [4, up(5, since(9))],
    ]),
    { outages: 1, disconnected: 3000 },
  );
  t.match(
    watched([
      [0, up(9, since(1))],
      [1, up(0, since(5))],
    ]),
    { outages: 0, restarts: 1 },
  );
  t.match(
    watched([
      [0, up(1, since(1))],
      [1, up(2, { uplink: null })],
    ]),
    { outages: 1, disconnected: 1000 },
  );
});

t.test('memory, temperature, power and what was written are kept over a restart', async (t) => {
  const host = (rss: number, temperature: number | null, throttled = false) => ({
    host: { ...HOST, temperature, throttled, process: { rss, cpu: null } },
  });
  t.match(
    watched([
      [0, up(50, { ...host(100, null), ...written(1000) })],
      [1, up(51, { ...host(300, 60.5, true), ...written(1500) })],
      [2, up(0, { ...host(200, 55), ...written(40) })],
    ]),
    {
      memory: { start: 100, end: 200, max: 300 },
      temperature: { start: 60.5, end: 55, max: 60.5 },
      ...{ throttled: true, underVoltage: false },
      ...{ written: 540, writtenPerDay: 540 * 43_200 },
    },
  );
  t.match(watched([[0, up(1)]]), { written: null, writtenPerDay: null, memory: { max: null } });
});

t.test('restarts by the watchdog count from the first look on', async (t) => {
  const health = (restarts: number, processRestarts = 0) => ({
    health: {
      ...{ healthy: restarts < 5, processRestarts },
      stages: [{ stage: 'uplink', state: 'progress', stalledFor: 0, restarts }] as const,
    },
  });
  t.equal(
    watched([
      [0, up(1, health(3))],
      [1, up(2, health(3))],
    ]).watchdogRestarts,
    0,
  );
  t.match(
    watched([
      [0, up(1, health(3))],
      [1, up(2, health(5))],
      [2, up(0, health(1, 1))],
    ]),
    { watchdogRestarts: 4, unhealthy: 1000 },
  );
});
