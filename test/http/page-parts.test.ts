import t from 'tap';
import type { ApiSignal } from '../../src/http/api.ts';
import { Formats } from '../../src/http/page/formats.ts';
import { chooseLanguage } from '../../src/http/page/language.ts';
import { MachineWatch, TREND_MS } from '../../src/http/page/machine-watch.ts';
import { Rates } from '../../src/http/page/rates.ts';
import { hashOf, routeOf } from '../../src/http/page/routes.ts';
import { machine, NOW, state } from './page-support.ts';

t.test('the language is the one chosen by hand, else the first that is known, else English', (t) => {
  const chosen = (stored: string | null, ...preferred: string[]) => chooseLanguage(stored, preferred).id;
  t.equal(chosen(null, 'de', 'pt-PT', 'en'), 'pt-BR');
  t.equal(chosen(null, 'de'), 'en');
  t.equal(chosen('en', 'pt-BR'), 'en');
  t.equal(chosen('tlh', 'pt-BR'), 'pt-BR', 'what is stored may be anything');
  t.end();
});

t.test('figures are written as their reader writes them', (t) => {
  const [english, portuguese] = [new Formats('en-US'), new Formats('pt-BR')];
  t.equal(english.number(12345.678), '12,345.7');
  t.equal(portuguese.number(12345.678), '12.345,7');
  t.equal(portuguese.number(0.1 + 0.2), '0,3');
  t.equal(english.bytes(0), '0 B');
  t.equal(portuguese.bytes(1.5 * 2 ** 30), '1,5 GiB');
  t.equal(english.span(35_000), '35 sec');
  t.equal(portuguese.span(3.5 * 3_600_000), '3,5 h');
  t.match(english.ago(-5000), /^0/, 'nothing was heard of in the future');
  t.end();
});

t.test('values of any kind become a short text', (t) => {
  const formats = new Formats('en-US');
  t.equal(formats.value(null), '—');
  t.equal(formats.value(false), 'false');
  t.equal(formats.value({ a: [1, '<b>'] }), '{"a":[1,"<b>"]}');
  t.equal(formats.value('x'.repeat(5000)).length, 121);
  t.end();
});

t.test('an address leads to any machine and signal, and nonsense leads to the overview', (t) => {
  for (const signal of ['rpm', 'a/b#c%', '<img src=x>', 'é 1']) {
    t.strictSame(routeOf(hashOf('vmc-1', signal)), { machine: 'vmc-1', signal });
  }
  t.strictSame(routeOf(hashOf('vmc-1')), { machine: 'vmc-1', signal: undefined });
  for (const hash of ['', '#', '#/', '#content']) t.equal(routeOf(hash).machine, undefined);
  t.equal(routeOf('#/%E0%A4%A').machine, '%E0%A4%A', 'cut in the middle of a letter');
  t.end();
});

t.test('rates are those of the last seconds, and start anew with the gateway', (t) => {
  const rates = new Rates();
  t.equal(rates.observations, 0);
  for (let s = 0; s <= 30; s += 1) {
    rates.add(state({ uptime: s * 1000, machines: [machine({ observations: s < 15 ? 0 : (s - 15) * 50 })] }));
  }
  t.equal(rates.observations, 50);
  rates.add(state({ uptime: 100, machines: [machine({ observations: 3 })] }));
  t.equal(rates.observations, 0);
  t.end();
});

t.test('a machine’s signals: the canonical ones first, the newest value of each, and its last minutes', (t) => {
  const watch = new MachineWatch('vmc-1');
  const signal = (name: string, at: number, v: ApiSignal['v']): ApiSignal => ({ name, t: NOW + at, v, q: 'good' });
  watch.take([signal('load 10', 0, 1), signal('load 9', 0, 1), signal('rpm', 0, 100)], true);
  watch.take([signal('rpm', 3000, 200), signal('__proto__', 0, 'x')], false);
  t.strictSame(
    watch.signals.map(({ name, v }) => [name, v]),
    [
      ['rpm', 200],
      ['__proto__', 'x'],
      ['load 9', 1],
      ['load 10', 1],
    ],
  );
  t.strictSame(watch.trend('rpm'), { t: [NOW, NOW + 3000], v: [100, 200] });

  const past = { t: [NOW - 9000, NOW + 3000], min: [], max: [], mean: [50, 200], last: [] };
  watch.remember({ from: 0, to: NOW, source: 'raw', signals: { rpm: past } });
  t.strictSame(watch.trend('rpm')?.v, [50, 100, 200], 'what was stored comes before what came since');

  for (let ms = 0; ms < 2 * TREND_MS; ms += 100) watch.take([signal('rpm', 4000 + ms, ms)], false);
  const trend = watch.trend('rpm');
  t.ok((trend?.t.length ?? 0) <= TREND_MS / 1000 + 3, 'and is bounded, however quickly values come');
  t.equal(trend?.v.at(-1), 2 * TREND_MS - 100);
  t.end();
});
