import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Decoder } from '../../../src/drivers/mtconnect/decode.ts';
import { parseDocument, type StreamsDocument } from '../../../src/drivers/mtconnect/document.ts';
import { mapDevice } from '../../../src/drivers/mtconnect/mapping.ts';
import { agentModel, type DeviceModel } from '../../../src/drivers/mtconnect/model.ts';
import type { Observation } from '../../../src/observation.ts';
import { heapInUse } from '../../support/heap.ts';

/** Each folder: probe.xml, documents in order (`current` ones are snapshots) and what must come of them. */
const CASES = new URL('./cases/', import.meta.url).pathname;

function probeOf(folder: string): DeviceModel {
  const document = parseDocument(readFileSync(join(folder, 'probe.xml')), 'probe');
  if (document.kind !== 'devices') throw new Error(`${folder} has no probe`);
  return agentModel(document).devices[0] as DeviceModel;
}

function streamsOf(folder: string, file: string): StreamsDocument {
  const document = parseDocument(readFileSync(join(folder, file)), file);
  if (document.kind !== 'streams') throw new Error(`${file} has no streams`);
  return document;
}

/** `signal @time value quality`, with nanoseconds where there are any and the quality where it is not good. */
function line({ signal, t: ms, ns, v, q }: Observation): string {
  const time = new Date(ms).toISOString().slice(11, -1) + (ns === 0 ? '' : `+${ns}ns`);
  return `${signal} @${time} ${JSON.stringify(v)}${q === 'good' ? '' : ` ${q}`}`;
}

for (const name of readdirSync(CASES)) {
  t.test(`case ${name}: every observation comes out as written down`, async (t) => {
    const folder = join(CASES, name);
    const device = probeOf(folder);
    const decoder = new Decoder(mapDevice(device, {}));
    for (const file of readdirSync(folder).filter((file) => /^\d.*xml$/.test(file))) {
      const { devices } = streamsOf(folder, file);
      const raws = devices.filter(({ uuid }) => uuid === device.uuid).flatMap(({ observations }) => observations);
      const decoded = decoder.decode(raws, { snapshot: file.includes('current') });
      const { unreadable, badValues } = decoded;
      const out = `${[...decoded.observations.map(line), JSON.stringify({ unreadable, badValues })].join('\n')}\n`;
      t.equal(out, readFileSync(join(folder, file.replace('.xml', '.txt')), 'utf8'), file);
    }
  });
}

t.test('windows: what was sent is not sent again, what comes again is not taken twice', async (t) => {
  const folder = join(CASES, 'milling');
  const mapping = mapDevice(probeOf(folder), {});
  const ours = streamsOf(folder, '1-current.xml').devices[0]?.observations ?? [];
  const later = streamsOf(folder, '2-sample.xml').devices[1]?.observations ?? [];
  const primed = new Decoder(mapping);
  t.same(primed.decode(ours, { snapshot: true, from: 21, until: 21 }).observations, [], 'nothing is told');
  const after = primed.decode(later, { snapshot: false, from: 24 });
  t.match(after.observations[0], { signal: 'system', v: 'WARNING' }, 'the chain was remembered');
  t.equal(after.taken, 19);
  const recovering = new Decoder(mapping);
  const recovered = recovering.decode(ours, { snapshot: true, from: 15, until: 18 });
  t.equal(recovered.taken, 3);
  t.same(
    recovered.observations.map(({ signal }) => signal),
    ['system', 'system.active', 'system', 'system.active', 'feed_mm_min'],
  );
});

t.test('observations and what is remembered of a document do not keep it in memory', async (t) => {
  const decoder = new Decoder(mapDevice(probeOf(join(CASES, 'milling')), {}));
  const before = heapInUse();
  const kept: (readonly Observation[])[] = [];
  for (let i = 0; i < 50; i++) {
    const own = `dataItemId="an-item-of-document-${i}" sequence="${i}" timestamp="2026-01-01T00:00:00.123456Z"`;
    const list = `<Events><Program ${own}>A-PROGRAM-OF-DOCUMENT-${i}.NC</Program><Vars ${own}><Entry key="a long key of ${i}">a long text of ${i}</Entry></Vars></Events>`;
    const conditions = `<Condition><Fault ${own} nativeCode="A-LONG-CODE-OF-${i}">A long text of ${i}</Fault></Condition>`;
    const text = `<MTConnectStreams><Header instanceId="1" firstSequence="1" lastSequence="9" nextSequence="10"/><Streams><DeviceStream><ComponentStream>${list}${conditions}</ComponentStream></DeviceStream></Streams><!--${'x'.repeat(1_000_000)}--></MTConnectStreams>`;
    const document = parseDocument(Buffer.from(text), 'the agent');
    if (document.kind !== 'streams') throw new Error(document.kind);
    kept.push(decoder.decode(document.devices[0]?.observations ?? [], { snapshot: false }).observations);
  }
  t.ok(heapInUse() - before < 10_000_000, 'each document is 1 MB');
  t.same(new Set(kept.map(({ length }) => length)), new Set([4]));
});
