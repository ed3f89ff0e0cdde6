import { LANGUAGE_IDS, languageName } from './language.ts';
import type { Actions, Model } from './model.ts';
import { h, type Node } from './render.ts';

/** Whose page it is, and whether what it shows is live. */
export function topBar(model: Model, actions: Actions): Node {
  const { state, language } = model;
  const { texts } = language;
  const place = [state?.tenant, state?.site].filter((part) => part !== undefined).join(' · ');
  return h(
    'header',
    { class: 'top-bar' },
    h('a', { class: 'skip', href: '#content', onclick: skip }, texts.skip),
    h(
      'a',
      { class: 'brand', href: '#/' },
      h('img', { src: 'icon.svg', alt: '', width: '32', height: '32' }),
      h(
        'span',
        { class: 'brand-text' },
        h('b', { class: 'clip', title: state?.gateway ?? '' }, state?.gateway ?? 'edge-gateway'),
        h('span', { class: 'muted clip', title: place }, place),
      ),
    ),
    h('span', { class: 'spacer' }),
    !model.isSignInWanted && liveSign(model),
    h(
      'div',
      { class: 'languages', role: 'group', 'aria-label': texts.language },
      ...LANGUAGE_IDS.map((id) =>
        h(
          'button',
          {
            type: 'button',
            lang: id,
            title: languageName(id),
            'aria-label': languageName(id),
            'aria-pressed': String(id === language.id),
            onclick: () => actions.setLanguage(id),
          },
          id.slice(0, 2).toUpperCase(),
        ),
      ),
    ),
    model.canSignOut &&
      h('button', { type: 'button', class: 'quiet', onclick: () => actions.signOut() }, texts.signOut),
  );
}

function liveSign({ state, lostSince, now, language }: Model): Node {
  const { texts, formats } = language;
  if (lostSince !== undefined) {
    return h(
      'span',
      { class: 'live live-lost', role: 'status' },
      h('i', { class: 'dot' }),
      texts.offline(formats.time(lostSince)),
    );
  }
  if (state === undefined)
    return h('span', { class: 'live', role: 'status' }, h('i', { class: 'dot' }), texts.connecting);
  return h(
    'span',
    { class: 'live live-on' },
    h('i', { class: 'dot' }),
    h('span', {}, texts.live),
    h('time', { class: 'figures' }, formats.time(now)),
  );
}

/** The address keeps the route, so a link to a place within the page must not change it. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('content')?.focus();
}
