import { explain } from '../errors.ts';
import { type Folder, leaveFolder, takeFolder } from './database.ts';
import { diskFault, isDamage, isUnreadable, openFault } from './disk-faults.ts';
import {
  finishOldest,
  isMarkedDamaged,
  markDamaged,
  pendingFiles,
  prune,
  resume,
  setAside,
} from './quarantine-files.ts';
import { Store } from './store.ts';
import { type SalvageProgress, type SalvageReport, takeOver } from './take-over.ts';

/** How often a file that the disk does not give is tried before it counts as damaged, and the pause in between. */
const READ_TRIES = 3;
const READ_PAUSE_MS = 1000;

export interface Recovered {
  readonly store: Store;
  /** Of each damaged database that was taken over, or was begun with. */
  readonly reports: readonly SalvageReport[];
  /** Folders of older ones that were deleted. */
  readonly deleted: readonly string[];
}

/**
 * Opens the outbox of a folder. A damaged one is set aside, and what can be read of it is taken into a new one, with another
 * stream. A kill at any moment of it is made good by the next start. Where the disk does not take all of it, work goes
 * on with what there is, and the rest is tried again at the next start.
 * @throws Fault of the config or of the disk
 */
export function openOrSalvage(dataDir: string, now: number, machines: readonly string[] = []): Recovered {
  const folder = takeFolder(dataDir);
  let store: Store | undefined;
  try {
    resume(dataDir);
    const deleted: string[] = [];
    store = openSound(folder, now, deleted);
    const reports: SalvageReport[] = [];
    for (const file of pendingFiles(dataDir)) {
      const report = tryTakeOver(store, file, { now, machines }, dataDir, deleted);
      reports.push(report);
      if (report.interrupted !== undefined) break;
      finishOldest(dataDir);
    }
    return { store, reports, deleted };
  } catch (error) {
    store?.abandon();
    const fault = openFault(error, dataDir);
    if (isDamage(fault)) markDamaged(dataDir, explain(fault));
    leaveFolder(folder, fault);
    throw fault;
  }
}

/** The outbox of the folder, or a new one where it is damaged. */
function openSound(folder: Folder, now: number, deleted: string[]): Store {
  if (!isMarkedDamaged(folder.path)) {
    for (let tries = 1; ; tries++) {
      try {
        return Store.in(folder, now);
      } catch (error) {
        if (isDamage(error)) break;
        if (!isUnreadable(error)) throw error;
        if (tries === READ_TRIES) break;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, READ_PAUSE_MS);
      }
    }
  }
  setAside(folder.path, now);
  deleted.push(...prune(folder.path));
  return Store.in(folder, now);
}

/** Where the disk is full, older damaged databases go first. */
function tryTakeOver(
  store: Store,
  file: string,
  options: { now: number; machines: readonly string[] },
  dataDir: string,
  deleted: string[],
): SalvageReport {
  let done: SalvageProgress = { batches: 0, observations: 0, before: 0 };
  for (;;) {
    const before = done;
    const onProgress = (soFar: SalvageProgress) => {
      done = together(before, soFar);
    };
    try {
      const report = takeOver(store, file, { ...options, onProgress });
      return { ...report, ...together(before, report) };
    } catch (error) {
      const found = diskFault(error, dataDir);
      if (found?.passing !== true) throw error;
      const room = found.full ? prune(dataDir, 0) : [];
      deleted.push(...room);
      if (room.length > 0) continue;
      return { file, ...done, lost: null, nameless: 0, withoutCursor: [], interrupted: explain(found.fault) };
    }
  }
}

/** What the first attempt has taken over is there already for the second. */
function together(first: SalvageProgress, second: SalvageProgress): SalvageProgress {
  return {
    batches: first.batches + second.batches,
    observations: first.observations + second.observations,
    before: second.before - first.batches,
  };
}
