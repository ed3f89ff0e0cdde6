import { alertList } from './alert-list.ts';
import { banner } from './banner.ts';
import { gatewayPanel } from './gateway-panel.ts';
import { icon } from './icons.ts';
import { machineList } from './machine-list.ts';
import { machinePage } from './machine-page.ts';
import type { Actions, Model } from './model.ts';
import { type Child, h } from './render.ts';
import { signIn } from './sign-in.ts';
import { tiles } from './tiles.ts';
import { topBar } from './top-bar.ts';

/** The whole page: the bar, what is looked at, and what just happened. */
export function layout(model: Model, actions: Actions): Child[] {
  return [
    topBar(model, actions),
    h(
      'main',
      { id: 'content', tabindex: '-1', class: model.lostSince === undefined ? '' : 'lost' },
      ...content(model, actions),
    ),
    notice(model, actions),
  ];
}

function content(model: Model, actions: Actions): Child[] {
  const { state, watch } = model;
  if (model.isSignInWanted) return [signIn(model, actions)];
  if (state === undefined) return [banner(model)];
  if (watch !== undefined) return [banner(model), ...machinePage(model, state, watch, actions)];
  return [
    banner(model),
    tiles(model, state),
    alertList(model, state, actions),
    machineList(model, state, actions),
    gatewayPanel(model, state),
  ];
}

function notice({ notice: text, language }: Model, actions: Actions): Child {
  return h(
    'div',
    { class: 'notices', role: 'status' },
    text !== undefined &&
      h(
        'p',
        { class: 'notice' },
        text,
        h(
          'button',
          { type: 'button', 'aria-label': language.texts.dismiss, onclick: () => actions.dismiss() },
          icon('bad'),
        ),
      ),
  );
}

export function titleOf({ state, watch, language }: Model): string {
  return [watch?.id, state?.gateway, language.texts.title].filter((part) => part !== undefined).join(' · ');
}
