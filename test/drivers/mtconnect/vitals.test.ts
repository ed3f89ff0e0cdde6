import t, { type Test } from 'tap';
import { type AgentOptions, SimulatedAgent } from '../../../simulator/mtconnect/agent.ts';
import type { Vital } from '../../../src/drivers/driver.ts';
import { BufferForecast } from '../../../src/drivers/mtconnect/forecast.ts';
import { type Running, vitalsOf } from '../../../src/drivers/mtconnect/vitals.ts';
import { collect } from '../../support/yielded.ts';
import { driverFor } from './support.ts';

/** What the vitals are once they hold, by name. */
async function vitals(
  t: Test,
  options: AgentOptions,
  own: Parameters<typeof driverFor>[1],
  hold: (vitals: Map<string, Vital>) => boolean,
) {
  const agent = new SimulatedAgent({ version: '1.6', ...options });
  t.teardown(() => agent.stop());
  await agent.start();
  const driver = driverFor(agent.url, own);
  t.same(driver.vitals(), [], 'none before it reads');
  const now = () => new Map(driver.vitals().map((vital) => [vital.name, vital]));
  let last = now();
  await collect(driver, {
    until: () => {
      last = now();
      return hold(last);
    },
  });
  t.same(driver.vitals(), [], 'none after it has stopped');
  return last;
}

t.test('vitals tell the agent, the way of reading, how soon its buffer rolls over, and its clock', async (t) => {
  const found = await vitals(t, { rate: 400 }, {}, (vitals) => /a second/.test(vitals.get('agent buffer')?.text ?? ''));
  t.match(found.get('agent'), { level: 'good', text: /^version .+, MTConnect 1\.6$/ });
  t.match(found.get('way of reading'), { level: 'good', text: 'streaming' });
  t.match(found.get('agent buffer'), { level: 'good', text: /keeps 131072 observations and makes \d+ a second/ });
  t.match(found.get('clock skew'), { level: 'good', text: /^the agent’s clock is [01]\.\d s (ahead|behind)$/ });
});

t.test('polling that was chosen is good', async (t) => {
  const polled = (vitals: Map<string, Vital>) => vitals.has('way of reading');
  const found = await vitals(t, { rate: 100 }, { mode: 'poll' }, polled);
  t.match(found.get('way of reading'), { level: 'good', text: 'polling' });
});

/** A connection to an agent that keeps so many observations and makes 100 a second. */
function running(bufferSize: number, changes: Partial<Running> = {}): Running {
  const forecast = new BufferForecast();
  forecast.note({ lastSequence: 0, bufferSize }, 0);
  forecast.note({ lastSequence: 1000, bufferSize }, 10_000);
  return {
    agentVersion: '2.2',
    schemaVersion: '2.2',
    state: 'streaming',
    barReason: undefined,
    mode: 'auto',
    forecast,
    roundTrip: 5,
    skew: 0,
    ...changes,
  };
}

t.test('what is not good says what to do', async (t) => {
  const cases: [Running, object][] = [
    [
      running(3000),
      { name: 'agent buffer', level: 'warn', text: /rolls over in 30\.0 s: .*loses/, hint: /BufferSize/ },
    ],
    [running(20), { name: 'agent buffer', level: 'bad', text: /before it can be read/, hint: /BufferSize/ }],
    [running(131_072, { skew: -42_000 }), { name: 'clock skew', level: 'warn', text: /42\.0 s behind/, hint: /time/ }],
    [
      running(131_072, { state: 'polling', barReason: 'no multipart' }),
      { name: 'way of reading', level: 'warn', text: /cannot stream: no multipart/, hint: /mode: poll/ },
    ],
  ];
  for (const [state, expected] of cases) {
    t.match(
      vitalsOf(state).filter(({ level }) => level !== 'good'),
      [expected],
    );
  }
});
