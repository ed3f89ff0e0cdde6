import { Fault } from '../../../errors.ts';
import type { Observation, Value } from '../../../observation.ts';
import type { Found, Probed, ProbedMachine, ProbeOptions, Toolbox } from '../../toolbox.ts';
import { AgentClient, Refusal } from '../agent.ts';
import { ClockSkew } from '../clock-skew.ts';
import { Decoder } from '../decode.ts';
import { describeAgent } from '../describe.ts';
import type { DeviceStream, Header, StreamsDocument } from '../document.ts';
import { mapDevice } from '../mapping.ts';
import { type AgentModel, agentModel, type DeviceModel, labelOf } from '../model.ts';
import { settings } from '../settings.ts';
import { notesOf } from './notes.ts';

/** For a whole answer, where nothing may be there at all. */
const IDENTIFY_MS = 3000;
/** More than the device models of most agents; a web server that sends more is none. */
const IDENTIFY_BYTES = 4 * 1024 * 1024;
/** What a person pastes from the address line of a browser: requests, not part of the agent's address. */
const REQUEST = /\/(probe|current|sample|assets?)\/?$/;

export const toolbox: Toolbox = { identify, probe };

/** One GET. An agent that refuses it is one all the same: only an agent answers with an MTConnectError. */
async function identify(host: string, port: number, signal: AbortSignal): Promise<Found[]> {
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const client = new AgentClient({ url, requestTimeout: IDENTIFY_MS, maxDocument: IDENTIFY_BYTES });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(IDENTIFY_MS)]);
  try {
    const { instanceId: _, agentVersion, schemaVersion, devices } = describeAgent(await client.probe(limit));
    const makers = [...new Set(devices.map(({ manufacturer }) => manufacturer))].join(', ');
    return [
      {
        url,
        name: devices.map(labelOf).join(', ') || 'agent without a device',
        facts: given({ manufacturer: makers, version: agentVersion, standard: schemaVersion }),
      },
    ];
  } catch (error) {
    signal.throwIfAborted();
    // Whatever else answers, or does not, is no agent.
    if (!(error instanceof Refusal) || error.codes.length === 0) return [];
    return [{ url, name: 'agent that refuses to tell its devices', facts: { refusal: error.codes.join(', ') } }];
  }
}

/** `probe` tells what there is, `current` what it reads now. */
async function probe(text: string, { tell, expect = [] }: ProbeOptions, signal: AbortSignal): Promise<Probed> {
  const url = addressOf(text);
  const client = new AgentClient({ url, ...settings.pick({ requestTimeout: true, maxDocument: true }).parse({}) });
  tell(`asking ${url} for its devices`);
  const document = await client.probe(signal);
  const received = Date.now();
  const agent = agentModel(document);
  tell('reading the current values');
  const current = await currentOf(client, signal);
  const machines = agent.devices.map((device) => machineOf(url, agent, device, current));
  const skew = clockSkew(agent.header, received);
  return {
    facts: factsOf(agent, skew),
    machines,
    notes: notesOf({
      header: agent.header,
      machines,
      skew,
      expect,
      refused: current instanceof Fault ? current : undefined,
    }),
  };
}

/** @throws Fault of the config for what is no address of an agent */
function addressOf(text: string): string {
  const { data, error } = settings.shape.url.safeParse(text);
  if (data === undefined) throw new Fault('config', error?.issues[0]?.message ?? `${text} is no address of an agent`);
  const url = new URL(data);
  url.pathname = url.pathname.replace(REQUEST, '/');
  url.search = '';
  url.hash = '';
  return url.href.replace(/\/$/, '');
}

/** An agent that has devices but cannot tell values can still be configured: its fault is told beside. */
async function currentOf(client: AgentClient, signal: AbortSignal): Promise<StreamsDocument | Fault> {
  try {
    return await client.current(undefined, undefined, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Fault) return error;
    throw error;
  }
}

function machineOf(
  url: string,
  { devices }: AgentModel,
  device: DeviceModel,
  current: StreamsDocument | Fault,
): ProbedMachine {
  const mapping = mapDevice(device, {});
  const stream = current instanceof Fault ? undefined : current.devices.find((one) => isOf(one, device));
  const { observations } = new Decoder(mapping).decode(stream?.observations ?? [], { snapshot: true });
  const latest = new Map(observations.map((observation) => [observation.signal, observation]));
  const maker = [device.manufacturer, device.model].filter((part) => part !== undefined).join(' ');
  return {
    id: labelOf(device),
    title: maker === '' ? labelOf(device) : `${labelOf(device)} (${maker})`,
    settings: devices.length === 1 ? { url } : { url, device: selectorOf(device, devices) },
    signals: [...mapping.signals].map(([signal, { source = '', ...info }]) => ({
      signal,
      source,
      ...info,
      ...readNow(latest.get(signal)),
    })),
  };
}

function isOf({ name, uuid }: DeviceStream, device: DeviceModel): boolean {
  return uuid === undefined || device.uuid === undefined ? name === device.name : uuid === device.uuid;
}

/** The name that a person knows, unless another device has it too. */
function selectorOf(device: DeviceModel, devices: readonly DeviceModel[]): string {
  const isUnique = devices.filter(({ name }) => name === device.name).length === 1;
  return (isUnique ? device.name : device.uuid) ?? labelOf(device);
}

function readNow(observation: Observation | undefined): { value?: Value; quality?: Observation['q'] } {
  return observation === undefined ? {} : { value: observation.v, quality: observation.q };
}

/** In words, where the clocks disagree by more than the driver tolerates. */
function clockSkew({ creationTime }: Header, received: number): string | undefined {
  return creationTime === undefined ? undefined : new ClockSkew().note(creationTime, received)?.message;
}

function factsOf({ header, devices }: AgentModel, skew: string | undefined): [string, string][] {
  return Object.entries(
    given({
      protocol: `MTConnect ${header.schemaVersion ?? 'of an unknown version'}`,
      agent: header.agentVersion,
      devices: String(devices.length),
      buffer: header.bufferSize === undefined ? undefined : `${header.bufferSize} observations`,
      clock: header.creationTime === undefined ? undefined : (skew ?? 'agrees with ours'),
    }),
  );
}

/** Without what is not known. */
function given(facts: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(facts).filter((fact): fact is [string, string] => Boolean(fact[1])));
}
