import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import type { ApiHistory, ApiMachineDetail, ApiTimeline } from './api.ts';
import { fit, readBody } from './body.ts';
import type { Live } from './live.ts';
import { acknowledgement, historyQuery, timelineQuery } from './queries.ts';
import { Refusal } from './refusal.ts';
import type { SharedState } from './shared-state.ts';
import type { GatewayView } from './view.ts';

/** Each reads a lot of the buffer. */
const MAX_READS_AT_ONCE = 8;
const BUSY_RETRY_MS = 2000;

export interface ApiParts {
  readonly view: GatewayView;
  readonly state: SharedState;
  readonly live: Live;
}

/** The paths below `/api`, as api.ts tells them. Who asks has been let in. */
export function apiRoutes({ view, state, live }: ApiParts): Hono<{ Bindings: HttpBindings }> {
  let reads = 0;
  const reading = async <T extends ApiHistory | ApiTimeline>(read: () => Promise<T>): Promise<T> => {
    if (reads >= MAX_READS_AT_ONCE) throw new Refusal(503, 'too many ask for history: try again', BUSY_RETRY_MS);
    reads++;
    try {
      return await read();
    } finally {
      reads--;
    }
  };
  const machineOf = (id: string): ApiMachineDetail => {
    const machine = view.machine(id);
    if (machine === undefined) throw new Refusal(404, `there is no machine ${id}`);
    return machine;
  };
  return new Hono<{ Bindings: HttpBindings }>()
    .get('/state', async (c) => c.json(await state.now()))
    .get('/live', (c) => {
      const machine = c.req.query('machine');
      if (machine !== undefined) machineOf(machine);
      if (c.req.method === 'HEAD') return c.body(null);
      live.add(c.env.outgoing, machine);
      return RESPONSE_ALREADY_SENT;
    })
    .get('/machines/:id', (c) => c.json(machineOf(c.req.param('id'))))
    .get('/machines/:id/history', async (c) => {
      const machine = machineOf(c.req.param('id')).id;
      const query = fit({ ...c.req.query(), signals: c.req.queries('signal') ?? [] }, historyQuery);
      return c.json(await reading(() => view.history({ machine, ...query })));
    })
    .get('/machines/:id/timeline', async (c) => {
      const machine = machineOf(c.req.param('id')).id;
      const { from, to } = fit(c.req.query(), timelineQuery);
      return c.json(await reading(() => view.timeline(machine, from, to)));
    })
    .post('/acknowledge', async (c) => {
      const { machine, rule, by } = await readBody(c.env.incoming, acknowledgement);
      if (view.acknowledge(machine, rule, by)) return c.body(null, 204);
      throw new Refusal(404, `${machine} has no open alert of the rule ${rule}`);
    });
}
