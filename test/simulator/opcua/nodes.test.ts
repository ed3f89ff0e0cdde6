import { AttributeIds, type ClientSession, ClientSubscription, constructEventFilter, type Variant } from 'node-opcua';
import t from 'tap';
import { CncLife } from '../../../simulator/opcua/cnc-life.ts';
import { LEAVES, MODES, STATES } from '../../../simulator/opcua/leaves.ts';
import type { ProducedItem } from '../../../simulator/opcua/server.ts';
import { open, read, started } from './client.ts';

/** What the server was given, as its books hold it. */
function plain(variant: Variant): unknown {
  const { value } = variant;
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Float64Array) return [...value];
  if (Array.isArray(value)) return String((BigInt(value[0]) << 32n) | BigInt(value[1]));
  return value !== null && typeof value === 'object' ? { ...value.toJSON() } : value;
}

t.test('every kind of value arrives as it is in the books, with its status and time', async (t) => {
  const produced = new Map<string, ProducedItem>();
  const server = await started(t, { onProduced: (item) => produced.set(item.path, item) });
  const session = await open(t, server.url);
  for (let i = 0; i < 40; i++) server.step(0.5);
  t.same([...produced.keys()].toSorted(), Object.keys(LEAVES).toSorted(), 'all of them');
  for (const { path, nodeId, value, status, sourceTimestamp } of produced.values()) {
    const told = await read(session, nodeId.replace(/^nsu=[^;]+/, 'ns=2'));
    t.match(told.statusCode.name, status, path);
    t.same(plain(told.value), value, path);
    t.same(told.sourceTimestamp, sourceTimestamp, path);
  }
  t.match(produced.get('Axes/Increments')?.value, /^90071992\d{8}$/, 'beyond what a double holds');
  t.same(
    ['Sensors/Temperature', 'Sensors/Vibration', 'Sensors/Coolant'].map((path) => produced.get(path)?.status),
    ['Good', 'UncertainSensorNotAccurate', 'BadNotConnected'],
  );
});

const texts = async (session: ClientSession, nodeId: string) =>
  (await read(session, nodeId)).value.value.map(({ text }: { text: string }) => text);

t.test('units, ranges, states and the machine’s identity are told', async (t) => {
  const server = await started(t, { seed: 7 });
  const session = await open(t, server.url);
  const below = async (nodeId: string, name: string): Promise<string> => {
    const { references } = await session.browse({ nodeId, resultMask: 63 });
    return references?.find(({ browseName }) => browseName.name === name)?.nodeId.toString() ?? '';
  };
  const speed = 'ns=2;s=cnc-1.Spindle.Speed';
  const unit = (await read(session, await below(speed, 'EngineeringUnits'))).value.value;
  t.match(unit, { displayName: { text: 'rev/min' }, unitId: 0x52504d });
  t.match((await read(session, await below(speed, 'EURange'))).value.value, { low: 0, high: 12_000 });
  t.same(await texts(session, await below('ns=2;s=cnc-1.Production.State', 'EnumStrings')), STATES);
  const type = await session.read({ nodeId: 'ns=2;s=cnc-1.Production.Mode', attributeId: AttributeIds.DataType });
  t.same(await texts(session, await below(type.value.value.toString(), 'EnumStrings')), MODES);
  t.equal((await read(session, 'ns=2;s=cnc-1.Identification.SerialNumber')).value.value, 'SIM-7');
});

t.test('the same seed and steps give the same life, another seed another', async (t) => {
  const live = (seed: number) => {
    const life = new CncLife(seed);
    return Array.from({ length: 100 }, () => life.step(0.5));
  };
  t.same(live(3), live(3));
  t.notSame(live(3), live(4));
  const states = new Set(live(3).map((values) => values['Production/State']));
  t.ok(states.has(STATES.indexOf('Running')) && states.has(STATES.indexOf('Idle')));
});

t.test('an alarm comes and goes, as events and as a variable', async (t) => {
  let number = 0;
  const server = await started(t, {
    onProduced: ({ path, value }) => {
      if (path === 'Alarm/Number') number = value as number;
    },
  });
  const session = await open(t, server.url);
  const subscription = ClientSubscription.create(session, { publishingEnabled: true, requestedPublishingInterval: 20 });
  const item = await subscription.monitor(
    { nodeId: 'i=2253', attributeId: AttributeIds.EventNotifier },
    { samplingInterval: 0, queueSize: 100, filter: constructEventFilter(['SourceName', 'Message', 'Retain']) },
    2,
  );
  const events: string[] = [];
  const enough = Promise.withResolvers<void>();
  (item as unknown as NodeJS.EventEmitter).on('changed', ([source, message, retain]: Variant[]) => {
    // node-opcua puts the namespace before the name.
    if (source?.value !== '2:cnc-1') return;
    events.push(`${message?.value.text} ${retain?.value}`);
    if (retain?.value === false) enough.resolve();
  });
  const active = async () => (await read(session, await idOfActive(session))).value.value;
  t.equal(await active(), false);
  for (let i = 0; number === 0 && i < 100_000; i++) server.step(1);
  t.equal(await active(), true);
  for (let i = 0; number !== 0 && i < 100; i++) server.step(1);
  t.equal(await active(), false);
  await enough.promise;
  t.ok(events.includes('Alarm 1042: spindle drive true'));
  t.equal(events.at(-1), 'Alarm cleared false');
  await subscription.terminate();
});

async function idOfActive(session: ClientSession): Promise<string> {
  let nodeId = 'ns=2;s=cnc-1.Alarm.Condition';
  for (const name of ['ActiveState', 'Id']) {
    const { references } = await session.browse({ nodeId, resultMask: 63 });
    nodeId = references?.find(({ browseName }) => browseName.name === name)?.nodeId.toString() ?? '';
  }
  return nodeId;
}
