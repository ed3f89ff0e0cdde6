import { icon } from './icons.ts';
import type { Level } from './judge-machine.ts';
import type { Model } from './model.ts';
import { h, type Node } from './render.ts';
import { type Finding, findings } from './verdict.ts';

/** Findings below the first that are told at once. */
const MAX_MORE = 6;

/**
 * In one sentence: everything flows, or what does not and what to do. Below it stands what else is to be said, or, where a
 * machine is looked at, how much that is.
 */
export function banner(model: Model): Node {
  const { state, lostSince, language, rates } = model;
  const { texts, formats } = language;
  if (lostSince !== undefined) {
    const what = state === undefined ? texts.never : texts.offline(formats.time(lostSince));
    return sign('bad', what, texts.offlineTodo, []);
  }
  if (state === undefined) return sign('off', texts.connecting, '', []);
  const [first, ...more] = findings(state, language);
  if (first === undefined) {
    const count = state.machines.length;
    return sign('good', texts.flows, texts.flowsDetail(count, formats.count(count), formats.rate(rates.observations)));
  }
  const rest = model.watch === undefined ? more.slice(0, MAX_MORE).map(line) : [];
  const hidden = more.length - rest.length;
  if (hidden > 0) {
    rest.push(h('li', { key: 'more' }, h('a', { href: '#/' }, texts.moreFindings(hidden, formats.count(hidden)))));
  }
  return sign(first.level, first.what, first.todo, rest);
}

function line({ level, what, todo }: Finding): Node {
  return h(
    'li',
    { class: level },
    icon(level),
    h('span', {}, h('b', {}, what), ' ', h('span', { class: 'muted' }, todo)),
  );
}

function sign(level: Level, what: string, todo: string, more: readonly Node[] = []): Node {
  return h(
    'section',
    { class: `banner ${level}`, id: 'verdict' },
    h('span', { class: 'banner-sign' }, icon(level)),
    h(
      'div',
      {},
      h('div', { role: 'status' }, h('h1', {}, what)),
      h('p', {}, todo),
      more.length > 0 && h('ul', {}, ...more),
    ),
  );
}
