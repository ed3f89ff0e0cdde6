import t from 'tap';
import { type Input, parseSeries } from '../../../src/pipeline/rules/testing/series.ts';

/** The notation, and the values at each second; undefined where there is none. */
const CASES: readonly (readonly [string, readonly (Input['v'] | undefined)[]])[] = [
  ['5 6.5 -7', [5, 6.5, -7]],
  ['5x3', [5, 5, 5, 5]],
  ['1+2x3', [1, 3, 5, 7]],
  ['10-1.5x2', [10, 8.5, 7]],
  ['1 _ 2 _x2 3', [1, undefined, 2, undefined, undefined, 3]],
  ['running stoppedx2 null', ['running', 'stopped', 'stopped', 'stopped', null]],
  ["'two words'x1 'x3' true falsex1", ['two words', 'two words', 'x3', true, false, false]],
  ['', []],
];

for (const [notation, values] of CASES) {
  t.same(
    parseSeries(notation, 1000),
    values.flatMap((v, i) => (v === undefined ? [] : [{ t: i * 1000, v }])),
    notation,
  );
}

for (const wrong of ['5x', '1+x3', '5..6', "'open", '1x9999999', '+5']) {
  t.throws(() => parseSeries(wrong, 1000), /is no value|more than/, `refuses: ${wrong}`);
}
