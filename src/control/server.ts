import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { explain, Fault } from '../errors.ts';
import type { Log } from '../log.ts';
import { readLines } from './lines.ts';
import { socketPath } from './socket-path.ts';

/** The owner and the group of the data folder. */
const MODE = 0o660;
const MAX_CLIENTS = 16;

/**
 * Answers a request with one object; `tell` sends others before it. `signal` aborts when the asker is gone.
 * @throws Fault to refuse
 */
export type Answer = (
  request: Readonly<Record<string, unknown>>,
  tell: (progress: object) => void,
  signal: AbortSignal,
) => Promise<object>;

/**
 * The way into a running gateway: a socket in its data folder, for `status` and `buffer replay`. One request a
 * connection, a line of JSON with its `command`; the answer is lines `{"progress": …}` and at the end `{"result": …}` or
 * `{"error": …}`.
 */
export class ControlServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #clients = new Set<Socket>();
  readonly #commands: Readonly<Record<string, Answer>>;
  readonly #log: Log;

  private constructor(commands: Readonly<Record<string, Answer>>, log: Log) {
    this.#commands = commands;
    this.#log = log;
    this.#server = createServer((socket) => void this.#serve(socket));
    this.#server.maxConnections = MAX_CLIENTS;
  }

  /** The data folder must be locked by this process: what lies at the socket's path is another's that has ended. */
  static async listen(dataDir: string, commands: Readonly<Record<string, Answer>>, log: Log): Promise<ControlServer> {
    const control = new ControlServer(commands, log);
    using place = socketPath(dataDir);
    rmSync(place.path, { force: true });
    control.#server.listen(place.path);
    await once(control.#server, 'listening');
    chmodSync(place.path, MODE);
    control.#server.on('error', (error) => log.warn(`the control socket: ${explain(error)}`));
    return control;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const client of this.#clients) client.destroy();
    await closed;
  }

  async #serve(socket: Socket): Promise<void> {
    const gone = new AbortController();
    this.#clients.add(socket);
    socket.on('error', (error) => this.#log.debug(`the control socket: ${error.message}`));
    socket.on('close', () => {
      this.#clients.delete(socket);
      gone.abort(new Error('the asker is gone'));
    });
    const say = (line: object) => void (socket.writable && socket.write(`${JSON.stringify(line)}\n`));
    try {
      const request = await first(socket);
      const command = String(request['command']);
      const answer = Object.hasOwn(this.#commands, command) ? this.#commands[command] : undefined;
      if (answer === undefined) throw new Fault('config', `unknown command ${command}`);
      say({ result: await answer(request, (progress) => say({ progress }), gone.signal) });
    } catch (error) {
      if (!gone.signal.aborted) say({ error: explain(error) });
      if (!(error instanceof Fault) && !gone.signal.aborted) this.#log.error({ err: error }, 'the control socket');
    }
    socket.end();
  }
}

async function first(socket: Socket): Promise<Readonly<Record<string, unknown>>> {
  for await (const request of readLines(socket)) return request;
  throw new Fault('config', 'no request came');
}
