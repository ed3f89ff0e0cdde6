import { networkInterfaces } from 'node:os';
import { explain, Fault } from '../errors.ts';
import { AddressError, parseRange, type Range } from './addresses.ts';
import { localRanges } from './discovery.ts';
import { machineIdError, uniqueId } from './ids.ts';
import type { MachineEntry } from './machine-yaml.ts';
import { localNetworks } from './networks.ts';
import { printable, valueText } from './printable.ts';
import { type ProbedBy, type Probing, probeTarget } from './probe-target.ts';
import { ProgressLine } from './progress-line.ts';
import type { Prompts } from './prompts.ts';
import { type Progress, scan } from './scan.ts';
import { serialHint } from './serial-ports.ts';
import { parseTarget, type Target, TargetError } from './toolboxes.ts';

/** How many of a machine's values are shown as a proof that it is the right one. */
const SHOWN_VALUES = 4;

/** What the questions work with. */
export interface Asking {
  readonly prompts: Prompts;
  readonly probing: Omit<Probing, 'options'>;
  /** To search instead of the drivers' own. */
  readonly ports: readonly number[] | undefined;
  readonly signal: AbortSignal;
}

/** What a person may type where a machine is asked for: a range of addresses is searched. */
const RANGE = /^[\d.]+[-/][\d.]+$/;

/** Asks for the machines until there are no more: found, typed, or none yet. */
export async function askMachines(asking: Asking): Promise<MachineEntry[]> {
  const how = await asking.prompts.select('How are the machines found?', [
    { name: 'search the networks of this computer', value: 'search' },
    { name: 'I type their addresses', value: 'type' },
    { name: 'none yet: write an example', value: 'none' },
  ] as const);
  if (how === 'none') return [];
  const entries: MachineEntry[] = [];
  let targets = how === 'search' ? await searchHere(asking) : await askTargets(asking, 0);
  while (targets !== undefined) {
    for (const target of targets) entries.push(...(await add(target, entries, asking)));
    targets = await askTargets(asking, entries.length);
  }
  return entries;
}

async function searchHere(asking: Asking): Promise<Target[]> {
  const { prompts, probing } = asking;
  const plan = await localRanges(localNetworks(networkInterfaces()), false, (question) =>
    prompts.confirm(question, true),
  );
  const targets = 'refused' in plan ? [] : await search(plan.ranges, asking);
  for (const line of ['refused' in plan ? plan.refused : '', ...serialHint(probing.tools)].filter(Boolean))
    prompts.say(line);
  return targets;
}

/** What a person chose of what was found. */
async function search(ranges: readonly Range[], { prompts, probing, ports, signal }: Asking): Promise<Target[]> {
  const line = new ProgressLine(process.stdout);
  const onProgress = ({ done, total, found }: Progress) => line.show(`${done} of ${total} addresses, ${found} found`);
  const found = await scan(ranges, { ...probing, ports, onProgress }, signal).finally(() => line.clear());
  if (found.length === 0) {
    prompts.say('Nothing was found.');
    return [];
  }
  const choices = found.map(({ url, driver, name }) => ({
    name: `${printable(url)}  ${driver}  ${printable(name)}`,
    value: url,
  }));
  const urls = await prompts.several('Which belong to this gateway?', choices);
  return urls.map((url) => parseTarget(url, probing.tools));
}

/** Undefined when there are no more. */
async function askTargets(asking: Asking, count: number): Promise<Target[] | undefined> {
  const { prompts, probing } = asking;
  const read = (text: string) => (RANGE.test(text) ? parseRange(text) : parseTarget(text, probing.tools));
  const text = await prompts.input(
    `Address of ${count === 0 ? 'a' : 'another'} machine: URL, host:port, or a range to search (empty: no more)`,
    { error: (given) => (given === '' ? undefined : problem(() => read(given))) },
  );
  if (text === '') return undefined;
  const given = read(text);
  return 'kind' in given ? [given] : search([given], asking);
}

/** Why a step refuses what a person typed. */
function problem(step: () => unknown): string | undefined {
  try {
    step();
    return undefined;
  } catch (error) {
    if (error instanceof TargetError || error instanceof AddressError) return error.message;
    throw error;
  }
}

/** Probes and lets a person choose and name what is there; nothing where it cannot be read and the person gives up. */
async function add(target: Target, before: readonly MachineEntry[], asking: Asking): Promise<MachineEntry[]> {
  const found = await probeUntilDone(target, asking);
  if (found === undefined) return [];
  const { driver, probed } = found;
  const { prompts } = asking;
  for (const note of probed.notes) prompts.say(`! ${printable(note, 500)}`);
  const machines =
    probed.machines.length > 1
      ? await prompts.several(
          'Which of its machines?',
          probed.machines.map((machine) => ({ name: printable(machine.title), value: machine })),
        )
      : probed.machines;
  const taken = new Set(before.map(({ id }) => id));
  const entries: MachineEntry[] = [];
  for (const machine of machines) {
    const values = machine.signals
      .slice(0, SHOWN_VALUES)
      .map(({ signal, value, unit, quality }) => `${signal} ${valueText(value, unit, quality) ?? 'not read'}`);
    prompts.say(`${printable(machine.title)}: ${values.join(', ')}`);
    const id = await prompts.input('Its id', {
      default: uniqueId(machine.id, new Set(taken)),
      error: (text) => machineIdError(text, taken),
    });
    taken.add(id);
    entries.push({ id, driver, machine });
  }
  return entries;
}

/** What a person adds to a probe that was refused. */
type Answers = Pick<Probing['options'], 'user' | 'password' | 'passwordReference' | 'trust'>;

async function probeUntilDone(target: Target, { prompts, probing, signal }: Asking): Promise<ProbedBy | undefined> {
  const line = new ProgressLine(process.stdout);
  let answers: Answers = {};
  for (;;) {
    try {
      const options = { ...answers, tell: (text: string) => line.show(text) };
      return await probeTarget(target, { ...probing, options }, signal).finally(() => line.clear());
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      prompts.say(`! ${printable(explain(error), 2000)}`);
      const more = await askForMore(prompts, error);
      if (more === undefined) return undefined;
      answers = { ...answers, ...more };
    }
  }
}

/** What may help against a fault; undefined to leave the machine out. A machine at fault needs nothing but time. */
async function askForMore(prompts: Prompts, { of }: Fault): Promise<Answers | undefined> {
  const choice = await prompts.select('And now?', [
    { name: 'try again', value: 'again' },
    ...(of === 'config'
      ? ([
          { name: 'try with a user name and password', value: 'user' },
          { name: 'trust the certificate that it shows, and try again', value: 'trust' },
        ] as const)
      : []),
    { name: 'leave it out', value: 'leave' },
  ] as const);
  if (choice === 'leave') return undefined;
  if (choice === 'again') return {};
  if (choice === 'trust') return { trust: true };
  const user = await prompts.input('User name');
  const password = await prompts.password('Password (for now; it is not written down)');
  const variable = await prompts.input('Environment variable that the gateway will read the password from', {
    default: 'MACHINE_PASSWORD',
    error: (name) => (/^[A-Za-z_]\w*$/.test(name) ? undefined : 'expected letters, digits and underscores'),
  });
  return { user, password, passwordReference: `\${env:${variable}}` };
}
