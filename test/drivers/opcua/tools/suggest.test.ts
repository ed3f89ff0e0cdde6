import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { suggest, type Variable } from '../../../../src/drivers/opcua/tools/suggest.ts';

interface Case {
  readonly name: string;
  readonly variables: readonly Variable[];
  readonly rpm?: string;
  readonly feed?: string;
  readonly scale?: number;
  readonly state?: string;
  readonly rule?: object;
}

const cases: readonly Case[] = JSON.parse(readFileSync(join(import.meta.dirname, 'suggest-cases.json'), 'utf8'));

for (const { name, variables, rpm, feed, scale, state, rule } of cases) {
  t.test(name, async (t) => {
    const suggestion = suggest(variables);
    const path = (index: number | undefined) => (index === undefined ? undefined : variables[index]?.path.join('/'));
    t.equal(path(suggestion.rpm?.index), rpm, 'rpm');
    t.equal(path(suggestion.feed?.index), feed, 'feed');
    t.equal(suggestion.feed?.scale, scale, 'scale to mm/min');
    if (state === undefined) return;
    t.equal(path(suggestion.state?.index), state, 'state');
    if (rule !== undefined) t.same(suggestion.state?.rule, rule);
  });
}

t.test('what reads no number is no speed', async (t) => {
  t.same(suggest([{ path: ['Spindle', 'Speed'], unit: 'rev/min', value: null }]), {});
  t.same(suggest([]), {});
});
