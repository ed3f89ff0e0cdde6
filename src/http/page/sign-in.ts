import type { Actions, Model } from './model.ts';
import { h, type Node } from './render.ts';

/** Asks for the token that the gateway wants. */
export function signIn({ language, signInFault }: Model, actions: Actions): Node {
  const { texts } = language;
  return h(
    'form',
    {
      class: 'card sign-in',
      onsubmit: (event: SubmitEvent) => {
        event.preventDefault();
        const field = (event.target as HTMLFormElement).elements.namedItem('token') as HTMLInputElement;
        actions.signIn(field.value.trim());
      },
    },
    h('h1', {}, texts.signIn),
    h('label', { for: 'token' }, texts.token),
    h('input', {
      id: 'token',
      name: 'token',
      type: 'password',
      required: true,
      autofocus: true,
      autocomplete: 'current-password',
      'aria-describedby': 'token-help',
    }),
    h('p', { class: 'muted', id: 'token-help' }, texts.tokenHelp),
    h('p', { class: 'fault', role: 'alert' }, signInFault ?? ''),
    h('button', { type: 'submit', class: 'primary' }, texts.signIn),
  );
}
