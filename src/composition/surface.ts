import { listenAddress } from '../config/http.ts';
import type { HttpConfig } from '../config/schema.ts';
import { type Answer, ControlServer } from '../control/server.ts';
import { explain } from '../errors.ts';
import type { GatewayView } from '../http/view.ts';
import type { Log } from '../log.ts';

export interface SurfaceOptions {
  readonly dataDir: string;
  readonly commands: Readonly<Record<string, Answer>>;
  readonly view: GatewayView;
  readonly log: Log;
}

/** Where the gateway can be asked: the control socket and HTTP. Where nobody can ask it, it reads and sends all the same. */
export class Surface implements AsyncDisposable {
  readonly #options: SurfaceOptions;
  #control: AsyncDisposable | undefined;
  #http: AsyncDisposable | undefined;

  constructor(options: SurfaceOptions) {
    this.#options = options;
  }

  async open(http: HttpConfig): Promise<void> {
    const { dataDir, commands, log } = this.#options;
    try {
      this.#control = await ControlServer.listen(dataDir, commands, log.child({ part: 'control' }));
    } catch (error) {
      log.warn(`status and replay will not work: ${explain(error)}`);
    }
    await this.listen(http);
  }

  /** Serves HTTP there, and no longer where it did before. */
  async listen(config: HttpConfig): Promise<void> {
    await this.#http?.[Symbol.asyncDispose]();
    this.#http = undefined;
    if (listenAddress(config.listen) === undefined) return;
    const log = this.#options.log.child({ part: 'http' });
    try {
      const { HttpServer } = await import('../http/server.ts');
      this.#http = await HttpServer.listen({ config, view: this.#options.view, log });
    } catch (error) {
      log.warn(`there is no status page: ${explain(error)}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#control?.[Symbol.asyncDispose](), this.#http?.[Symbol.asyncDispose]()]);
  }
}
