import t from 'tap';
import { statusText } from '../../src/cli/status-text.ts';
import { screen } from '../../src/cli/status-watch.ts';
import type { HostFigures } from '../../src/health/host.ts';
import { apiState, MACHINE } from '../support/api-state.ts';

const HOST: HostFigures = {
  ...{ t: 0, uptime: 0, temperature: 61.33, load: 0.42, cores: 4 },
  ...{ throttled: false, throttledSinceBoot: false, underVoltage: false, underVoltageSinceBoot: false },
  memory: { total: 4 * 2 ** 30, available: 2 ** 30 },
  process: { rss: 100 * 2 ** 20, cpu: 0.034 },
  disk: { total: 32 * 2 ** 30, free: 8 * 2 ** 30 },
  network: [{ name: 'eth0', up: true, rxBytes: 2 ** 20, txBytes: 2 ** 10, errors: 0 }],
};

t.test('a gateway that does well is told in a few lines', async (t) => {
  const text = statusText(apiState({ host: HOST }));
  t.same(text.split('\n'), [
    'acme/gw-01: edge-gateway 1.2.3, up 60 min, 1 machines',
    'uplink: connected since 2025-11-20T12:00:01Z',
    'health: everything progresses',
    'host: 61.3 °C, load 0.42 on 4 cores, memory 1.0 GiB of 4.0 GiB free, this process 100.0 MiB, 3.4 % of a core, disk 8.0 GiB of 32.0 GiB free',
    'network: eth0 up ↓1.0 MiB ↑1.0 KiB',
    'buffer: 4.0 KiB of 2.0 GiB in use',
    'disk: 3600 commits',
    '',
    'lane      batches  observations  bytes  empty in',
    'alert           0             0    0 B         -',
    'live            1           100  400 B         ?',
    'backfill        0             0    0 B         -',
    '',
    'machine  driver     link       state    data age  observations  lost',
    'vmc-3    mtconnect  streaming  running       1 s        360000     0',
    '',
  ]);
});

t.test('what is wrong is told: power, health, quota, clock, a machine that is not read, alerts', async (t) => {
  const text = statusText(
    apiState({
      clock: 'unsynced',
      uplink: null,
      host: { ...HOST, temperature: null, underVoltage: true, throttledSinceBoot: true, network: [] },
      quota: [{ quota: 'pointsPerHour', used: 90, limit: 80 }],
      health: {
        ...{ healthy: false, processRestarts: 2 },
        stages: [
          { stage: 'driver', machine: 'saw', state: 'stalled', stalledFor: 95_000, message: 'no data', restarts: 3 },
        ],
      },
      machines: [
        MACHINE,
        { ...MACHINE, id: 'saw', link: 'failed', heardAt: null, state: null, message: 'refused\u001b[2J' },
      ],
      alerts: [
        {
          ...{ id: 'x', machine: 'vmc-3', rule: 'rpm_high', severity: 'critical', state: 'firing', shadow: true },
          ...{ acknowledged: true, since: 1_763_643_540_000, summary: 'rpm > 5000\n' },
        },
      ],
    }),
  );
  for (const line of [
    'uplink: is being replaced',
    'clock: not synchronised; times are corrected once it is',
    'health: driver of saw stalled for 2 min, restarted 3 times: no data',
    'health: the watchdog has restarted the process 2 times',
    'quota: 90 of 80 pointsPerHour (112 %)',
    'saw      mtconnect  failed     -               -        360000     0  refused [2J',
    'critical  vmc-3    rpm_high  firing, acknowledged, on trial  60 s  rpm > 5000',
  ]) {
    t.ok(text.split('\n').includes(line), line);
  }
  t.match(text, /^host: slowed down since boot, UNDER-VOLTAGE NOW, load/m);
  t.ok(text.indexOf('\nsaw ') < text.indexOf('\nvmc-3 '), 'first what is not read');
  t.notMatch(text, '\u001b');
});

t.test('what does not fit on a terminal is cut, and counted', async (t) => {
  const ESC = '\u001b';
  t.equal(screen('a\nb\n', { rows: 3, columns: 80 }), `${ESC}[Ha${ESC}[K\nb${ESC}[K\n${ESC}[J`);
  t.equal(screen('a\nbbbb\nc\nd\n', { rows: 4, columns: 3 }), `${ESC}[Ha${ESC}[K\nbbb${ESC}[K\n… 2${ESC}[K\n${ESC}[J`);
});
