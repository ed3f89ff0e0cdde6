import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { untilAborted } from '../src/abort.ts';

t.test('what fails after nobody waits for it any more ends nothing', async (t) => {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on('unhandledRejection', note);
  t.teardown(() => process.off('unhandledRejection', note));
  const stop = new AbortController();
  const early = Promise.withResolvers<void>();
  const waiting = untilAborted(early.promise, stop.signal);
  stop.abort(new Error('stopped'));
  const late = Promise.withResolvers<void>();
  await t.rejects(waiting, { message: 'stopped' });
  await t.rejects(untilAborted(late.promise, stop.signal), { message: 'stopped' });
  early.reject(new Error('too late'));
  late.reject(new Error('too late'));
  await setImmediate();
  t.same(unhandled, []);
});
