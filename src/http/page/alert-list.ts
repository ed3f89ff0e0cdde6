import type { ApiAlert, ApiState } from '../api.ts';
import { icon } from './icons.ts';
import type { Level } from './judge-machine.ts';
import type { Actions, Model } from './model.ts';
import { h, type Node } from './render.ts';
import { hashOf } from './routes.ts';

/** Alerts that are open, of one machine or of all: those that nobody has seen first. */
export function alertList(model: Model, state: ApiState, actions: Actions, machine?: string): Node | false {
  const { texts, formats } = model.language;
  const all = state.alerts.filter((alert) => machine === undefined || alert.machine === machine);
  if (all.length === 0) return false;
  const ordered = [
    ...all.filter(({ acknowledged }) => !acknowledged),
    ...all.filter(({ acknowledged }) => acknowledged),
  ];
  const shown = ordered.slice(0, model.rows);
  return h(
    'section',
    { class: 'card', id: 'alerts', 'aria-label': texts.alerts },
    h('h2', {}, texts.alerts, h('span', { class: 'badge' }, formats.count(all.length))),
    h('ul', { class: 'alerts' }, ...shown.map((alert) => row(model, alert, actions, machine === undefined))),
    shown.length < all.length &&
      h(
        'button',
        { type: 'button', class: 'more', onclick: () => actions.showMore() },
        texts.moreAlerts(formats.count(all.length - shown.length)),
      ),
  );
}

function row({ language, now }: Model, alert: ApiAlert, actions: Actions, withMachine: boolean): Node {
  const { texts, formats } = language;
  const { id, machine, rule, severity, state, summary, since, acknowledged, shadow } = alert;
  const level = acknowledged || shadow ? 'off' : levelOf(severity);
  return h(
    'li',
    { class: `alert ${level}`, key: id },
    h('span', { class: `chip ${level}` }, icon(level), texts.severities[severity] ?? severity),
    h(
      'div',
      { class: 'alert-text' },
      h(
        'p',
        {},
        withMachine && h('a', { class: 'clip', href: hashOf(machine), title: machine }, machine),
        h('b', { class: 'clip', title: rule }, rule),
        state === 'latched' && h('span', { class: 'chip' }, texts.latched),
        shadow && h('span', { class: 'chip' }, texts.shadow),
      ),
      summary !== undefined && h('p', { class: 'summary clip', title: summary }, summary),
      h('p', { class: 'muted' }, `${texts.since(formats.moment(since, now))} · ${formats.ago(now - since)}`),
    ),
    acknowledged
      ? h('span', { class: 'seen' }, icon('good'), texts.acknowledged)
      : h(
          'button',
          {
            type: 'button',
            'aria-label': texts.acknowledgeLabel(rule, machine),
            onclick: () => actions.acknowledge(alert),
          },
          texts.acknowledge,
        ),
  );
}

function levelOf(severity: string): Level {
  return severity === 'critical' ? 'bad' : severity === 'warning' ? 'warn' : 'off';
}
