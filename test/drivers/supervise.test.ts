import { pino } from 'pino';
import t from 'tap';
import { Backoff } from '../../src/backoff.ts';
import type { Driver } from '../../src/drivers/driver.ts';
import { type Sink, type Supervised, Supervisor } from '../../src/drivers/supervise.ts';
import { Fault } from '../../src/errors.ts';
import type { Cursor, MachineEvent, Reading } from '../../src/observation.ts';

const clock = { now: () => Date.now() };

function supervise(
  { driver, ...rest }: Omit<Supervised, 'create'> & { driver: Driver },
  signal: AbortSignal,
): Promise<void> {
  return new Supervisor({ create: () => driver, ...rest }).run(signal);
}

/** A driver whose life the test scripts: each call of `observe` takes the next script. */
function scripted(scripts: ((from: Cursor | undefined, signal: AbortSignal) => AsyncIterable<Reading>)[]): Driver {
  return {
    observe(from, signal) {
      const script = scripts.shift();
      if (script === undefined) throw new Error('no script left');
      return script(from, signal);
    },
  };
}

function recorder(): { sink: Sink; readings: Reading[]; events: MachineEvent[]; lines: string[]; log: pino.Logger } {
  const readings: Reading[] = [];
  const events: MachineEvent[] = [];
  const lines: string[] = [];
  const sink: Sink = {
    accept: async (reading) => {
      readings.push(reading);
    },
    tell: (event) => events.push(event),
  };
  return { sink, readings, events, lines, log: pino({ base: null }, { write: (line: string) => lines.push(line) }) };
}

t.test('starts a failed driver again from the last cursor that the sink took', async (t) => {
  const stop = new AbortController();
  const { sink, readings, events, lines, log } = recorder();
  const froms: (Cursor | undefined)[] = [];
  const driver = scripted([
    async function* (from) {
      froms.push(from);
      yield { observations: [], cursor: { next: 5 } };
      yield { observations: [] };
      throw new Fault('machine', 'the agent hung up', { hint: 'check the cable' });
    },
    async function* (from) {
      froms.push(from);
      yield { observations: [], cursor: { next: 9 } };
      stop.abort(new Error('done'));
    },
  ]);
  const backoff = new Backoff({ min: 1, max: 1 });
  await supervise({ driver, sink, cursor: { next: 2 }, log, clock, backoff }, stop.signal);
  t.same(froms, [{ next: 2 }, { next: 5 }]);
  t.equal(readings.length, 3);
  t.match(events, [{ type: 'driver', state: 'failed', message: 'the agent hung up' }]);
  t.equal(lines.filter((line) => line.includes('the agent hung up: check the cable. Trying again.')).length, 1);
});

t.test('tells the same fault once, however often it is tried', async (t) => {
  const stop = new AbortController();
  const { sink, events, lines, log } = recorder();
  let tries = 0;
  const driver: Driver = {
    observe() {
      tries += 1;
      if (tries === 20) stop.abort(new Error('done'));
      throw new Fault('machine', 'connection refused');
    },
  };
  const backoff = new Backoff({ min: 0, max: 0 });
  await supervise({ driver, sink, cursor: undefined, log, clock, backoff }, stop.signal);
  t.equal(tries, 20);
  t.equal(lines.length, 1);
  t.equal(events.length, 1);
});

t.test('a fault of the config stops the machine until the reload', async (t) => {
  const stop = new AbortController();
  const { sink, lines, log } = recorder();
  let tries = 0;
  const driver: Driver = {
    observe() {
      tries += 1;
      setImmediate(() => stop.abort(new Error('reload')));
      throw new Fault('config', 'there is no device VMC-9', { hint: 'the agent has VMC-3' });
    },
  };
  await supervise(
    { driver, sink, cursor: undefined, log, clock, backoff: new Backoff({ min: 0, max: 0 }) },
    stop.signal,
  );
  t.equal(tries, 1);
  t.match(lines[0], 'there is no device VMC-9: the agent has VMC-3. The machine stays down until');
});

t.test('a driver that just ends is a fault of ours and is started again', async (t) => {
  const stop = new AbortController();
  const { sink, lines, log } = recorder();
  const driver = scripted([
    async function* () {},
    async function* () {
      yield* [];
      stop.abort(new Error('done'));
    },
  ]);
  await supervise(
    { driver, sink, cursor: undefined, log, clock, backoff: new Backoff({ min: 0, max: 0 }) },
    stop.signal,
  );
  t.match(lines[0], 'the driver ended without a reason');
});

t.test('what the cloud is told, the log says too', async (t) => {
  const stop = new AbortController();
  const { sink, lines, log } = recorder();
  const gap = { type: 'gap', t: 1, cause: 'agent-overrun', from: null, to: 1, count: 7, exact: true } as const;
  const driver = scripted([
    async function* () {
      yield {
        observations: [],
        events: [
          { type: 'machine', t: 1, model: { name: 'VMC-3' }, signals: { rpm: {}, load: {} } },
          { type: 'driver', t: 1, state: 'streaming' },
          { type: 'notice', t: 1, code: 'clock-skew', message: 'the clock is off' },
          { ...gap },
          { ...gap, count: null },
        ],
      };
      stop.abort(new Error('done'));
    },
  ]);
  await supervise({ driver, sink, cursor: undefined, log, clock }, stop.signal);
  const told = lines.map((line) => JSON.parse(line)).map(({ level, msg }) => [level, msg]);
  t.same(told, [
    [30, 'found, with 2 signals'],
    [30, 'streaming'],
    [40, 'the clock is off'],
    [40, 'gap: 7 observations are lost (agent-overrun)'],
    [40, 'gap: an unknown number of observations are lost (agent-overrun)'],
  ]);
});

t.test(
  'a driver that hangs is left behind and replaced, and goes on from the last cursor',
  { timeout: 10_000 },
  async (t) => {
    const stop = new AbortController();
    const { sink, events, log } = recorder();
    const froms: (Cursor | undefined)[] = [];
    const hanging: Driver = {
      async *observe() {
        yield { observations: [], cursor: { next: 5 } };
        await new Promise(() => undefined);
      },
    };
    const sound: Driver = {
      // biome-ignore lint/correctness/useYield: it ends the test
      async *observe(from) {
        froms.push(from);
        stop.abort(new Error('done'));
      },
    };
    const drivers = [hanging, sound];
    const supervisor = new Supervisor({
      create: () => drivers.shift() as Driver,
      sink: {
        ...sink,
        accept: async () => {
          setImmediate(() => supervisor.replace('nothing came for 60 s'));
        },
      },
      cursor: undefined,
      log,
      clock,
      backoff: new Backoff({ min: 0, max: 0 }),
    });
    await supervisor.run(stop.signal);
    t.same(froms, [{ next: 5 }]);
    t.match(events, [{ type: 'driver', state: 'failed', message: 'nothing came for 60 s' }]);
    t.equal(supervisor.replaced, 1);
  },
);
