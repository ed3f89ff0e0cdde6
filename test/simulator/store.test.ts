import t from 'tap';
import { type Item, itemsOf, type SimulatedDevice } from '../../simulator/mtconnect/device.ts';
import { Random } from '../../simulator/mtconnect/random.ts';
import { Store } from '../../simulator/mtconnect/store.ts';
import type { ConditionValue, SimulatedValue } from '../../simulator/mtconnect/value.ts';

const device: SimulatedDevice = {
  element: 'Device',
  id: 'd',
  name: 'd',
  uuid: 'u',
  dataItems: [
    { id: 'a', category: 'EVENT', type: 'PROGRAM' },
    { id: 'b', category: 'SAMPLE', type: 'LOAD' },
    { id: 'c', category: 'CONDITION', type: 'SYSTEM' },
    { id: 's', category: 'EVENT', type: 'VARIABLE', representation: 'DATA_SET' },
  ],
};
const items = itemsOf([device]);
const item = (id: string) => items.find(({ spec }) => spec.id === id) as Item;
const all = () => true;

function filled(capacity: number, values: readonly [string, SimulatedValue][]): Store {
  const store = new Store(capacity);
  for (const [id, value] of values) store.append(item(id), value, '');
  return store;
}

function values(store: Store, at?: number): Record<string, SimulatedValue[]> {
  const found: Record<string, SimulatedValue[]> = {};
  for (const { item, value } of store.state(at).observations()) {
    const id = item.spec.id;
    found[id] = [...(found[id] ?? []), value];
  }
  return found;
}

t.test('keeps the last observations and their sequences as the buffer rolls', async (t) => {
  const store = filled(
    4,
    Array.from({ length: 10 }, (_, n) => ['b', n] as [string, number]),
  );
  t.match(
    { first: store.firstSequence, last: store.lastSequence, next: store.nextSequence },
    { first: 7, last: 10, next: 11 },
  );
  t.same(
    store.forward(7, 100, all).observations.map(({ sequence, value }) => [sequence, value]),
    [
      [7, 6],
      [8, 7],
      [9, 8],
      [10, 9],
    ],
  );
  t.throws(() => store.forward(6, 1, all), /sequence 6 is not in the buffer/);
});

t.test('nextSequence advances over what a filter leaves out', async (t) => {
  const store = filled(10, [
    ['a', 'x'],
    ['b', 1],
    ['b', 2],
    ['a', 'y'],
    ['b', 3],
  ]);
  const onlyA = ({ spec }: Item) => spec.id === 'a';
  t.match(store.forward(2, 1, onlyA), { next: 5, atEnd: false });
  t.match(store.forward(5, 1, onlyA), { next: 6, atEnd: true, observations: [] });
  t.match(store.forward(6, 1, all), { next: 6, atEnd: true, observations: [] });
});

t.test('goes backwards for a negative count', async (t) => {
  const store = filled(10, [
    ['b', 1],
    ['b', 2],
    ['b', 3],
  ]);
  const { observations, next } = store.backward(3, 2, all);
  t.same(
    observations.map(({ sequence }) => sequence),
    [2, 3],
  );
  t.equal(next, 1);
});

t.test('the state at a sequence is that of a naive replay, also where the buffer has rolled', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  t.comment(`seed ${seed}`);
  const random = new Random(seed);
  const script = Array.from({ length: 300 }, () => randomStep(random));
  const store = filled(50, script);
  for (const at of [store.firstSequence, 270, 299, 300]) {
    t.same(values(store, at), values(filled(1000, script.slice(0, at))), `at ${at}`);
  }
});

function randomStep(random: Random): [string, SimulatedValue] {
  const id = random.pick(['a', 'b', 'c', 's']);
  if (id === 'c') {
    const nativeCode = random.pick(['1', '2', '3']);
    const level = random.pick(['NORMAL', 'WARNING', 'FAULT', 'UNAVAILABLE'] as const);
    return ['c', random.next() < 0.2 ? { level: 'NORMAL' } : { level, nativeCode }];
  }
  if (id === 's') return ['s', { entries: { [random.whole(1, 4)]: random.next() < 0.3 ? null : random.whole(1, 9) } }];
  return [id, random.whole(0, 99)];
}

t.test('conditions: several at a time, one cleared by its code, all by a bare Normal', async (t) => {
  const chain = (...steps: ConditionValue[]) =>
    (
      values(
        filled(
          10,
          steps.map((step) => ['c', step]),
        ),
      )['c'] as ConditionValue[]
    ).map(({ level, nativeCode }) => `${level} ${nativeCode ?? ''}`.trim());
  const fault: ConditionValue = { level: 'FAULT', nativeCode: '1' };
  const warning: ConditionValue = { level: 'WARNING', nativeCode: '2' };
  t.same(chain({ level: 'NORMAL' }, fault, warning), ['FAULT 1', 'WARNING 2']);
  t.same(chain(fault, warning, { level: 'WARNING', nativeCode: '1' }), ['WARNING 2', 'WARNING 1']);
  t.same(chain(fault, warning, { level: 'NORMAL', nativeCode: '1' }), ['WARNING 2']);
  t.same(chain(fault, { level: 'NORMAL', nativeCode: '1' }), ['NORMAL']);
  t.same(chain(fault, warning, { level: 'NORMAL' }), ['NORMAL']);
  t.same(chain(fault, { level: 'UNAVAILABLE' }), ['UNAVAILABLE']);
  t.same(
    chain(fault, { ...fault, conditionId: 'x' }),
    ['FAULT 1', 'FAULT 1'],
    'conditionId tells apart what shares a code',
  );
});

t.test('a data set merges its changes; a reset replaces it', async (t) => {
  const set = (...steps: SimulatedValue[]) =>
    values(
      filled(
        10,
        steps.map((step) => ['s', step]),
      ),
    )['s']?.[0];
  t.match(set({ entries: { a: 1, b: 2 } }, { entries: { b: null, c: 3 } }), { entries: { a: 1, c: 3 } });
  t.same(set({ entries: { a: 1 } }, { entries: { c: 3 }, resetTriggered: 'DAY' }), {
    entries: { c: 3 },
    resetTriggered: 'DAY',
  });
  t.same(set('UNAVAILABLE', { entries: { a: 1 } }), { entries: { a: 1 } });
});
