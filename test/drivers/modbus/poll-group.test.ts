import t, { type Test } from 'tap';
import { Asker } from '../../../src/drivers/modbus/asker.ts';
import { Links } from '../../../src/drivers/modbus/links.ts';
import { PollGroup } from '../../../src/drivers/modbus/poll-group.ts';
import { settings } from '../../../src/drivers/modbus/settings.ts';
import { resolveSignals } from '../../../src/drivers/modbus/signals.ts';
import { Statistics } from '../../../src/drivers/modbus/statistics.ts';
import { parseModbusUrl } from '../../../src/drivers/modbus/url.ts';
import type { MachineEvent, Observation } from '../../../src/observation.ts';
import { counting, type Device } from './device.ts';
import { deviceFor } from './support.ts';

/** Polls ten signals, at 0 to 9, of a device. */
async function groupFor(
  test: Test,
  limits: { bridge?: number; maxRegisters?: number } = {},
): Promise<{
  device: Device;
  group: PollGroup;
  poll: (isLost?: () => boolean) => Promise<{ observations: Observation[]; events: MachineEvent[]; missed: number }>;
}> {
  const { device, url } = await deviceFor(test);
  const signals = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`r${i}`, { address: i }]));
  const own = settings.parse({ url, signals, timeout: '40ms', retries: 0, ...limits });
  const clock = { now: () => Date.now() };
  const client = new Links().attach(parseModbusUrl(url), own, { breaker: own.breaker, clock });
  test.teardown(() => client.release());
  const statistics = new Statistics();
  const asker = new Asker(
    { client, timeout: own.timeout, retries: own.retries, statistics },
    new AbortController().signal,
  );
  const group = new PollGroup({
    signals: resolveSignals(own).signals,
    limits: own,
    every: 1000,
    now: clock.now,
    retryRefused: 30,
  });
  const poll = async (isLost = () => false) => {
    const observations: Observation[] = [];
    const events: MachineEvent[] = [];
    const { missed } = await group.poll(asker, 1, isLost, (some, told) => {
      observations.push(...some);
      events.push(...told);
    });
    return { observations, events, missed };
  };
  return { device, group, poll };
}

const codes = (events: readonly MachineEvent[]): string[] =>
  events.flatMap((event) => (event.type === 'notice' ? [event.code] : []));

t.test('a refused signal is asked for again now and then, and told when it can be read', async (test) => {
  const { device, group, poll } = await groupFor(test);
  const covers = (at: number) => (asked: { address: number; quantity: number }) =>
    asked.address <= at && at < asked.address + asked.quantity;
  device.answer = (asked) => (covers(4)(asked) ? { exception: 2 } : counting(asked));
  const first = await poll();
  test.same(codes(first.events), ['signals-refused']);
  test.same(
    group.refused.map(({ name }) => name),
    ['r4'],
  );
  test.equal(first.observations.filter(({ q }) => q === 'good').length, 9, 'in the same poll');
  test.equal(first.missed, 0, 'what is refused is not missed');
  const before = device.asked.length;
  await poll();
  test.notOk(device.asked.slice(before).some(covers(4)), 'not at once');
  await new Promise((resolve) => setTimeout(resolve, 40));
  test.same(codes((await poll()).events), [], 'asked for again, refused again: no news');
  device.answer = counting;
  await new Promise((resolve) => setTimeout(resolve, 40));
  const last = await poll();
  test.same(codes(last.events), ['signals-readable']);
  test.equal(last.observations.length, 10);
  test.same(group.refused, []);
});

t.test('signals that a device refused while it started are read in few requests again', async (test) => {
  const { device, group, poll } = await groupFor(test);
  device.answer = ({ address }) => (address < 100 ? { exception: 2 } : 'silence');
  await poll();
  test.equal(group.refused.length, 10);
  device.answer = (asked) => (asked.address === 9 ? { exception: 2 } : counting(asked));
  await new Promise((resolve) => setTimeout(resolve, 40));
  for (let i = 0; i < 10; i++) await poll();
  test.same(
    group.refused.map(({ name }) => name),
    ['r9'],
  );
  const before = device.asked.length;
  const { observations } = await poll();
  test.equal(observations.filter(({ q }) => q === 'good').length, 9);
  test.ok(device.asked.length - before <= 2, `${device.asked.length - before} requests`);
});

t.test('what a silent device did not give is counted, block by block', async (test) => {
  const { device, group, poll } = await groupFor(test);
  test.equal((await poll()).missed, 0);
  device.answer = () => 'silence';
  test.equal((await poll()).missed, 10);
  test.equal(group.blocks.length, 1, 'a timeout splits nothing');
});

t.test('a silent block is missed though those after it are read', async (test) => {
  const { device, poll } = await groupFor(test, { bridge: 0, maxRegisters: 4 });
  device.answer = (asked) => (asked.address === 4 ? 'silence' : counting(asked));
  const { observations, missed } = await poll();
  test.same(
    observations.map(({ v }) => v),
    [0, 1, 2, 3, 8, 9],
  );
  test.equal(missed, 4);
});

t.test('blocks that are not asked for any more, as the unit was lost, are missed', async (test) => {
  const { device, poll } = await groupFor(test, { bridge: 0, maxRegisters: 4 });
  device.answer = () => 'silence';
  let asked = 0;
  const { missed } = await poll(() => asked++ > 0);
  test.equal(device.asked.length, 1);
  test.equal(missed, 10);
});

t.test('after a failure the signals are null once, and their values come back', async (test) => {
  const { device, poll } = await groupFor(test);
  device.answer = () => ({ exception: 4 });
  const nulls = [await poll(), await poll()].map(({ observations }) => observations.length);
  test.same(nulls, [10, 0]);
  device.answer = counting;
  test.same(
    (await poll()).observations.map(({ v }) => v),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
});
