import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Decoder } from '../../../src/drivers/mtconnect/decode.ts';
import { parseDocument, type StreamsDocument } from '../../../src/drivers/mtconnect/document.ts';
import { mapDevice } from '../../../src/drivers/mtconnect/mapping.ts';
import { type AgentModel, agentModel } from '../../../src/drivers/mtconnect/model.ts';
import { boundaryOf, MultipartSplitter } from '../../../src/drivers/mtconnect/multipart.ts';

/** Documents of real machines and agents, which are not part of the project. */
const SHARED = process.env['SHARED_MTCONNECT'] ?? new URL('../../../../shared/mtconnect', import.meta.url).pathname;
const skip = existsSync(SHARED) ? false : `no documents of real machines in ${SHARED} (SHARED_MTCONNECT)`;

const files = (folder: string, pattern: RegExp) =>
  skip === false ? readdirSync(join(SHARED, folder)).filter((file) => pattern.test(file)) : [];
const read = (folder: string, file: string) => readFileSync(join(SHARED, folder, file));

/** Whether every observation of a document is sound; unavailable items count as such. */
function checkStreams(t: Test, document: StreamsDocument, probe: AgentModel | undefined, name: string): void {
  for (const stream of document.devices) {
    const device = probe?.devices.find(({ uuid }) => uuid === stream.uuid);
    const mapping = mapDevice(device ?? { ...NO_DEVICE, name: stream.name }, {});
    const { observations, unreadable, badValues, taken } = new Decoder(mapping).decode(stream.observations, {
      snapshot: true,
    });
    t.equal(unreadable + badValues, 0, `${name} ${stream.name}: everything can be read`);
    t.equal(taken, stream.observations.length);
    t.ok(observations.length >= taken);
    for (const { signal, t: ms, ns, v, q } of observations) {
      const sound = signal !== '' && ms > Date.UTC(2000) && ms < Date.UTC(2100) && ns >= 0 && ns < 1e6;
      const valued = v === null ? q === 'bad' : v !== 'UNAVAILABLE' && (typeof v !== 'number' || Number.isFinite(v));
      if (!sound || !valued) t.fail(`${name}: ${JSON.stringify({ signal, ms, ns, v, q })}`);
    }
  }
}

const NO_DEVICE = {
  id: undefined,
  uuid: undefined,
  manufacturer: undefined,
  model: undefined,
  serialNumber: undefined,
  description: undefined,
  items: [],
};

t.test('every probe of a real machine gives devices with names of their own for all items', { skip }, async (t) => {
  for (const [folder, file] of [
    ...files('probe', /xml$/).map((file) => ['probe', file] as const),
    ...files('generated', /probe\.xml$/).map((file) => ['generated', file] as const),
  ]) {
    const document = parseDocument(read(folder, file), file);
    if (document.kind !== 'devices') throw new Error(`${file} is ${document.kind}`);
    const { devices } = agentModel(document);
    t.ok(devices.length > 0, file);
    for (const device of devices) {
      const mapping = mapDevice(device, {});
      const names = [...mapping.items.values()].flatMap(({ targets }) => targets.map(({ signal }) => signal));
      t.equal(new Set(names).size, names.length, `${file} ${device.name}: ${names.length} signals`);
      t.ok(mapping.signals.has('available'), `${device.name} tells whether it is available`);
    }
  }
});

t.test('the canonical items of known machines are the ones that a technician would choose', { skip }, async (t) => {
  const chosen = (file: string, folder = 'probe') => {
    const document = parseDocument(read(folder, file), file);
    if (document.kind !== 'devices') throw new Error(file);
    return agentModel(document).devices.map((device) => {
      const { signals } = mapDevice(device, {});
      return [device.name, ...['rpm', 'feed_mm_min', 'state'].map((signal) => signals.get(signal)?.source)].join(' ');
    });
  };
  t.same(chosen('mtconnect__demo_agent_Devices.xml'), ['OKUMA S1speed p1Fact pexecution', 'Mazak Srpm Fact execution']);
  t.same(chosen('mtconnect__resources_samples_fanuc.xml'), ['Fanuc-4Axis S1speed path_feedrate execution']);
  t.same(chosen('mtconnect__resources_samples_haas.xml'), ['Haas_1 Sspeed  execution']);
  t.same(chosen('v2.7-nist-probe.xml', 'generated').slice(0, 4), [
    'GFAgie01   execution',
    'Mazak01 Srpm Fact execution',
    'Mazak03 Srpm Fact execution',
    'Hurco01 Spindle_Speed Feed_Rate Program_Status',
  ]);
});

t.test('every streams document of a real agent gives sensible observations', { skip }, async (t) => {
  for (const file of files('generated', /(current|sample|unavailable)\.xml$/)) {
    const probeFile = `${file.split('-')[0]}-nist-probe.xml`;
    const probe = parseDocument(read('generated', probeFile), probeFile);
    const document = parseDocument(read('generated', file), file);
    if (document.kind !== 'streams' || probe.kind !== 'devices') throw new Error(file);
    checkStreams(t, document, agentModel(probe), file);
  }
  for (const file of files('streams', /xml$/)) {
    try {
      const document = parseDocument(read('streams', file), file);
      if (document.kind !== 'streams') throw new Error(file);
      checkStreams(t, document, undefined, file);
    } catch (error) {
      // Its header has a `=` behind every number.
      t.match(file, /Current-Simple/);
      t.match(error, {
        name: 'Fault',
        of: 'machine',
        message: `${file} sent a document whose header has firstSequence="1="`,
      });
    }
  }
});

t.test('recorded streams are split into documents that follow each other', { skip }, async (t) => {
  for (const file of files('generated', /multipart$/)) {
    const headers = read('generated', file.replace(/-Mazak01-stream.*/, '-stream.headers')).toString();
    const boundary = boundaryOf(/^content-type: (.*)$/im.exec(headers)?.[1]);
    const body = read('generated', file);
    const splitter = new MultipartSplitter(boundary ?? 'none', 2 ** 20, file);
    let next: number | undefined;
    let parts = 0;
    for (let at = 0; at < body.length; at += 1000) {
      splitter.push(body.subarray(at, at + 1000));
      for (let part = splitter.next(); part !== undefined; part = splitter.next()) {
        const document = parseDocument(part, file);
        if (document.kind !== 'streams') throw new Error(file);
        const { nextSequence, lastSequence } = document.header;
        t.ok(next === undefined || nextSequence >= next, 'the position never goes back');
        t.ok(nextSequence <= lastSequence + 1);
        checkStreams(t, document, undefined, `${file} part ${parts}`);
        next = nextSequence;
        parts += 1;
      }
    }
    t.ok(parts >= 3, `${file}: ${parts} parts`);
  }
});

t.test('error and asset documents of all versions are told apart', { skip }, async (t) => {
  for (const [pattern, code] of [
    [/error-outofrange/, 'OUT_OF_RANGE'],
    [/error-nodevice/, 'NO_DEVICE'],
    [/error-badxpath/, 'INVALID_XPATH'],
  ] as const) {
    for (const file of files('generated', pattern)) {
      t.match(parseDocument(read('generated', file), file), { kind: 'error', errors: [{ code, text: /\w/ }] }, file);
    }
  }
  for (const file of files('assets', /xml$/)) {
    if (file.includes('asset1')) {
      t.throws(() => parseDocument(read('assets', file), file), {
        name: 'Fault',
        message: /its root is <CuttingTool>/,
      });
    } else {
      t.match(parseDocument(read('assets', file), file), { kind: 'assets', assets: [{ assetId: /\w/ }] }, file);
    }
  }
});
