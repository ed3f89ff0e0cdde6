import t from 'tap';
import { compared, figure, quantile, type Section, spreadOf } from '../../bench/measure/figures.ts';
import { type Measured, pageOf } from '../../bench/measure/page.ts';

const ORDER = ['first', 'second'];

function measured(name: string, title: string, others = 0): Measured {
  const section: Section = { title, method: 'Measured.', figures: [figure('speed', 'm/s', [1, 2, 3])] };
  return { name, section, date: '2026-01-05 00:00', scale: 'short', repeats: 3, others };
}

t.test(
  'a part that is measured anew takes the place of the old one; the other one and what people wrote stay',
  async (t) => {
    const both = pageOf('', ORDER, { CPU: 'a' }, [measured('second', 'Second, old'), measured('first', 'First, old')]);
    const page = pageOf(`${both}It says a lot.\n`, ORDER, { CPU: 'b' }, [measured('first', 'First, new')]);
    const places = ['| CPU | b |', '## First, new', '## Second, old', '## What the figures say', 'It says a lot.'];
    const found = places.map((text) => page.indexOf(text));
    t.ok(
      found.every((at, i) => at > (found[i - 1] ?? 0)),
      'all of it, in its order',
    );
    t.notMatch(page, /First, old|CPU \| a/);
    t.equal(pageOf(page, ORDER, { CPU: 'b' }, []), page, 'and nothing grows');
  },
);

t.test('figures of a busy machine are marked', async (t) => {
  t.match(
    pageOf('', ORDER, {}, [measured('first', 'First', 0.3)]),
    '**measured on a busy machine** (others used 30 % of it)',
  );
  t.notMatch(pageOf('', ORDER, {}, [measured('first', 'First', 0.05)]), 'busy machine');
});

t.test('a ratio is taken repeat by repeat, and a target is held against the median', async (t) => {
  const pairs = [
    { value: 10, limit: 100 },
    { value: 30, limit: 50 },
    { value: 20, limit: 40 },
  ];
  const target = { text: 'half', ratioAtLeast: 0.5 };
  t.match(compared('a', 'm/s', 'bare', pairs, target), {
    value: { median: 20, min: 10, max: 30 },
    ratio: { median: 0.5, min: 0.1, max: 0.6 },
    target: { text: 'half', holds: true },
  });
  t.match(figure('a', 'ms', [5], { text: '≤ 4 ms', atMost: 4 }), { target: { holds: false } });
  t.match(figure('a', 'ms', [Number.NaN], { text: '≤ 4 ms', atMost: 4 }), { target: { holds: false } });
  t.equal(quantile([3, 1, 2], 0.99), 3);
  t.throws(() => spreadOf([]), { message: 'nothing was measured' });
});
