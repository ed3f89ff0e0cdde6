import { parentPort, type Transferable, workerData } from 'node:worker_threads';
import { Fault, messageOf } from '../errors.ts';
import { damage, diskFault, isDamage, isUnreadable } from './disk-faults.ts';
import { guard, type Watched } from './guard.ts';
import { Arenas, type HandedOver, handedOver } from './hand-over.ts';
import type { StoredBatch } from './outbox.ts';
import {
  type Answer,
  type Call,
  type Calls,
  type CommitReply,
  type Envelope,
  faultInfo,
  type Request,
  type RequestOf,
  type Terms,
} from './protocol.ts';
import { markDamaged } from './quarantine-files.ts';
import { openOrSalvage } from './recovery.ts';
import type { Store } from './store.ts';
import { loadUnzstd } from './unzstd.ts';

/** How long the same question may fail because the disk does not give what is on it, before that counts as damage. */
const UNREADABLE_MS = 60_000;

/** A reply and the buffers that move with it. */
interface Outcome {
  readonly value: Calls[Call]['reply'];
  readonly transfer?: readonly Transferable[];
}

/**
 * The outbox's own thread: a stalled card blocks it and nothing else. It only ever answers, one request after the
 * other; timers, retries and waiting are the client's. What is not a Fault is a bug and ends the thread.
 */
class OutboxWorker {
  #store: Store | undefined;
  #dataDir = '';
  readonly #arenas = new Arenas();
  /** Since when a call fails for a page that the disk does not give. */
  readonly #unreadableSince = new Map<Call, number>();

  handle(request: Request): Outcome {
    if (request.type === 'open') {
      this.#dataDir = request.dataDir;
      const { store, reports, deleted } = openOrSalvage(request.dataDir, request.now, request.machines);
      this.#store = store;
      store.startBoot(request.boot);
      return { value: { stream: store.stream, storedUntil: store.storedUntil, reports, deleted } };
    }
    if (this.#store === undefined) throw new Error(`${request.type} before open`);
    try {
      const outcome = this.#ask(this.#store, request);
      // A commit tells by itself.
      if (request.type !== 'commit') this.#unreadableSince.delete(request.type);
      return outcome;
    } catch (error) {
      const found = diskFault(this.#lastingly(request.type, error), this.#dataDir);
      // The next start sets it aside.
      if (found !== undefined && isDamage(found.fault)) markDamaged(this.#dataDir, found.fault.message);
      throw found?.fault ?? error;
    }
  }

  /** A bad sector does not heal: a page that stays unreadable is damaged. */
  #lastingly(type: Call, error: unknown): unknown {
    if (!isUnreadable(error)) return error;
    const since = this.#unreadableSince.get(type) ?? performance.now();
    this.#unreadableSince.set(type, since);
    return performance.now() - since < UNREADABLE_MS ? error : damage(`a page stays unreadable: ${messageOf(error)}`);
  }

  #ask(store: Store, request: Exclude<Request, { type: 'open' }>): Outcome {
    switch (request.type) {
      case 'commit':
        return { value: this.#commit(store, request) };
      case 'tidy':
        return { value: store.tidy(request.terms) };
      case 'claim':
        return this.#handOver(store.claim(request.claim, request.now));
      case 'giveBack':
        return { value: this.#arenas.giveBack(request.lease) };
      case 'due':
        return handedOver(store.due(request.limit, request.now));
      case 'find':
        return handedOver(store.find(request.ids, request.now));
      case 'recall':
        return handedOver(store.recall(request.recall, request.after, request.limit, request.maxBytes));
      case 'boundary':
        return { value: store.boundary(request.before) };
      case 'weigh':
        return { value: store.weigh(request.after, request.upTo) };
      case 'split':
        return { value: store.split(request.id, request.parts, request.terms) };
      case 'release':
        return { value: store.release(request.machine, request.now) };
      case 'repairClock':
        return { value: store.repairClock(request.origin, request.terms) };
      case 'state':
        return { value: store.local.state(request.machine) };
      case 'idBefore':
        return { value: store.local.idBefore(request.time) };
      case 'idNear':
        return { value: store.local.idNear(request.time) };
      case 'telemetry':
        return handedOver(store.local.telemetry(request.range, request.limit, request.maxBytes));
      case 'noticeChannels':
        return { value: store.local.noticeChannels() };
      case 'notices':
        return { value: store.local.notices(request.channel, request.limit) };
      case 'endNotice':
        return { value: store.local.endNotice(request.id) };
      case 'delayNotice':
        return { value: store.local.delayNotice(request.id, request.until) };
      case 'cursor':
        return { value: store.cursor(request.machine) };
      case 'stats':
        return { value: store.stats(request.now) };
      case 'close':
        store.close();
        return { value: undefined };
    }
  }

  #handOver(batches: readonly StoredBatch[]): HandedOver {
    const handed = this.#arenas.handOver(batches);
    // What is much will be more: a backlog. Without WebAssembly it only takes longer.
    if (handed.value[0]?.lease !== undefined) loadUnzstd().catch(() => undefined);
    return handed;
  }

  /**
   * One attempt. Where the disk has no room for the appends, the marks go alone, and they make room: what they settle
   * may be deleted, and on a full disk a slice of the history is, whatever the budget says.
   */
  #commit(store: Store, { group, terms }: RequestOf<'commit'>): CommitReply {
    try {
      const pressure = store.commit(group, terms);
      this.#unreadableSince.delete('commit');
      return { marked: true, appended: true, pressure };
    } catch (error) {
      const { fault, full } = this.#passing(error);
      const marks = { ...group, appends: [] };
      const { maxAge } = terms.budget;
      const lean: Terms = full ? { ...terms, budget: { maxBytes: 0, maxAge, whenFull: 'pause' } } : terms;
      try {
        store.commit(marks, lean);
        return { marked: true, appended: false, fault: faultInfo(fault) };
      } catch (again) {
        this.#passing(again);
        return { marked: false, appended: false, fault: faultInfo(fault) };
      }
    }
  }

  /** Rethrows what no retry can mend. */
  #passing(error: unknown): { fault: Fault; full: boolean } {
    const lasting = this.#lastingly('commit', error);
    const found = diskFault(lasting, this.#dataDir);
    if (found === undefined || !found.passing) throw lasting;
    return found;
  }
}

if (parentPort !== null) {
  const port = parentPort;
  const worker = new OutboxWorker();
  const { watched } = workerData as { readonly watched?: Watched };
  if (watched !== undefined) guard(watched);
  port.on('message', ({ id, request }: Envelope) => {
    try {
      const { value, transfer = [] } = worker.handle(request);
      port.postMessage({ id, value } satisfies Answer, transfer);
      // Nothing comes after a close: the thread ends with its port.
      if (request.type === 'close') port.close();
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      port.postMessage({ id, fault: faultInfo(error), isFinal: isDamage(error) } satisfies Answer);
    }
  });
}
