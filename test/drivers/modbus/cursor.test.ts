import t from 'tap';
import { positionOf, toCursor } from '../../../src/drivers/modbus/cursor.ts';
import { collect } from '../../support/yielded.ts';
import { deviceFor, driverFor } from './support.ts';

t.test('a cursor is read as it was written; what cannot be read is left out', async (test) => {
  const lost = [{ cause: 'poll-skipped', from: 5, count: 7 }] as const;
  for (const position of [
    { polled: 9, lost: [] },
    { polled: 9, lost },
  ]) {
    test.same(positionOf(JSON.parse(JSON.stringify(toCursor(position)))), position);
  }
  test.equal(positionOf(undefined), undefined);
  test.equal(positionOf({ instanceId: '1', next: 5 }), undefined, 'of another driver');
  test.same(
    positionOf({ polled: 9, lost: [null, 3, { cause: 'x' }, { cause: 'link-down', from: null, count: 'y' }] }),
    {
      polled: 9,
      lost: [],
    },
  );
});

t.test('a loss that a restart found untold is told after it', async (test) => {
  const { url } = await deviceFor(test);
  const polled = Date.now();
  const from = { polled, lost: [{ cause: 'poll-skipped', from: polled - 900, count: 40 }] };
  const driver = driverFor({ url: `${url}/1`, signals: { a: { address: 1 } }, poll: '1s' });
  const yielded = await collect(driver, { from, until: (y) => y.signal('a').length > 0 });
  test.match(yielded.of('gap'), [{ cause: 'poll-skipped', from: polled - 900, count: 40, exact: true }]);
  test.same(yielded.cursor, { polled: yielded.signal('a')[0]?.t });
});
