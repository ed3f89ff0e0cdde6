import t from 'tap';
import { reportPage } from '../../src/soak/report.ts';
import { judge, type SoakFigures, type SoakLimits } from '../../src/soak/verdict.ts';

const LIMITS: SoakLimits = { maxLatency: 1000, maxRestarts: 0, maxLost: 5, maxMemory: 200e6, maxTemperature: 80 };
const MACHINE = {
  ...{
    machine: 'vmc-3',
    batches: 10,
    observations: 1000,
    alerts: 0,
    duplicates: 2,
    missing: 0,
    missingSeqs: {},
    behind: 0,
  },
  gaps: {},
  latency: { p50: 100, p99: 900, max: 950.5 },
};
const RANGE = { start: 100e6, end: 120e6, max: 150e6 };
const NONE = { start: null, end: null, max: null };

function figures(machine: object = {}, gateway: object = {}, all: object = {}): SoakFigures {
  return {
    planned: 60_000,
    lasted: 60_010,
    stream: { machines: [{ ...MACHINE, ...machine }], conflicts: 0, invalid: 0, alerts: {}, ownOutages: 0 },
    gateway: {
      ...{ version: '1.2.3', uptime: 5000, restarts: 0, watchdogRestarts: 0, down: 0, unhealthy: 0, outages: 0 },
      ...{ disconnected: 0, memory: RANGE, temperature: NONE, throttled: false, underVoltage: false },
      ...{ written: null, writtenPerDay: null, openAlerts: 0 },
      ...gateway,
    },
    ...all,
  };
}

/** `level name` of what is not good. */
const faults = (of: SoakFigures) =>
  judge(of, LIMITS).flatMap(({ name, level }) => (level === 'good' ? [] : [`${level} ${name}`]));

t.test('within all limits nothing is found', async (t) => {
  t.same(faults(figures()), []);
  t.same(
    faults(figures({ gaps: { 'link-down': { gaps: 1, observations: 5, uncounted: 0 } } })),
    [],
    'losses within the limit',
  );
});

t.test('each limit that is broken is found, and what is only odd is a warning', async (t) => {
  const gap = (observations: number, uncounted: number) => ({ gaps: { budget: { gaps: 1, observations, uncounted } } });
  for (const [of, expected] of [
    [figures({}, {}, { lasted: 59_000 }), 'bad duration'],
    [figures({ missing: 1 }), 'bad completeness'],
    [figures({ behind: 1 }), 'bad completeness'],
    [figures({}, {}, { stream: { ...figures().stream, conflicts: 1 } }), 'bad completeness'],
    [figures({ observations: 0 }), 'bad machines'],
    [figures(gap(6, 0)), 'bad told losses'],
    [figures(gap(0, 1)), 'bad told losses'],
    [figures({ latency: { p50: 1, p99: 1001, max: 1001 } }), 'bad latency'],
    [figures({ latency: { p50: null, p99: null, max: null } }), 'warn latency'],
    [figures({}, { restarts: 1 }), 'bad restarts'],
    [figures({}, { watchdogRestarts: 1 }), 'warn health'],
    [figures({}, { outages: 1 }), 'warn uplink'],
    [figures({}, { memory: { ...RANGE, max: 201e6 } }), 'bad memory'],
    [figures({}, { memory: NONE }), 'warn memory'],
    [figures({}, { temperature: { start: 60, end: 60, max: 81 } }), 'bad temperature'],
    [figures({}, { underVoltage: true }), 'bad power'],
  ] as const) {
    t.same(faults(of), [expected]);
  }
});

t.test('the page names what is missing, and takes any name', async (t) => {
  const of = figures({
    ...{ machine: 'a|b', missing: 3 },
    missingSeqs: {
      'telemetry/b7k2': [
        [7, 8],
        [11, 11],
      ],
    },
    gaps: { budget: { gaps: 2, observations: 40, uncounted: 1 } },
  });
  const page = reportPage({
    ...of,
    ...{ passed: false, tenant: 'acme', id: 'gw-01', broker: 'mqtt://broker', from: 0, to: 60_000, limits: LIMITS },
    findings: judge(of, LIMITS),
  });
  for (const line of [
    '# Soak of acme/gw-01: FAILED',
    '1970-01-01T00:00:00Z to 1970-01-01T00:01:00Z, mqtt://broker, edge-gateway 1.2.3',
    '| ✘ | completeness | 10 batches: 3 missing without a gap, 0 stored and not arrived, 0 in conflict, 0 invalid messages |',
    '| a\\|b | 10 | 1000 | 3 | 0 | 2 | 2 budget (40, and more) | 100 | 900 | 950.5 |',
    '- missing of a|b, telemetry/b7k2: seq 7–8, 11',
    '| memory | 100 MB | 120 MB | 150 MB |',
    '| temperature | – | – | – |',
  ]) {
    t.ok(page.split('\n').includes(line), line);
  }
});
