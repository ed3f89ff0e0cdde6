import t from 'tap';
import type { Machines } from '../../src/composition/machines.ts';
import { Supervision } from '../../src/composition/supervision.ts';
import type { Config } from '../../src/config/schema.ts';
import { Pulse } from '../../src/drivers/pulse.ts';
import type { HostWatch } from '../../src/health/host.ts';
import { ServiceManager } from '../../src/health/service-manager.ts';
import type { LocalOutbox } from '../../src/outbox/local.ts';
import { recordAtOnce, records } from '../../src/watchdog-record.ts';
import { recordingLog } from '../outbox/support.ts';
import { until } from '../support/plant.ts';

/** Looks are a second apart. */
const LIMIT_MS = 1500;

/** A supervised machine and an outbox, in the hands of a test. */
function supervise(t: Tap, dataDir = t.testdir()) {
  const pulse = new Pulse();
  const state = { isHeldUp: false, looks: 0, ended: '', told: [] as string[], restarted: [] as string[], pulse };
  const { log } = recordingLog();
  const machine = {
    config: { id: 'mill' },
    pipeline: {
      get isHeldUp() {
        return state.isHeldUp;
      },
      figures: { link: 'polling' },
    },
    supervisor: { pulse, patience: 0, replace: (why: string) => state.restarted.push(why) },
  };
  const outbox = {
    isRefused: false,
    get unanswered() {
      state.looks += 1;
      return null;
    },
  };
  const beat = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const gateway = { watchdog: LIMIT_MS, maxMemory: 1e12, dataDir, heartbeat: 1e6 };
  const supervision = new Supervision({
    config: () => ({ gateway }) as Config,
    outbox: outbox as unknown as LocalOutbox,
    machines: { running: () => [machine], size: 1 } as unknown as Machines,
    forwarder: () => undefined,
    restartUplink: () => undefined,
    host: { take: async () => undefined } as unknown as HostWatch,
    manager: new ServiceManager({}, log),
    log,
    beat,
    told: (message) => state.told.push(message),
    end: (message) => {
      state.ended = message;
    },
  });
  t.teardown(() => supervision[Symbol.asyncDispose]());
  supervision.start();
  return { state, supervision, beats: new Int32Array(beat) };
}

interface Tap {
  testdir(): string;
  teardown(end: () => unknown): void;
}

t.jobs = 3;

t.test('what was held up by a full buffer or by the disk has its whole time after that', async (t) => {
  const { state } = supervise(t);
  state.pulse.turnTo('handing-over');
  state.isHeldUp = true;
  await until('it was held up for long', () => state.looks === 3);
  state.isHeldUp = false;
  await until('it is looked at again', () => state.looks === 4);
  t.equal(state.ended, '', 'what waits for room goes on one after the other');
  await until('it is found to stall', () => state.ended !== '');
  t.match(state.ended, /^watchdog: mill: what was read has not been taken for \d s$/);
});

t.test('a restart stays counted while its stage is not looked at', async (t) => {
  const { state, supervision } = supervise(t);
  state.pulse.turnTo('reading');
  await until('the driver is replaced', () => state.restarted.length === 1);
  state.pulse.turnTo('handing-over');
  const { looks } = state;
  await until('it is looked at again', () => state.looks > looks);
  t.match(
    supervision.restarts.find(({ stage }) => stage === 'driver'),
    { restarts: 1 },
  );
});

t.test('nobody watches the event loop of a gateway that stops', async (t) => {
  const { supervision, beats } = supervise(t);
  t.not(beats[0], 0);
  await supervision[Symbol.asyncDispose]();
  t.equal(beats[0], 0);
});

t.test('that the process was ended by its watchdog is told once', async (t) => {
  const dataDir = t.testdir();
  recordAtOnce(dataDir, { t: Date.now(), stage: 'memory', message: 'too much' });
  t.match(supervise(t, dataDir).state.told, [/\(1 times in all\): too much$/]);
  await until('it is noted', () => records(dataDir)[0]?.isTold === true);
  t.same(supervise(t, dataDir).state.told, [], 'a later start tells nothing of it');
});
