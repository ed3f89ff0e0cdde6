import type { ApiOee } from '../api.ts';
import type { Language } from './language.ts';
import { h, type Node } from './render.ts';
import { meter } from './tiles.ts';

/** The key figures of each period under way. */
export function oeeCards(periods: readonly ApiOee[], language: Language): Node | false {
  return (
    periods.length > 0 &&
    h(
      'section',
      { class: 'oee', id: 'oee', 'aria-label': language.texts.oee },
      ...periods.map((period) => card(period, language)),
    )
  );
}

function card(
  { kind, name, from, to, oee, availability, performance, quality, parts }: ApiOee,
  language: Language,
): Node {
  const { texts, formats } = language;
  const figure = (share: number | null) => (share === null ? '–' : formats.percent(share));
  const part = (label: string, share: number | null) =>
    h(
      'div',
      {},
      h('span', {}, label),
      meter(label, share ?? 0, share === null ? texts.unknown : figure(share)),
      h('b', { class: 'figures' }, figure(share)),
    );
  return h(
    'article',
    { class: 'card', key: kind },
    h('h2', {}, name === undefined ? (texts.periods[kind] ?? kind) : `${texts.periods[kind] ?? kind}: ${name}`),
    h('p', { class: 'headline figures' }, figure(oee), h('span', { class: 'unit' }, ` ${texts.oee}`)),
    h(
      'p',
      { class: 'muted' },
      `${formats.minute(from)} – ${formats.minute(to)}${parts === null ? '' : ` · ${texts.parts(parts, formats.count(parts))}`}`,
    ),
    h(
      'div',
      { class: 'factors' },
      part(texts.availability, availability),
      part(texts.performance, performance),
      part(texts.quality, quality),
    ),
  );
}
