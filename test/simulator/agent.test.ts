import t, { type Test } from 'tap';
import { type AgentOptions, SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import type { SimulatedDevice } from '../../simulator/mtconnect/device.ts';
import { get, header, observations } from './client.ts';

async function started(t: Test, options: AgentOptions = {}): Promise<SimulatedAgent> {
  const agent = new SimulatedAgent({ devices: [{ name: 'a' }, { name: 'b' }], record: true, ...options });
  t.teardown(() => agent.stop());
  await agent.start();
  return agent;
}

t.test('starts with every item unavailable, sequences from 1, shared by its devices', async (t) => {
  const agent = await started(t, { version: '1.3' });
  const { body, headers } = await get(agent.url, '/sample?count=1000');
  const seen = observations(body).sort((a, b) => a.sequence - b.sequence);
  t.equal(headers['content-type'], 'text/xml');
  t.same(
    seen.map(({ sequence }) => sequence),
    seen.map((_, index) => index + 1),
  );
  t.ok(seen.every(({ element, content }) => content === 'UNAVAILABLE' || element === 'Unavailable'));
  t.match(header(body), { firstSequence: '1', nextSequence: `${seen.length + 1}`, lastSequence: `${seen.length}` });
  t.equal(agent.produced.counts.get('a')?.total, seen.length / 2);
  t.same(agent.produced.counts.get('a'), agent.produced.counts.get('b'));
});

t.test('serves a device by name and uuid, and nothing of the others', async (t) => {
  const agent = await started(t);
  for (const path of ['/b/current', '/sim-b/current', '/b/sample?count=1000', '/current?device=b']) {
    const { body } = await get(agent.url, path);
    const ids = observations(body).map(({ dataItemId }) => dataItemId);
    t.ok(ids.length > 30 && ids.every((id) => id.startsWith('b_')), path);
  }
  const { body } = await get(agent.url, '/b/probe');
  t.same(body.match(/<Device [^>]*name="\w+"/g)?.length, 1);
});

t.test('the agent’s own device and deviceModelChangeTime are there from 1.7 on', async (t) => {
  const old = await started(t, { version: '1.6' });
  t.notOk((await get(old.url, '/probe')).body.includes('<Agent'));
  t.notOk('deviceModelChangeTime' in header((await get(old.url, '/current')).body));
  const recent = await started(t, { version: '1.7' });
  t.match((await get(recent.url, '/probe')).body, /<Agent [^>]*name="Agent"/);
  t.ok('deviceModelChangeTime' in header((await get(recent.url, '/current')).body));
});

t.test('what was observed is what is served, escaped', async (t) => {
  const agent = await started(t);
  const told = agent.observe('a', 'program', 'A<B>&"C"', '2026-01-02T03:04:05.6Z');
  const { body } = await get(agent.url, `/a/sample?from=${told.sequence}`);
  t.match(observations(body), [
    {
      element: 'Program',
      sequence: told.sequence,
      content: 'A&lt;B&gt;&amp;&quot;C&quot;',
      attributes: { timestamp: '2026-01-02T03:04:05.6Z', name: 'program', dataItemId: 'a_program' },
    },
  ]);
  t.match(agent.produced.list.at(-1), { ...told, value: 'A<B>&"C"', device: 'a', instanceId: agent.instanceId });
  t.throws(() => agent.observe('a', 'nothing', 1), /no data item nothing/);
});

t.test('timestamps are unique within an item, however fast it is told', async (t) => {
  const agent = await started(t, { micros: () => 1_700_000_000_000_000 });
  const stamps = Array.from({ length: 100 }, () => agent.observe('a', 'line', 1).timestamp);
  t.equal(new Set(stamps).size, 100);
  t.same(
    stamps,
    stamps.toSorted((x, y) => (micros(x) < micros(y) ? -1 : 1)),
  );
  t.match(stamps[0], /^2023-11-14T22:13:20\.\d{1,6}Z$/);
});

const micros = (stamp: string) => (/\.(\d+)Z/.exec(stamp)?.[1] ?? '').padEnd(6, '0');

t.test('every kind of value has its form', async (t) => {
  const agent = await started(t, { version: '2.7' });
  agent.observe('a', 'vars', { entries: { x: 1, y: 'a&b' } });
  agent.observe('a', 'vars', { entries: { x: null } });
  agent.observe('a', 'offsets', { entries: { G54: { X: 1.5, Y: -2 } } });
  agent.observe('a', 'Svib', { series: [1, 2.5, 3] });
  agent.observe('a', 'message', { message: 'door', nativeCode: 'M1' });
  agent.observe('a', 'part_count', { value: 0, resetTriggered: 'DAY' });
  const from = agent.nextSequence - 6;
  const seen = observations((await get(agent.url, `/a/sample?from=${from}`)).body);
  const one = (element: string) => seen.filter((other) => other.element === element);
  t.match(one('VariableDataSet'), [
    { content: '<Entry key="x">1</Entry><Entry key="y">a&amp;b</Entry>', attributes: { count: '2' } },
    { content: '<Entry key="x" removed="true"/>', attributes: { count: '1' } },
  ]);
  t.equal(
    one('WorkOffsetTable')[0]?.content,
    '<Entry key="G54"><Cell key="X">1.5</Cell><Cell key="Y">-2</Cell></Entry>',
  );
  t.match(one('AccelerationTimeSeries'), [{ content: '1 2.5 3', attributes: { sampleCount: '3', sampleRate: '100' } }]);
  t.match(one('Message'), [{ content: 'door', attributes: { nativeCode: 'M1' } }]);
  t.match(one('PartCount'), [{ content: '0', attributes: { resetTriggered: 'DAY' } }]);
  const current = observations((await get(agent.url, '/a/current')).body);
  t.equal(current.find(({ element }) => element === 'VariableDataSet')?.content, '<Entry key="y">a&amp;b</Entry>');
});

t.test('current gives the whole chain of a condition, with conditionId from 2.3 on', async (t) => {
  for (const [version, conditionId] of [
    ['2.2', undefined],
    ['2.3', '4110'],
  ] as const) {
    const agent = await started(t, { version });
    agent.observe('a', 'system', { level: 'FAULT', nativeCode: '4110', qualifier: 'HIGH', text: 'SERVO <X>' });
    agent.observe('a', 'system', { level: 'WARNING', nativeCode: '2' });
    const { body } = await get(agent.url, '/a/current?path=//DataItem[@name="system"]');
    const seen = observations(body);
    t.same(
      seen.map(({ element }) => element),
      ['Fault', 'Warning'],
    );
    t.match(seen[0], {
      content: 'SERVO &lt;X&gt;',
      attributes: { nativeCode: '4110', qualifier: 'HIGH', type: 'SYSTEM' },
    });
    t.equal(seen[0]?.attributes['conditionId'], conditionId);
    agent.observe('a', 'system', { level: 'NORMAL', nativeCode: '4110' });
    const later = observations((await get(agent.url, '/a/current?path=//DataItem[@name="system"]')).body);
    t.same(
      later.map(({ element }) => element),
      ['Warning'],
    );
  }
});

t.test('current at a sequence tells the past', async (t) => {
  const agent = await started(t);
  const first = agent.observe('a', 'program', 'ONE');
  agent.observe('a', 'program', 'TWO');
  const { body } = await get(agent.url, `/a/current?at=${first.sequence}&path=//DataItem[@name="program"]`);
  t.equal(observations(body)[0]?.content, 'ONE');
  t.match((await get(agent.url, `/current?at=${agent.nextSequence}`)).body, /OUT_OF_RANGE/);
});

t.test('the buffer rolls: what fell out is out of range, what is left is served', async (t) => {
  const agent = await started(t, { version: '1.3', bufferSize: 100 });
  agent.flood('a', 'line', 250);
  t.equal(agent.firstSequence, agent.nextSequence - 100);
  const { status, body } = await get(agent.url, `/sample?from=${agent.firstSequence - 1}`);
  t.equal(status, 404);
  t.match(body, `<Error errorCode="OUT_OF_RANGE">'from' must be greater than ${agent.firstSequence - 1}</Error>`);
  const whole = await get(agent.url, `/sample?from=${agent.firstSequence}&count=100`);
  t.equal(observations(whole.body).length, 100);
  t.equal(header(whole.body)['nextSequence'], `${agent.nextSequence}`);
  const current = observations((await get(agent.url, '/a/current')).body);
  t.ok(current.length > 30, 'current still knows what left the buffer');
});

t.test('from may be nextSequence, no more; count is bounded by the buffer and not 0', async (t) => {
  const agent = await started(t, { bufferSize: 1000 });
  const next = agent.nextSequence;
  const atEnd = await get(agent.url, `/sample?from=${next}`);
  t.match([atEnd.status, header(atEnd.body)['nextSequence']], [200, `${next}`]);
  for (const query of [`from=${next + 1}`, 'from=0', 'count=0', 'count=1001', 'count=-1001']) {
    const { status, body } = await get(agent.url, `/sample?${query}`);
    t.match([status, body], [404, /errorCode="OUT_OF_RANGE"/], query);
  }
  t.equal(observations((await get(agent.url, '/sample?count=-3')).body).length, 3);
});

t.test('errors have the form of their version', async (t) => {
  const cases = [
    ['/nodevice/current', 404, 'NO_DEVICE', 'NoDevice'],
    ['/sample?from=99999999', 404, 'OUT_OF_RANGE', 'OutOfRange'],
    ['/current?path=//[', 400, 'INVALID_XPATH', 'InvalidXPath'],
    ['/a/sample/x', 404, 'INVALID_REQUEST', 'InvalidURI'],
    ['/%zz/current', 404, 'INVALID_REQUEST', 'InvalidURI'],
    ['/sample?from=x', 400, 'INVALID_REQUEST', 'InvalidParameterValue'],
    ['/asset/nothing', 404, 'ASSET_NOT_FOUND', 'AssetNotFound'],
  ] as const;
  const old = await started(t, { version: '2.5' });
  const recent = await started(t, { version: '2.6' });
  for (const [path, status, code, typed] of cases) {
    const before = await get(old.url, path);
    t.match(
      [before.status, before.body],
      [status, new RegExp(`<Errors><Error errorCode="${code}">[^<]+</Error></Errors>`)],
      path,
    );
    const after = await get(recent.url, path);
    t.match(
      [after.status, after.body],
      [status, new RegExp(`<${typed} errorCode="[A-Z_]+"><ErrorMessage>[^<]+</ErrorMessage>`)],
      path,
    );
  }
  const silent = await started(t, { version: '1.2', errorsWithStatus200: true });
  t.match(await get(silent.url, '/nodevice/current'), { status: 200, body: /<Error errorCode="NO_DEVICE">/ });
});

t.test('a restart gives another instance, an empty buffer and the same address', async (t) => {
  const agent = await started(t);
  const before = { instanceId: agent.instanceId, url: agent.url.href, next: agent.nextSequence };
  agent.observe('a', 'program', 'ONE');
  await agent.restart();
  t.equal(agent.url.href, before.url);
  t.not(agent.instanceId, before.instanceId);
  t.equal(agent.nextSequence, before.next);
  const { body } = await get(agent.url, '/a/current?path=//DataItem[@name="program"]');
  t.equal(observations(body)[0]?.content, 'UNAVAILABLE');
  t.equal(header(body)['instanceId'], `${agent.instanceId}`);
  t.equal(agent.produced.list.filter(({ value }) => value === 'ONE').length, 1, 'the books cover both lives');
});

t.test('unplugged it refuses connections and loses nothing', async (t) => {
  const agent = await started(t);
  await agent.unplug();
  await t.rejects(get(agent.url, '/probe'), { code: 'ECONNREFUSED' });
  const { sequence } = agent.observe('a', 'program', 'ONE');
  await agent.plug();
  t.equal(observations((await get(agent.url, `/sample?from=${sequence}`)).body)[0]?.content, 'ONE');
});

t.test('assets are served, and their coming and going is observed', async (t) => {
  const agent = await started(t, { version: '2.7' });
  agent.putAsset('a', { assetId: 'T1', type: 'CuttingTool', body: '<Description>mill</Description>' });
  agent.putAsset('a', { assetId: 'T1', type: 'CuttingTool', body: '<Description>used</Description>' });
  t.match(
    (await get(agent.url, '/asset/T1')).body,
    /<CuttingTool assetId="T1" deviceUuid="sim-a" timestamp="[^"]+"><Description>used/,
  );
  t.match(header((await get(agent.url, '/assets')).body), { assetCount: '1' });
  agent.removeAsset('a', 'T1');
  t.notMatch((await get(agent.url, '/assets')).body, /CuttingTool/);
  t.match((await get(agent.url, '/asset/T1')).body, /removed="true"/);
  const seen = observations((await get(agent.url, `/a/sample?from=${agent.nextSequence - 3}`)).body);
  const told = seen.map(({ element, attributes, content }) => [element, attributes['assetType'], content]);
  t.same(told, [
    ['AssetAdded', 'CuttingTool', 'T1'],
    ['AssetChanged', 'CuttingTool', 'T1'],
    ['AssetRemoved', 'CuttingTool', 'T1'],
  ]);
});

t.test('a changed device model moves deviceModelChangeTime and keeps what was observed', async (t) => {
  const agent = await started(t, { version: '2.0' });
  agent.observe('a', 'program', 'ONE');
  const before = header((await get(agent.url, '/probe')).body)['deviceModelChangeTime'];
  const [a] = agent.machines as [SimulatedDevice];
  const extra = { id: 'a_door', name: 'door', category: 'EVENT', type: 'DOOR_STATE' } as const;
  agent.setDevice({ ...a, dataItems: [...(a.dataItems ?? []), extra] });
  const { body } = await get(agent.url, '/a/current');
  t.not(header(body)['deviceModelChangeTime'], before);
  t.equal(body.match(/<DeviceStream/g)?.length, 1);
  t.equal(observations(body).find(({ element }) => element === 'Program')?.content, 'ONE');
  t.equal(observations(body).find(({ element }) => element === 'DoorState')?.content, 'UNAVAILABLE');
  t.match((await get(agent.url, '/Agent/current')).body, />sim-a<\/DeviceChanged>/);
});

t.test('creationTime can be skewed', async (t) => {
  const agent = await started(t);
  agent.clockSkew = -3_600_000;
  const told = Date.parse(header((await get(agent.url, '/current')).body)['creationTime'] ?? '');
  t.ok(Math.abs(Date.now() - 3_600_000 - told) < 5000);
});

t.test('a machine of 1.2 reports a spindle speed', async (t) => {
  const agent = await started(t, { version: '1.2', devices: [{ name: 'old' }] });
  const { body } = await get(agent.url, '/probe');
  t.match(body, /type="SPINDLE_SPEED"/);
  t.notMatch(body, /ROTARY_VELOCITY|DATA_SET|<Agent/);
});
