import { DataType, StatusCodes } from 'node-opcua';
import t from 'tap';
import { MILL, millFor } from './server.ts';
import { collect, driverFor, folderOf, sees } from './support.ts';

const node = (name: string) => `nsu=${MILL};s=Mill.${name}`;

t.test('a server that is read', async (all) => {
  const mill = await millFor(all, { counters: 250 });
  const { url } = mill;
  const folder = folderOf(all);

  await all.test('signals by URI, index and path; scaled; state and available', async (test) => {
    mill.set('Mode', 0);
    const driver = driverFor(folder, {
      url,
      signals: {
        rpm: { node: node('Spindle.Speed'), scale: 60, unit: 'rev/min' },
        by_index: `ns=${mill.namespace.index};s=Mill.Spindle.Speed`,
        by_path: '/Objects/Machines/*/Spin*/Speed',
        anywhere: '/Objects/**/Spindle/Speed',
        mode: node('Mode'),
      },
      state: { from: 'mode', running: 2, idle: 0 },
    });
    let isSet = false;
    const yielded = await collect(driver, {
      each: () => {
        if (isSet || driver.vitals().length === 0) return;
        isSet = true;
        mill.set('Spindle.Speed', 50);
        mill.set('Mode', 2);
      },
      until: (so) => sees('rpm', 3000)(so) && sees('state', 'running')(so),
    });
    for (const signal of ['by_index', 'by_path', 'anywhere']) test.ok(yielded.values(signal).includes(50), signal);
    test.same(yielded.values('available'), [true]);
    test.match(yielded.of('machine'), [
      { model: { protocol: 'OPC UA', productName: 'Mill' }, signals: { rpm: { unit: 'rev/min' } } },
    ]);
    test.match(yielded.of('driver'), [{ state: 'streaming' }]);
    test.match(yielded.notices('revised'), [/the server publishes every 50 ms instead of 20 ms/]);
    const [state] = yielded.signal('state').slice(-1);
    test.equal(state?.t, yielded.signal('mode').at(-1)?.t, 'stamped like the signal that changed it');
  });

  await all.test('everything below a folder, in pieces, without what is excluded', async (test) => {
    const driver = driverFor(folder, {
      url,
      itemsPerCall: 40,
      folders: [{ node: '/Objects/Machines/*', exclude: ['Counters/c1*', 'Mode'] }],
    });
    const yielded = await collect(driver, { until: sees('Counters.c249', 0) });
    const names = Object.keys(yielded.of('machine')[0]?.signals ?? {});
    test.same(names.slice(0, 3), ['Spindle.Speed', 'Counters.c0', 'Counters.c2']);
    test.equal(names.filter((name) => name.startsWith('Counters.c1')).length, 0);
    test.equal(names.length, 1 + 250 - 111);
  });

  await all.test('a folder that takes its time gives signs of life', async (test) => {
    const signs: string[] = [];
    const sign = (one: string) => signs.push(one);
    const driver = driverFor(folder, { url, itemsPerCall: 10, folders: ['/Objects/Machines/*'] }, sign);
    let before: number | undefined;
    await collect(driver, {
      each: () => {
        before ??= signs.length;
      },
      until: sees('Counters.c249', 0),
    });
    test.ok((before ?? 0) > 25, `${before} signs before the first reading`);
  });

  await all.test('a folder gives no more than the limit', async (test) => {
    const driver = driverFor(folder, { url, limit: 10, folders: [node('Counters')] });
    const yielded = await collect(driver, { until: sees('c9', 0) });
    test.equal(Object.keys(yielded.of('machine')[0]?.signals ?? {}).length, 10);
    test.match(yielded.notices('signals-refused'), [/folders give more than 10 signals: raise limit/]);
  });

  await all.test('signals that the server refuses are named, and read as soon as they are there', async (test) => {
    const driver = driverFor(folder, {
      url,
      signals: {
        rpm: node('Spindle.Speed'),
        later: node('Later'),
        lost: 'nsu=urn:nobody;s=x',
        several: '/Objects/Machines/Mill/Counters/*',
        nowhere: '/Objects/Nowhere',
      },
    });
    let isMade = false;
    const yielded = await collect(driver, {
      each: (_, so) => {
        if (isMade || so.notices('signals-refused').length === 0) return;
        isMade = true;
        mill.add('Later', DataType.Double, 42);
      },
      until: (so) => sees('later', 42)(so) && so.notices('signals-refused').length > 1,
    });
    const [first, second] = yielded.notices('signals-refused');
    test.match(first, /4 of 5 signals are not read: .*later \(.*: BadNodeIdUnknown\)/);
    test.match(first, /lost \(.*: the server has no namespace urn:nobody\)/);
    test.match(first, /several \(.*: the path fits 250 variables: \/Objects\/Machines\/Mill\/Counters\/c0, .* …\)/);
    test.match(first, /nowhere \(.*: no variable is at this path\)/);
    test.match(second, /3 of 5 signals are not read/);
    test.same(yielded.values('later'), [null, 42]);
    test.same(yielded.values('lost'), [null]);
    test.match(
      driver.vitals().find(({ name }) => name === 'signals'),
      { level: 'bad', text: /2 of 5 are read.*not: lost, several, nowhere/ },
    );
  });

  await all.test('a node that goes and comes back', async (test) => {
    const comes = mill.add('Comes', DataType.Double, 1);
    const driver = driverFor(folder, { url, signals: { comes: node('Comes') } });
    let step = 0;
    const yielded = await collect(driver, {
      each: (_, so) => {
        if (step === 0 && sees('comes', 1)(so)) {
          step = 1;
          mill.namespace.deleteNode(comes);
        } else if (step === 1 && so.notices('signals-refused').length > 0) {
          step = 2;
          mill.add('Comes', DataType.Double, 2);
        }
      },
      until: sees('comes', 2),
    });
    test.match(yielded.notices('signals-refused'), [/1 of 1 signals are not read: comes .*BadNodeId/]);
    test.equal(yielded.of('gap').length, 0);
  });

  await all.test('a queue that is too short is told as a gap', async (test) => {
    const signals = { mode: { node: node('Mode'), queueSize: 2 } };
    const driver = driverFor(folder, { url, signals, publishingInterval: '500ms' });
    let next = 100;
    const timer = setInterval(() => mill.set('Mode', next++), 20);
    test.teardown(() => clearInterval(timer));
    const yielded = await collect(driver, { until: (so) => so.of('gap').length > 0 });
    test.match(yielded.of('gap'), [
      { cause: 'queue-overflow', count: null, exact: false, detail: { overflows: { mode: Number }, signals: 1 } },
    ]);
    const [gap] = yielded.of('gap');
    test.ok(gap?.from && gap.from < gap.to);
    test.match(
      driver.vitals().find(({ name }) => name === 'queue overflows'),
      { level: 'warn' },
    );
  });

  await all.test('a deadband keeps small changes back', async (test) => {
    mill.set('Spindle.Speed', 0);
    const driver = driverFor(folder, { url, signals: { rpm: { node: node('Spindle.Speed'), deadband: 10 } } });
    let next = 1;
    const yielded = await collect(driver, {
      each: () => {
        mill.set('Spindle.Speed', next);
        next += 4;
      },
      until: (so) => so.signal('rpm').length > 3,
    });
    const values = yielded.values('rpm') as number[];
    test.ok(
      values.every((v, i) => i === 0 || Math.abs(v - (values[i - 1] as number)) > 10),
      values.join(),
    );
  });

  await all.test('a status is a quality', async (test) => {
    const driver = driverFor(folder, { url, signals: { mode: node('Mode') } });
    const STEPS = [StatusCodes.UncertainLastUsableValue, StatusCodes.BadSensorFailure, StatusCodes.Good];
    let step = 0;
    const yielded = await collect(driver, {
      each: (_, so) => {
        if (so.signal('mode').length <= step) return;
        mill.set('Mode', 7 + step, STEPS[step]);
        step += 1;
      },
      until: (so) => so.signal('mode').length === 4,
    });
    test.match(yielded.signal('mode').slice(1), [
      { v: 7, q: 'uncertain' },
      { v: null, q: 'bad' },
      { v: 9, q: 'good' },
    ]);
  });
});

t.test('a server that cannot subscribe is polled', async (test) => {
  const mill = await millFor(test, { counters: 30, maxSubscriptions: 0 });
  const driver = driverFor(folderOf(test), {
    url: mill.url,
    pollInterval: '30ms',
    itemsPerCall: 7,
    signals: { rpm: node('Spindle.Speed'), mode: node('Mode'), lost: node('Lost') },
    folders: [node('Counters')],
    state: { from: 'mode', running: 2, idle: 0 },
  });
  let isSet = false;
  const yielded = await collect(driver, {
    each: (_, so) => {
      if (isSet || !sees('c29', 0)(so)) return;
      isSet = true;
      mill.set('Spindle.Speed', 5);
      mill.set('Mode', 2);
    },
    until: (so) => sees('rpm', 5)(so) && sees('state', 'running')(so),
  });
  test.same(yielded.values('rpm'), [0, 5], 'changes only');
  test.same(yielded.values('c7'), [0]);
  test.match(yielded.notices('subscribe-fallback'), [
    /cannot subscribe, so it polls and tries again later: .*BadTooManySubscriptions/,
  ]);
  test.match(yielded.of('driver'), [{ state: 'polling' }]);
  test.match(yielded.notices('signals-refused'), [/1 of 33 signals are not read: lost .*BadNodeIdUnknown/]);
  test.match(
    driver.vitals().find(({ name }) => name === 'reading'),
    { level: 'warn' },
  );
  const again = await collect(driver, { from: yielded.cursor, until: sees('rpm', 5) });
  test.match(again.of('gap'), [{ cause: 'link-down' }]);
  const strict = driverFor(folderOf(test), {
    url: mill.url,
    mode: 'subscribe',
    signals: { rpm: node('Spindle.Speed') },
  });
  await test.rejects(collect(strict, { until: () => false }), /BadTooManySubscriptions/);
});
