import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { XMLParser } from 'fast-xml-parser';
import { SimulatedAgent } from '../simulator/mtconnect/agent.ts';
import { Decoder } from '../src/drivers/mtconnect/decode.ts';
import { parseDocument } from '../src/drivers/mtconnect/document.ts';
import { type Mapping, mapDevice } from '../src/drivers/mtconnect/mapping.ts';
import { agentModel, labelOf } from '../src/drivers/mtconnect/model.ts';
import { T0 } from './measure/data.ts';
import { compared, figure, type Pair, type Run, type Scale, type Section } from './measure/figures.ts';
import { stopwatch } from './measure/stopwatch.ts';

const DOCUMENTS = { guard: 20, short: 50, long: 200 };
/** Observations a document: the driver's default `count`. */
const A_DOCUMENT = 1000;
const DEVICE = 'cnc-1';
/** Documents of real and of reference agents, where the project has them beside it. */
const REAL = join(import.meta.dirname, '../../shared/mtconnect/generated');
/** A real document is small: it is read so often for one measurement. */
const REAL_ROUNDS = { guard: 10, short: 100, long: 400 };

/** What is parsed: documents, and how their devices map to signals. */
interface Corpus {
  readonly name: string;
  readonly documents: readonly Buffer[];
  readonly mappings: ReadonlyMap<string, Mapping>;
}

/** (c) MTConnect documents → observations. */
export async function mtconnect({ scale, repeats }: Run): Promise<Section> {
  const corpora = [await simulated(DOCUMENTS[scale]), ...real(REAL_ROUNDS[scale])];
  const figures = corpora.flatMap((corpus) => {
    const pairs: Pair[] = [];
    const processor: number[] = [];
    // The first turn warms up.
    for (let i = 0; i <= repeats; i++) {
      const ours = timed(scale, () => decodeAll(corpus));
      const bare = timed(scale, () => parseAll(corpus));
      if (i === 0) continue;
      pairs.push({ value: ours.result / ours.seconds, limit: ours.result / bare.seconds });
      processor.push((ours.processor / ours.result) * 1e9);
    }
    const target = { text: '≥ 90 % of the limit', ratioAtLeast: 0.9 };
    return [
      compared(corpus.name, 'observations/s', 'bare fast-xml-parser', pairs, target),
      figure(`${corpus.name}: processor`, 'ns/observation', processor),
    ];
  });
  return {
    title: 'MTConnect documents → observations',
    method: `The driver’s way from the bytes of a document to observations, on ${DOCUMENTS[scale]} documents of ${A_DOCUMENT} observations of the simulated agent, and on the samples of reference agents in ../shared/mtconnect where they are there. The limit parses the same bytes with the same options (order kept, attributes, nothing converted) and looks at nothing. Processor time is that of all threads: garbage collection is in it.`,
    figures,
  };
}

/** Documents of a simulated agent whose clock is ours, so that they are the same each time. */
async function simulated(documents: number): Promise<Corpus> {
  let now = T0 * 1000;
  const rate = 1000;
  const agent = new SimulatedAgent({
    devices: [{ name: DEVICE }],
    rate,
    seed: 1,
    micros: () => now,
    bufferSize: 2 ** 20,
  });
  const url = await agent.start();
  try {
    agent.pause();
    const from = agent.nextSequence;
    now += (documents * A_DOCUMENT * 1e6) / rate;
    agent.tick();
    const get = async (path: string) => Buffer.from(await (await fetch(new URL(path, url))).arrayBuffer());
    const samples: Buffer[] = [];
    for (let i = 0; i < documents; i++) {
      samples.push(await get(`${DEVICE}/sample?from=${from + i * A_DOCUMENT}&count=${A_DOCUMENT}`));
    }
    return { name: 'simulated agent', documents: samples, mappings: mappingsOf(await get('probe')) };
  } finally {
    await agent.stop();
  }
}

function real(rounds: number): Corpus[] {
  if (!existsSync(REAL)) return [];
  const versions = readdirSync(REAL).flatMap((name) => /^(.*)-probe\.xml$/.exec(name)?.[1] ?? []);
  return versions.flatMap((version) => {
    const sample = join(REAL, `${version}-sample.xml`);
    if (!existsSync(sample)) return [];
    const documents = new Array<Buffer>(rounds).fill(readFileSync(sample));
    const mappings = mappingsOf(readFileSync(join(REAL, `${version}-probe.xml`)));
    return [{ name: `reference agent, ${version}`, documents, mappings }];
  });
}

function mappingsOf(probe: Buffer): Map<string, Mapping> {
  const document = parseDocument(probe, 'the probe');
  if (document.kind !== 'devices') throw new Error(`a probe was answered with ${document.kind}`);
  return new Map(agentModel(document).devices.map((device) => [labelOf(device), mapDevice(device, {})]));
}

/** Observations in all documents. */
function decodeAll({ documents, mappings }: Corpus): number {
  const decoders = new Map([...mappings].map(([name, mapping]) => [name, new Decoder(mapping)]));
  let observations = 0;
  for (const bytes of documents) {
    const document = parseDocument(bytes, 'the agent');
    if (document.kind !== 'streams') throw new Error(`a sample was answered with ${document.kind}`);
    for (const device of document.devices) {
      const decoder = decoders.get(labelOf({ id: undefined, ...device }));
      observations += decoder?.decode(device.observations, { snapshot: false }).observations.length ?? 0;
    }
  }
  return observations;
}

const BARE = new XMLParser({
  ...{ preserveOrder: true, ignoreAttributes: false, attributeNamePrefix: '@', removeNSPrefix: true },
  ...{ parseTagValue: false, parseAttributeValue: false, trimValues: false, processEntities: false },
});

function parseAll({ documents }: Corpus): number {
  let nodes = 0;
  for (const bytes of documents) nodes += BARE.parse(bytes.toString()).length;
  return nodes;
}

/** Seconds, of the clock unless the scale has it otherwise, and of the processor. */
function timed<T>(scale: Scale, work: () => T): { result: T; seconds: number; processor: number } {
  const watch = stopwatch(scale);
  const processor = stopwatch('guard');
  const result = work();
  return { result, seconds: watch(), processor: processor() };
}
