import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type NodeId, resolveNodeId } from 'node-opcua-client';
import { Fault } from '../../../errors.ts';
import type { Value } from '../../../observation.ts';
import type { Found, Probed, ProbedMachine, ProbedSignal, ProbeOptions, Toolbox } from '../../toolbox.ts';
import { Browser } from '../browse.ts';
import { askOffers, type Connected, connect } from '../connect.ts';
import { type Offer, offerText } from '../endpoints.ts';
import { Pki, pkiFolder } from '../pki.ts';
import { read, type Survey, survey } from '../survey.ts';
import { toValue } from '../values.ts';
import { speaksOpcua } from './hello.ts';
import { type FoundMachine, type FoundVariable, findMachines } from './machines.ts';
import { connectSettings, pickOffer, settleTrust } from './security.ts';
import { suggest } from './suggest.ts';

const NAME = 'edge-gateway probe';
const OBJECTS = 'i=85';
/** Nodes in one request, where the server sets no limit. */
const CHUNK = 100;
/** Signals that are suggested for a machine; the rest is counted. */
const MAX_SIGNALS = 60;

/** Looks for OPC UA servers and suggests how to read the machines behind them. */
export const toolbox: Toolbox = { identify, probe };

async function identify(host: string, port: number, signal: AbortSignal): Promise<readonly Found[]> {
  if (!(await speaksOpcua(host, port, signal))) return [];
  const url = `opc.tcp://${host}:${port}`;
  const folder = await mkdtemp(join(tmpdir(), 'edge-gateway-identify-'));
  try {
    const options = {
      settings: connectSettings(url, undefined, { folder, tell: () => undefined }),
      pki: new Pki(folder),
      name: NAME,
    };
    return [foundAs(url, await askOffers(options, signal))];
  } catch (error) {
    signal.throwIfAborted();
    // It speaks OPC UA, whatever keeps it from telling more.
    return [{ url, name: 'OPC UA server', facts: { problem: error instanceof Fault ? error.message : String(error) } }];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function foundAs(url: string, all: readonly Offer[]): Found {
  const server = all[0]?.endpoint.server;
  const security = [...new Set(all.map(offerText))].join(', ');
  const users = [...new Set(all.flatMap((offer) => offer.users))].join(', ');
  const facts = { product: server?.productUri ?? '', security, users };
  return {
    url,
    name: server?.applicationName?.text ?? server?.applicationUri ?? 'OPC UA server',
    facts: Object.fromEntries(Object.entries(facts).filter(([, text]) => text !== '')),
  };
}

async function probe(url: string, options: ProbeOptions, signal: AbortSignal): Promise<Probed> {
  const pki = new Pki(pkiFolder(options.folder));
  options.tell(`asking ${url} what it offers`);
  const all = await askOffers({ settings: connectSettings(url, undefined, options), pki, name: NAME }, signal);
  const offer = pickOffer(all, options.user, url);
  await settleTrust(url, offer, pki, options);
  options.tell(`connecting, ${offerText(offer)}`);
  const connected = await logIn(url, offer, pki, options, signal);
  const { link } = connected;
  try {
    const about = await survey(link);
    const nodesPerCall = Math.min(CHUNK, about.limits.browse);
    const browser = new Browser({ link, nodesPerCall, tell: options.tell });
    options.tell('browsing');
    const title = all[0]?.endpoint.server?.applicationName?.text ?? new URL(url).hostname;
    const { machines, isCut } = await findMachines(browser, resolveNodeId(OBJECTS), title, signal);
    options.tell(`reading ${machines.reduce((sum, { variables }) => sum + variables.length, 0)} variables`);
    const probed: ProbedMachine[] = [];
    for (const machine of machines)
      probed.push(await suggestFor(machine, { url, offer, about, connected, options }, signal));
    return {
      facts: factsOf(about, all, offer),
      machines: probed.filter(({ signals }) => signals.length > 0),
      notes: notesOn(probed, isCut, connected),
    };
  } finally {
    await link.end();
  }
}

/** @throws Fault; of the config where the user is refused, since a person can mend that here and now */
async function logIn(
  url: string,
  offer: Offer,
  pki: Pki,
  options: ProbeOptions,
  signal: AbortSignal,
): Promise<Connected> {
  try {
    return await connect({ settings: connectSettings(url, offer, options), pki, name: NAME }, signal);
  } catch (error) {
    if (error instanceof Fault && /refuses the user/.test(error.message)) {
      throw new Fault('config', error.message, {
        hint: 'check --user and the password, and that the user may log in at the server',
        cause: error,
      });
    }
    throw error;
  }
}

interface Place {
  readonly url: string;
  readonly offer: Offer;
  readonly about: Survey;
  readonly connected: Connected;
  readonly options: ProbeOptions;
}

async function suggestFor(
  { name, variables }: FoundMachine,
  place: Place,
  signal: AbortSignal,
): Promise<ProbedMachine> {
  const { url, offer, about, connected, options } = place;
  const values = await readAll(
    connected,
    about,
    variables.map(({ nodeId }) => nodeId),
    signal,
  );
  const units = await property(connected, about, variables, 'EngineeringUnits', signal);
  const texts = await property(connected, about, variables, 'EnumStrings', signal);
  const described = variables.map(({ path }, i) => ({
    path,
    value: values[i]?.value ?? null,
    unit: unitOf(units[i]),
    texts: Array.isArray(texts[i]) ? (texts[i] as Value[]).map(String) : undefined,
  }));
  const { rpm, feed, state } = suggest(described);
  const address = (index: number) => stableId((variables[index] as FoundVariable).nodeId, about.namespaces);
  const signals: ProbedSignal[] = [];
  const settings: Record<string, Value> = {};
  const add = (signalName: string, index: number, scale = 1, unit = described[index]?.unit) => {
    if (signalName in settings) return;
    const { value = null, quality = 'bad', type = '' } = values[index] ?? {};
    const node = address(index);
    const isPlain = scale === 1 && unit === undefined;
    settings[signalName] = isPlain
      ? node
      : { node, ...(unit === undefined ? {} : { unit }), ...(scale === 1 ? {} : { scale }) };
    const scaled = typeof value === 'number' ? value * scale : value;
    signals.push({
      signal: signalName,
      source: node,
      ...(unit === undefined ? {} : { unit }),
      type,
      value: scaled,
      quality,
    });
  };
  if (rpm !== undefined) add('rpm', rpm.index, 1, 'rev/min');
  if (feed !== undefined) add('feed_mm_min', feed.index, feed.scale, 'mm/min');
  const from = state === undefined ? undefined : signalName(described[state.index]?.path ?? []);
  if (state !== undefined && from !== undefined) add(from, state.index);
  const taken = new Set([rpm?.index, feed?.index, state?.index]);
  for (const [index, { path }] of described.entries()) {
    if (signals.length >= MAX_SIGNALS) break;
    if (!taken.has(index) && isWorthIt(values[index])) add(signalName(path), index);
  }
  return {
    id:
      name
        .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
        .replaceAll(/^[-_.]+|-+$/g, '')
        .slice(0, 64) || 'machine',
    title: name,
    settings: {
      url,
      ...(offer.mode === 'none' ? {} : { security: { mode: offer.mode, policy: offer.policy } }),
      ...(options.user === undefined
        ? {}
        : { auth: { username: options.user, password: options.passwordReference ?? '${env:OPCUA_PASSWORD}' } }),
      signals: settings,
      ...(state === undefined || from === undefined ? {} : { state: { from, ...state.rule } as unknown as Value }),
    },
    signals,
  };
}

interface Reading {
  readonly value: Value;
  readonly quality: 'good' | 'uncertain' | 'bad';
  readonly type: string;
}

async function readAll(
  { link }: Connected,
  { limits }: Survey,
  nodes: readonly NodeId[],
  signal: AbortSignal,
): Promise<Reading[]> {
  const size = Math.min(CHUNK, limits.read);
  const readings: Reading[] = [];
  for (let i = 0; i < nodes.length; i += size) {
    signal.throwIfAborted();
    const data = await read(link, nodes.slice(i, i + size).map(String));
    for (const { statusCode, value } of data) {
      const quality = statusCode.isGood() ? 'good' : statusCode.isGoodish() ? 'uncertain' : 'bad';
      readings.push({ value: quality === 'bad' ? null : toValue(value), quality, type: typeName(value) });
    }
  }
  return readings;
}

function typeName(variant: { dataType?: number } | undefined): string {
  return variant?.dataType === undefined ? '' : (DATA_TYPES[variant.dataType] ?? '');
}

/** Built-in types by their id (OPC 10000-6, 5.1.2). */
const DATA_TYPES = [
  '',
  'Boolean',
  'SByte',
  'Byte',
  'Int16',
  'UInt16',
  'Int32',
  'UInt32',
  'Int64',
  'UInt64',
  'Float',
  'Double',
  'String',
  'DateTime',
  'Guid',
  'ByteString',
  'XmlElement',
  'NodeId',
  'ExpandedNodeId',
  'StatusCode',
  'QualifiedName',
  'LocalizedText',
  'ExtensionObject',
  'DataValue',
  'Variant',
  'DiagnosticInfo',
];

/** The value of a property of each variable; null where it has none. */
async function property(
  connected: Connected,
  about: Survey,
  variables: readonly FoundVariable[],
  name: string,
  signal: AbortSignal,
): Promise<Value[]> {
  const having = variables.flatMap(({ properties }, i) => {
    const nodeId = properties.get(name);
    return nodeId === undefined ? [] : [{ i, nodeId }];
  });
  const readings = await readAll(
    connected,
    about,
    having.map(({ nodeId }) => nodeId),
    signal,
  );
  const values: Value[] = variables.map(() => null);
  for (const [k, { i }] of having.entries()) values[i] = readings[k]?.value ?? null;
  return values;
}

/** EUInformation (OPC 10000-8, 5.6.4.3). */
function unitOf(value: Value | undefined): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const text = (value as { displayName?: Value }).displayName;
  const plain = typeof text === 'object' && text !== null && 'text' in text ? text['text'] : text;
  return typeof plain === 'string' && plain !== '' ? plain : undefined;
}

function isWorthIt(reading: Reading | undefined): boolean {
  return reading !== undefined && reading.quality !== 'bad' && reading.value !== null;
}

function signalName(path: readonly string[]): string {
  return path.join('.') || 'value';
}

/** `nsu=URI;s=…` holds when the server numbers its namespaces anew; where the URI cannot be written so, the index has to do. */
function stableId(nodeId: NodeId, namespaces: readonly string[]): string {
  const text = nodeId.toString();
  const uri = namespaces[nodeId.namespace];
  const identifier = text.replace(/^ns=\d+;/, '');
  if (nodeId.namespace === 0) return identifier;
  return uri === undefined || uri === '' || uri.includes(';') ? text : `nsu=${uri};${identifier}`;
}

function factsOf({ build, currentTime, limits }: Survey, all: readonly Offer[], offer: Offer): Probed['facts'] {
  const text = (name: string) => (typeof build[name] === 'string' ? build[name] : '');
  const skew = currentTime === undefined ? undefined : (currentTime - Date.now()) / 1000;
  const facts: [string, string][] = [
    ['protocol', 'OPC UA'],
    ['server', all[0]?.endpoint.server?.applicationName?.text ?? ''],
    ['product', [text('manufacturerName'), text('productName'), text('softwareVersion')].filter(Boolean).join(' ')],
    ['security', `${offerText(offer)}; it offers ${[...new Set(all.map(offerText))].join(', ')}`],
    ['users', [...new Set(all.flatMap(({ users }) => users))].join(', ')],
    ['limits', Number.isFinite(limits.monitored) ? `${limits.monitored} nodes a request` : ''],
    [
      'clock',
      skew === undefined
        ? ''
        : Math.abs(skew) < 5
          ? 'agrees with ours'
          : `${skew.toFixed(0)} s ${skew > 0 ? 'ahead of' : 'behind'} ours`,
    ],
  ];
  return facts.filter(([, value]) => value !== '');
}

function notesOn(machines: readonly ProbedMachine[], isCut: boolean, { remarks }: Connected): string[] {
  const names = machines.filter(({ signals }) => signals.length > 0).map(({ title }) => title);
  return [
    ...remarks.map(({ message }) => message),
    ...(isCut ? ['the server has more variables than were looked at: name folders or nodes yourself'] : []),
    ...(names.length === 0 ? ['nothing below Objects has a value: ask the machine’s supplier where its data is'] : []),
    ...machines
      .filter(({ signals }) => signals.length >= MAX_SIGNALS)
      .map(({ title }) => `${title} has more than ${MAX_SIGNALS} variables: add the ones you need, or use folders`),
  ];
}
