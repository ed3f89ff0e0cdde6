import { h, Root } from './render.ts';
import type { Texts } from './texts-en.ts';

/** As the gateway takes it at most. */
const MAX_NAME = 64;

/** Asks who has seen an alert. Resolves with the name, or undefined when it was cancelled. */
export function askName(texts: Texts, what: string, known: string): Promise<string | undefined> {
  const dialog = document.createElement('dialog');
  new Root(dialog).render(
    h(
      'form',
      { method: 'dialog' },
      h('h2', { class: 'clip', title: what }, what),
      h('label', { for: 'who' }, texts.whoAreYou),
      h('input', {
        id: 'who',
        name: 'who',
        required: true,
        autofocus: true,
        maxlength: MAX_NAME,
        value: known,
        placeholder: texts.yourName,
        autocomplete: 'name',
      }),
      h(
        'div',
        { class: 'buttons' },
        h('button', { type: 'button', onclick: () => dialog.close() }, texts.cancel),
        h('button', { type: 'submit', class: 'primary', value: 'ok' }, texts.acknowledge),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      const name = (dialog.querySelector('input') as HTMLInputElement).value.trim();
      dialog.remove();
      resolve(dialog.returnValue === 'ok' && name !== '' ? name : undefined);
    });
  });
}
