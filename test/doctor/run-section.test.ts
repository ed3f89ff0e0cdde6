import t from 'tap';
import type { Section } from '../../src/doctor/check.ts';
import { runSection } from '../../src/doctor/run-section.ts';
import { Fault } from '../../src/errors.ts';

const section = (run: Section['run'], limit = 60_000): Section => ({ group: 'disk', subject: '/data', limit, run });
const FOUND = { name: 'a', level: 'good', text: 'well' } as const;
const never = new AbortController().signal;

t.test('findings get the group and subject of their section', async (t) => {
  const checks = await runSection(
    section(async (tell) => tell(FOUND)),
    never,
  );
  t.same(checks, [{ group: 'disk', subject: '/data', ...FOUND }]);
});

t.test('a section that hangs keeps what it has told, and is itself a fault', async (t) => {
  // Something must keep the process alive, as the sockets of a real section do.
  const alive = setInterval(() => undefined, 1000);
  t.teardown(() => clearInterval(alive));
  const late = Promise.withResolvers<void>();
  const hanging = section(async (tell) => {
    tell(FOUND);
    await late.promise;
    tell({ ...FOUND, name: 'too late' });
  }, 50);
  const checks = await runSection(hanging, never);
  late.resolve();
  await late.promise;
  t.match(checks, [FOUND, { level: 'bad', text: 'did not end within 50 ms', hint: /log/ }]);
  t.equal(checks.length, 2);
});

t.test('what a section throws is a finding', async (t) => {
  const fault = new Fault('disk', 'it broke', { hint: 'mend it' });
  t.match(
    await runSection(
      section(() => Promise.reject(fault)),
      never,
    ),
    [{ level: 'bad', text: 'it broke', hint: 'mend it' }],
  );
});

t.test('an abort ends it with its reason', async (t) => {
  const stop = new AbortController();
  const ended = runSection(
    section(() => new Promise(() => undefined)),
    stop.signal,
  );
  stop.abort(new Error('enough'));
  await t.rejects(ended, { message: 'enough' });
});
