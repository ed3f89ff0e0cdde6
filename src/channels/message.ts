import { createHash } from 'node:crypto';
import { Liquid, type Template } from 'liquidjs';
import { Fault, messageOf } from '../errors.ts';
import type { AlertNotice, Message } from './channel.ts';

const DEFAULT_TEXT =
  '{{ alert.rule }} {{ alert.state }} on {{ machine }} ({{ alert.severity }})' +
  '{% if alert.summary %}: {{ alert.summary }}{% endif %}' +
  '{% if values %} [{{ values }}]{% endif %}, since {{ since }}';

/** Templates are the owner's, but their data is not: they read no files, and end. */
const engine = new Liquid({
  relativeReference: false,
  templates: {},
  ownPropertyOnly: true,
  parseLimit: 20_000,
  renderLimit: 200,
  memoryLimit: 1e6,
});

/** The same in each attempt, and of this step of this alert alone. */
function keyOf({ tenant, gateway, machine, alert }: AlertNotice): string {
  const { id, state, t, repeat = 0 } = alert;
  const text = JSON.stringify([tenant, gateway, machine, id, state, t, repeat]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/** Turns notices into words. */
export class Wording {
  readonly #text: Template[];

  /** @throws Fault of the config when the template is not LiquidJS */
  constructor(template: string = DEFAULT_TEXT) {
    try {
      this.#text = engine.parse(template);
    } catch (error) {
      throw new Fault('config', `the template cannot be used: ${messageOf(error)}`, { hint: 'see liquidjs.com' });
    }
  }

  message(notice: AlertNotice): Message {
    const { alert, machine } = notice;
    return {
      key: keyOf(notice),
      subject: `${alert.rule} ${alert.state}: ${machine}`,
      text: this.#render(notice),
      notice,
    };
  }

  #render(notice: AlertNotice): string {
    const { alert } = notice;
    const values = Object.entries(alert.values ?? {}).map(([signal, v]) => `${signal} = ${JSON.stringify(v)}`);
    const view = { ...notice, values: values.join(', ') || undefined, since: new Date(alert.since).toISOString() };
    try {
      return String(engine.renderSync(this.#text, { ...view, alert: { ...alert, summary: this.#summary(view) } }));
    } catch (error) {
      // A template that fails must not keep the alert from people.
      return `${alert.rule} ${alert.state} on ${notice.machine} (${alert.severity}; its template fails: ${messageOf(error)})`;
    }
  }

  /** The rule's own words may be a template as well. */
  #summary(view: AlertNotice): string | undefined {
    const { summary } = view.alert;
    return summary?.includes('{') === true ? String(engine.parseAndRenderSync(summary, view)) : summary;
  }
}
