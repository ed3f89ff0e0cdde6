import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { Overflows } from '../../../src/drivers/opcua/losses.ts';
import { intercept } from './intercept.ts';
import { MILL, millFor } from './server.ts';
import { driverFor, folderOf, supervised } from './support.ts';

t.test('an overflow is told although the clock was set back', (test) => {
  const overflows = new Overflows();
  const now = Date.UTC(2026, 0, 1);
  overflows.note('rpm', now - 10, now);
  test.match(overflows.take(now), { cause: 'queue-overflow' });
  overflows.note('rpm', now, now + 10);
  test.equal(overflows.take(now + 20), undefined, 'gathered');
  test.match(overflows.take(now - 3_600_000), { cause: 'queue-overflow' });
  test.end();
});

t.test('every poll that was missed is told before subscribing is tried again', async (test) => {
  const mill = await millFor(test);
  const until = performance.now() + 1500;
  intercept(mill, 'CreateSubscription', {
    refuse: () => (performance.now() < until ? 'BadTooManySubscriptions' : undefined),
  });
  const driver = driverFor(folderOf(test), {
    url: mill.url,
    pollInterval: '50ms',
    subscribeRetry: '2s',
    signals: { mode: `nsu=${MILL};s=Mill.Mode` },
  });
  const yielded = await supervised(driver, {
    each: async (_, so) => {
      if (so.of('driver').at(-1)?.state === 'polling') await sleep(120);
    },
    until: (so) => so.of('driver').at(-1)?.state === 'streaming',
  });
  const missed = driver.vitals().find(({ name }) => name === 'missed polls')?.text;
  const told = yielded.of('gap').map(({ detail }) => detail?.['polls'] as number);
  test.ok(Number(missed) > 5);
  test.equal(
    told.reduce((sum, polls) => sum + polls, 0),
    Number(missed),
  );
});
