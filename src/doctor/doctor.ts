import { untilAborted } from '../abort.ts';
import { handOver } from '../commission/hand-over.ts';
import type { ConfigError } from '../config/load.ts';
import type { Config, MachineConfig } from '../config/schema.ts';
import type { DriverModule } from '../drivers/driver.ts';
import { brokerSection } from './broker.ts';
import { type Check, GROUPS, type Section } from './check.ts';
import { diskSection } from './disk.ts';

import { rateOf, skewOf } from './judge-machine.ts';
import type { Watched } from './machine-record.ts';
import { loadDrivers, machineSections } from './machines.ts';
import { outageSection } from './outage.ts';
import { permissionsSection } from './permissions.ts';
import { runSection } from './run-section.ts';
import { machineClocksSection, timeSection } from './time.ts';

/** Machines that are watched at once: more of them would disturb each other's figures. */
const MACHINES_AT_ONCE = 16;

export interface DoctorSetup {
  readonly config: Config;
  readonly drivers: Readonly<Record<string, DriverModule>>;
  /** What loading the config has warned of. */
  readonly warnings: readonly ConfigError[];
  /** Machines to test, of those in the config. */
  readonly machines: readonly MachineConfig[];
  /** Milliseconds to watch each machine at most. */
  readonly duration: number;
  /** Whether test messages are published. */
  readonly publish: boolean;
}

/** How far it is. */
export interface DoctorProgress {
  /** Subjects that are being tested. */
  readonly running: readonly string[];
  readonly done: number;
  readonly total: number;
}

export interface DoctorListener {
  /** What was found about a subject, as soon as all of it is known. */
  readonly onChecks?: (checks: readonly Check[]) => void;
  readonly onProgress?: (progress: DoctorProgress) => void;
}

/**
 * Tests every link of a gateway, side by side, and resolves with all findings in the order of the groups. Takes no lock
 * and stays beside a gateway that runs. What fails is a finding; each section is bounded in time.
 * @throws the abort reason
 */
export async function examine(setup: DoctorSetup, listener: DoctorListener, signal: AbortSignal): Promise<Check[]> {
  const { config, machines } = setup;
  const watched = new Map<string, Watched>();
  const ids = machines.map(({ id }) => id);
  const watching = machineSections(machines, {
    config,
    duration: setup.duration,
    loaded: await untilAborted(loadDrivers(machines, setup.drivers), signal),
    watched: (machine, what) => watched.set(machine, what),
  });
  const beside = [
    brokerSection({ config, machines: ids, publish: setup.publish, absentSecret: absentSecret(setup) }),
    diskSection(config),
    timeSection(),
    permissionsSection(setup),
  ];
  const skews = () =>
    new Map(
      [...watched].flatMap(([machine, what]) => (skewOf(what) === undefined ? [] : [[machine, skewOf(what) ?? 0]])),
    );
  const afterwards = [outageSection(config, () => [...watched.values()].map(rateOf)), machineClocksSection(skews)];

  const running = new Set<string>();
  const checks: Check[] = [];
  const total = watching.length + beside.length + afterwards.length;
  let done = 0;
  const tellProgress = () => listener.onProgress?.({ running: [...running], done, total });
  const run = async (section: Section) => {
    running.add(section.subject);
    tellProgress();
    const found = await runSection(section, signal);
    running.delete(section.subject);
    done += 1;
    checks.push(...found);
    if (found.length > 0) listener.onChecks?.(found);
    tellProgress();
  };
  const queue = [...watching];
  const lane = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await run(next);
  };
  await Promise.all([...beside.map(run), ...Array.from({ length: MACHINES_AT_ONCE }, lane)]);
  for (const section of afterwards) await run(section);
  handOver(config.gateway.dataDir);
  return inOrder(checks, ids);
}

/** By group, and machines as the config has them. */
function inOrder(checks: readonly Check[], ids: readonly string[]): Check[] {
  const place = ({ group, subject }: Check) => GROUPS.indexOf(group) * (ids.length + 1) + ids.indexOf(subject) + 1;
  return checks.toSorted((a, b) => place(a) - place(b));
}

/** What the config's loading has said of a password or token that is not known here. */
function absentSecret({ config, warnings }: DoctorSetup): string | undefined {
  const unknown = Object.entries(config.uplink.auth ?? {}).flatMap(([key, value]) =>
    typeof value === 'object' && !value.isResolved ? [`uplink.auth.${key}`] : [],
  );
  const warning = warnings.find(({ path }) => unknown.includes(path));
  return unknown.length === 0 ? undefined : (warning?.message ?? `${unknown[0]} is not known here`);
}
