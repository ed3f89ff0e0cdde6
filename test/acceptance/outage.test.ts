import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { noMosquitto } from '../support/brokers.ts';
import { noOpenssl } from '../support/certificates.ts';
import { Plant, residentMb, runGateway } from '../support/plant.ts';
import { seededRandom } from '../support/random.ts';

// `LONG=1` (npm run acceptance) runs the durations of the acceptance; the short form is for every `npm test`.
const LONG = process.env['LONG'] === '1';
const RATE = 1000;
const OUTAGE_MS = LONG ? 60_000 : 4000;
const KILLS = LONG ? 10 : 4;
const skip = noMosquitto || noOpenssl;
const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);

t.test('nothing is missing after the broker was dead under load', { skip, timeout: 180_000 }, async (t) => {
  await using plant = await Plant.start(t.testdir(), RATE);
  await plant.begin();
  await sleep(3000);
  const { child } = plant.gateway as NonNullable<typeof plant.gateway>;
  const before = residentMb(child);
  await plant.brokerDies();
  await sleep(OUTAGE_MS);
  const backlog = plant.tally.missing;
  const during = residentMb(child);
  await plant.brokerBack();
  await plant.settle();
  const after = residentMb(child);
  const { code, ms } = await plant.terminate();
  const figures = await plant.consumer.summary();
  const { produced, received, missing, repeated } = plant.tally;
  t.comment({ produced, received, backlog, rssMb: { before, during, after }, stopMs: Math.round(ms), ...figures });
  t.ok(backlog > (RATE * OUTAGE_MS) / 1000 / 2, 'the outage made a backlog');
  t.equal(missing, 0, 'nothing is missing');
  t.equal(repeated, 0, 'nothing came twice under different keys');
  t.match(figures, { missingBatches: 0, gaps: 0, invalid: 0 });
  t.equal(code, 0);
  t.ok(after < before * 1.25, 'memory does not grow with the backlog');
  t.ok(after < 150, 'and stays under 150 MB');
});

t.test(`nothing is missing after ${KILLS} SIGKILLs under load`, { skip, timeout: 180_000 }, async (t) => {
  t.comment(`SEED=${seed}`);
  const random = seededRandom(seed);
  await using plant = await Plant.start(t.testdir(), RATE);
  await plant.begin();
  for (let kill = 0; kill < KILLS; kill += 1) {
    await sleep(500 + random() * 2500);
    plant.gateway?.child.kill('SIGKILL');
    await plant.gateway?.exited;
    plant.gateway = runGateway(plant.configFile);
  }
  await plant.settle();
  const { code } = await plant.terminate();
  const figures = await plant.consumer.summary();
  const { produced, received, missing, repeated } = plant.tally;
  t.comment({ produced, received, ...figures });
  t.equal(missing, 0, 'nothing is missing');
  t.equal(repeated, 0, 'nothing came twice under different keys');
  t.match(figures, { missingBatches: 0, gaps: 0, invalid: 0 });
  t.equal(code, 0);
});
