import t from 'tap';
import { MACHINES_URI, OTHER_URIS, SimulatedOpcuaServer } from '../../simulator/opcua/server.ts';
import { startProxy } from '../../simulator/proxy.ts';
import { collect, driverFor, supervised, Yielded } from '../drivers/opcua/support.ts';

const LONG = process.env['LONG'] === '1';
const ITEMS = LONG ? 5000 : 500;
const CUT_MS = LONG ? 30_000 : 3000;
const BEFORE_S = LONG ? 10 : 2;
const AFTER_S = LONG ? 20 : 3;

/** The last value of each counter, and how many were wrong on the way: 1, 2, 3 … is right. */
class Tally {
  readonly last = new Map<string, number>();
  wrong = 0;
  count = 0;

  note({ observations }: Yielded['readings'][number]): void {
    for (const { signal, v } of observations) {
      if (typeof v !== 'number' || !signal.startsWith('C')) continue;
      const before = this.last.get(signal);
      if (before !== undefined && v !== before + 1) this.wrong += 1;
      this.last.set(signal, v);
      this.count += 1;
    }
  }

  get least(): number {
    return this.last.size < ITEMS ? 0 : Math.min(...this.last.values());
  }
}

t.test(
  `${ITEMS} monitored items at 1 Hz: a cut of ${CUT_MS / 1000} s is bridged; a killed session and a restart are told`,
  { timeout: LONG ? 300_000 : 60_000 },
  async (test) => {
    const produced: number[] = [];
    const server = new SimulatedOpcuaServer({
      items: ITEMS,
      rate: 1,
      machines: [],
      folder: test.testdir(),
      onProduced: ({ value }) => {
        if (typeof value === 'number') produced.push(value);
      },
    });
    await server.start();
    test.teardown(() => server.stop());
    await using proxy = await startProxy(Number(new URL(server.url).port));
    const driver = driverFor(`${test.testdirName}/driver`, {
      url: `opc.tcp://127.0.0.1:${proxy.port}`,
      publishingInterval: '500ms',
      samplingInterval: '500ms',
      dataAge: '5s',
      requestTimeout: '10s',
      folders: ['/Objects/Counters'],
    });
    server.run();

    const tally = new Tally();
    const rss: number[] = [];
    let cutAt = 0;
    let resumeAt = Infinity;
    const cpu = process.cpuUsage();
    const begun = performance.now();
    const bridged = await supervised(driver, {
      within: LONG ? 200_000 : 40_000,
      each: (reading) => {
        tally.note(reading);
        rss.push(process.memoryUsage.rss());
        if (cutAt > 0 || tally.least < BEFORE_S) return;
        cutAt = performance.now();
        proxy.mode = 'refuse';
        proxy.cut();
        setTimeout(() => {
          proxy.mode = 'flow';
          resumeAt = tally.least;
        }, CUT_MS);
      },
      until: () => tally.least >= resumeAt + CUT_MS / 1000 + AFTER_S,
    });
    const { user, system } = process.cpuUsage(cpu);
    const share = (user + system) / 1000 / (performance.now() - begun);
    test.comment(
      `${tally.count} values, ${(share * 100).toFixed(0)} % of a core with the server, ` +
        `${(Math.max(...rss) / 1e6).toFixed(0)} MB at most with the server`,
    );
    test.equal(tally.last.size, ITEMS);
    test.equal(tally.wrong, 0, 'every value of every item, once and in order');
    test.same(bridged.of('gap'), [], 'no gap');
    test.equal(server.sessionsCreated, 1, 'the session was taken up again');
    test.same(bridged.values('available'), [true, false, true]);

    const stopped = await collect(driver, {
      from: bridged.cursor,
      until: (so) => so.signal('C0').length > 0,
      yielded: new Yielded(),
    });
    test.match(stopped.of('gap'), [{ cause: 'link-down', exact: false }], 'a stop is told');
    let isKilled = false;
    const sessions = server.sessionsCreated;
    const killed = await supervised(driver, {
      from: stopped.cursor,
      each: (_, so) => {
        if (isKilled || so.signal('C0').length < 2) return;
        isKilled = true;
        server.killSessions();
      },
      until: (so) => so.of('gap').length > 1 && so.signal('C0').length > 3,
    });
    test.equal(server.sessionsCreated, sessions + 2, 'one session for the start, one for the recovery');
    test.match(killed.of('gap').at(-1), { cause: 'link-down', count: null, exact: false });

    let isRestarted = false;
    const before = killed.signal('C0').at(-1)?.v as number;
    const restarted = await supervised(driver, {
      from: killed.cursor,
      within: 30_000,
      each: async (_, so) => {
        if (isRestarted || so.signal('C0').length < 2) return;
        isRestarted = true;
        await server.stop();
        await server.start([...OTHER_URIS, MACHINES_URI]);
      },
      until: (so) => isRestarted && so.of('gap').length > 1 && new Set(so.values('C0')).size > 5,
    });
    test.equal(server.sessionsCreated, sessions + 4, 'again one for the start, one for the recovery');
    test.match(restarted.of('gap').at(-1), { cause: 'link-down', count: null, exact: false });
    const counts = restarted.values('C0') as number[];
    test.ok(
      counts.every((count, i) => count >= (counts[i - 1] ?? before)),
      'the same nodes under their new indices',
    );
    test.equal(
      new Set(restarted.observations.filter(({ q }) => q === 'good').map(({ signal }) => signal)).size,
      ITEMS + 1,
    );
  },
);
