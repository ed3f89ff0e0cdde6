import t from 'tap';
import { SESSION_MS, Sessions } from '../../src/http/sessions.ts';

const DAY_MS = 86_400_000;

t.test('a session goes on while it is used, and ends 30 days after', async (t) => {
  const sessions = new Sessions();
  const id = sessions.open(0);
  t.match(id, /^[\w-]{43}$/);
  t.equal(sessions.use(id, DAY_MS), 'known');
  t.equal(sessions.use(id, 25 * DAY_MS), 'renew', 'the cookie is sent again');
  t.equal(sessions.use(id, 25 * DAY_MS + 1), 'known', 'but not each time');
  t.equal(sessions.use(id, 50 * DAY_MS), 'renew');
  t.equal(sessions.use(id, 50 * DAY_MS + SESSION_MS + 1), 'unknown');
  t.equal(sessions.use(id, 50 * DAY_MS), 'unknown', 'and is over for good');
});

t.test('what was never opened, or was closed, is unknown', async (t) => {
  const sessions = new Sessions();
  const id = sessions.open(0);
  t.not(sessions.open(0), id);
  for (const other of ['', 'x', `${id}x`, id.slice(1), '__proto__']) t.equal(sessions.use(other, 0), 'unknown');
  sessions.close(id);
  t.equal(sessions.use(id, 0), 'unknown');
});

t.test('of more than 256 the one that was not seen for longest ends', async (t) => {
  const sessions = new Sessions();
  const ids = Array.from({ length: 256 }, (_, n) => sessions.open(n));
  const [first = '', second = '', third = ''] = ids;
  t.equal(sessions.use(first, 300), 'known');
  sessions.open(301);
  t.equal(sessions.use(second, 302), 'unknown');
  t.equal(sessions.use(first, 303), 'known');
  t.equal(sessions.use(third, 304), 'known');
});
