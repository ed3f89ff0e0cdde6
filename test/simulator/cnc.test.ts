import t from 'tap';
import { SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import { Cnc, type Said } from '../../simulator/mtconnect/cnc.ts';
import { cncDevice } from '../../simulator/mtconnect/cnc-device.ts';
import { Generator } from '../../simulator/mtconnect/generator.ts';

const START = 1_700_000_000_000_000;

function life(seed: number, seconds: number, rate: number): Said[] {
  const cnc = new Cnc(seed, () => true);
  return Array.from({ length: seconds * rate }, (_, n) => cnc.say(START + Math.round((n / rate) * 1e6)));
}

t.test('the same seed lives the same life, another one another', async (t) => {
  const told = (seed: number) => JSON.stringify(life(seed, 60, 20));
  t.equal(told(7), told(7));
  t.not(told(7), told(8));
});

t.test('an hour of a CNC has programs, tools, parts, holds, alarms that end, and believable samples', async (t) => {
  const said = life(1, 3600, 20);
  const values = (item: string) => said.filter((one) => one.item === item).map(({ value }) => value);
  const executions = new Set(values('execution'));
  for (const state of ['READY', 'ACTIVE', 'INTERRUPTED', 'FEED_HOLD', 'PROGRAM_COMPLETED'])
    t.ok(executions.has(state), state);
  t.ok(new Set(values('program')).size >= 4);
  t.ok(new Set(values('tool')).size > 10);
  t.ok(values('part_count').length > 50);
  t.match(
    values('system').filter((value) => typeof value === 'object' && 'level' in value && value.level === 'FAULT')[0],
    {
      nativeCode: /./,
    },
  );
  const rpm = values('Srpm') as number[];
  t.ok(Math.max(...rpm) > 8000 && Math.max(...rpm) < 13_000 && Math.min(...rpm) === 0);
  t.ok((values('Sload') as number[]).every((load) => load >= 0 && load < 250));
  t.ok((values('Fact') as number[]).some((feed) => feed > 5) && (values('Fact') as number[]).includes(0));
  t.ok((values('Xabs') as number[]).every((x) => Math.abs(x) < 251));
  const samples = said.filter(({ value }) => typeof value === 'number');
  t.ok(samples.every(({ value }) => Number.isFinite(value)));
});

t.test('however seldom it is asked, samples and events both come and nothing piles up', async (t) => {
  const said = life(3, 3600, 1);
  const events = said.filter(({ item }) => ['execution', 'line', 'block', 'tool', 'program'].includes(item)).length;
  t.ok(events > 600 && events < 1900, `${events} events of 3600`);
});

t.test('series never overlap in time', async (t) => {
  const cnc = new Cnc(1, () => true);
  let last = 0;
  for (let n = 0; n < 100_000; n += 1) {
    const micros = START + n * 200;
    if (cnc.say(micros).item !== 'Svib') continue;
    t.ok(micros - last >= 100_000) || t.bailout();
    last = micros;
  }
  t.ok(last > START);
});

t.test('says nothing of items that the machine does not have', async (t) => {
  const cnc = new Cnc(1, (item) => item === 'Srpm' || item === 'execution');
  const items = new Set(Array.from({ length: 5000 }, (_, n) => cnc.say(START + n * 50_000).item));
  t.same([...items].sort(), ['Srpm', 'execution']);
});

t.test('the rate holds over ticks that are late, early or missing', async (t) => {
  for (const rate of [1, 50, 333, 5000]) {
    const generator = new Generator([cncDevice({ name: 'a' }, '2.0'), cncDevice({ name: 'b' }, '2.0')], {
      rate,
      seed: 1,
    });
    generator.start(START);
    let made = 0;
    let now = START;
    for (const ms of [20, 20, 1, 0, 500, 20, 3000, 7, 6432]) {
      now += ms * 1000;
      made += [...generator.due(now)].length;
    }
    t.equal(made, 2 * 10 * rate, `${rate}/s for 10 s and two machines`);
  }
});

t.test('what is due is spread evenly, with timestamps that are unique within the device', async (t) => {
  const generator = new Generator([cncDevice({ name: 'a' }, '2.0')], { rate: 5000, seed: 1 });
  generator.start(START);
  const micros = [...generator.due(START + 1_000_000)].map((due) => due.micros);
  t.same(micros.slice(0, 3), [START + 200, START + 400, START + 600]);
  t.equal(new Set(micros).size, 5000);
  t.equal(micros.at(-1), START + 1_000_000);
});

t.test('an agent with a clock of its own produces exactly what is due, and the same by seed', async (t) => {
  const produce = async () => {
    let now = START;
    const options = { devices: [{ name: 'a' }], rate: 1000, seed: 5, record: true, micros: () => now } as const;
    const agent = new SimulatedAgent(options);
    t.teardown(() => agent.stop());
    await agent.start();
    const before = agent.produced.list.length;
    now += 3_000_000;
    agent.tick();
    agent.pause();
    return agent.produced.list.slice(before);
  };
  const list = await produce();
  t.equal(list.length, 3000);
  t.equal(new Set(list.map(({ dataItemId, timestamp }) => `${dataItemId} ${timestamp}`)).size, 3000);
  t.same(await produce(), list);
});

t.test('paused before its start it waits for run', async (t) => {
  let now = START;
  const agent = new SimulatedAgent({ rate: 100, micros: () => now });
  t.teardown(() => agent.stop());
  agent.pause();
  await agent.start();
  const idle = agent.nextSequence;
  now += 5_000_000;
  agent.tick();
  t.equal(agent.nextSequence, idle);
  agent.run();
  now += 1_000_000;
  agent.tick();
  t.equal(agent.nextSequence, idle + 100);
});
