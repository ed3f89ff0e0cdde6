import t from 'tap';
import { pickMachines } from '../../src/http/page/judge-machine.ts';
import { chooseLanguage } from '../../src/http/page/language.ts';
import { findings } from '../../src/http/page/verdict.ts';
import { alert, machine, NOW, state } from './page-support.ts';

const english = chooseLanguage('en', ['en-US']);
const told = (more: Parameters<typeof state>[0]) => findings(state(more), english);
const { uplink, buffer } = state();

t.test('nothing is found where everything flows', (t) => {
  t.strictSame(told({}), []);
  t.end();
});

t.test('an uplink that is down comes first, with its reason, what becomes of the data, and for how long', (t) => {
  const down = { state: 'waiting', since: NOW - 7_200_000, error: 'the broker refuses: not authorised' } as const;
  const [first, second] = told({
    uplink: { ...down, url: 'mqtt://broker', inFlight: 0, acknowledged: 0 },
    buffer: { ...buffer, fullIn: 3 * 86_400_000 },
    clock: 'unsynced',
  });
  t.equal(first?.level, 'bad');
  t.match(first?.what, /^The uplink is down since /);
  t.equal(
    first?.todo,
    'The broker refuses: not authorised. All data is kept here and sent later. There is room for 3 days more.',
  );
  t.match(second, { level: 'warn', what: 'The gateway does not know the time' });
  t.end();
});

t.test('machines that are not read are counted and named, not all of them', (t) => {
  const machines = ['a', 'b', 'c', 'd', 'e'].map((id) => machine({ id, link: 'failed', message: 'no answer' }));
  t.match(told({ machines: [...machines, machine()] }), [
    { level: 'bad', what: '5 of 6 machines are not read: a, b, c +2', todo: 'No answer.' },
  ]);
  t.end();
});

t.test('a machine is silent when the watchdog says so, however slowly it is read', (t) => {
  const slow = machine({ heardAt: NOW - 3_600_000, link: 'polling' });
  t.strictSame(told({ machines: [slow] }), []);
  const stage = { stage: 'driver', machine: 'vmc-1', state: 'stalled', stalledFor: 9e5, restarts: 1 } as const;
  t.match(told({ machines: [slow], health: { healthy: false, stages: [stage], processRestarts: 0 } }), [
    { level: 'warn', what: 'No sign of life from vmc-1' },
  ]);
  t.end();
});

t.test('a machine that has an alert does not keep its data from flowing, and the sentence says so', (t) => {
  t.match(told({ alerts: [alert({ severity: 'critical' })] }), [
    { level: 'bad', what: 'Data flows, but 1 alert is open at vmc-1' },
  ]);
  const both = told({ alerts: [alert()], machines: [machine({ link: 'failed' })] });
  t.match(both[1]?.what, /^1 alert is open at vmc-1$/);
  t.end();
});

t.test('an alert that was seen, is on trial, or only informs, is no finding', (t) => {
  const alerts = [alert({ acknowledged: true }), alert({ shadow: true }), alert({ severity: 'info' })];
  t.strictSame(told({ alerts }), []);
  t.end();
});

t.test('a buffer that fills, data that was given up, and batches that were refused are told', (t) => {
  const full = { ...buffer, bytes: 900_000, held: 2, shed: { thinned: 10, dropped: 5 } };
  t.strictSame(
    told({ buffer: full }).map(({ what }) => what),
    [
      'The buffer is 90% full of data that waits',
      '15 observations were given up for want of room',
      '2 batches were refused by the broker and set aside',
    ],
  );
  t.strictSame(
    told({
      buffer: {
        ...full,
        held: 0,
        shed: { thinned: 0, dropped: 0 },
        delivered: { ...buffer.delivered, bytes: 800_000 },
      },
    }),
    [],
    'history that was delivered makes room',
  );
  t.end();
});

t.test('a stage that is stalled, a weak power supply, and a quota that is used up are told', (t) => {
  const stage = { stage: 'outbox', state: 'stalled', stalledFor: 30_000, restarts: 0 } as const;
  const host = {
    t: NOW,
    uptime: 1,
    temperature: 50,
    throttled: false,
    throttledSinceBoot: false,
    underVoltage: true,
    underVoltageSinceBoot: true,
    load: 1,
    cores: 4,
    memory: { total: 100, available: 50 },
    process: { rss: 1, cpu: null },
    disk: { total: 1e10, free: 1e8 },
    network: [],
  };
  const all = told({
    uplink,
    health: { healthy: false, stages: [stage], processRestarts: 0 },
    host,
    quota: [{ quota: 'alertsPerDay', used: 9, limit: 10 }],
  });
  t.strictSame(
    all.map(({ level, what }) => `${level}: ${what}`),
    [
      'bad: Buffer has made no progress for 30 sec',
      'bad: Only 95.4 MiB of disk are free',
      'warn: The power supply is too weak',
      'warn: The quota Alerts per day is 90% used',
    ],
  );
  t.end();
});

t.test('the list has the worst machines first, and those that are switched off last', (t) => {
  const machines = [
    machine({ id: 'well-10' }),
    machine({ id: 'off', available: false }),
    machine({ id: 'well-9', labels: { hall: 'North' } }),
    machine({ id: 'starting', link: 'starting' }),
    machine({ id: 'alarmed' }),
    machine({ id: 'unread', link: 'failed' }),
  ];
  const alerts = [alert({ machine: 'alarmed', severity: 'critical' })];
  const names = (filter: string) => pickMachines(state({ machines, alerts }), filter).map(({ machine: { id } }) => id);
  t.strictSame(names(''), ['alarmed', 'unread', 'starting', 'well-9', 'well-10', 'off']);
  t.strictSame(names(' north  WELL'), ['well-9']);
  t.end();
});
