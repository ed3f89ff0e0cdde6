import { OPCUAServer, ServiceFault, StatusCodes } from 'node-opcua';
import type { StatusName } from './leaves.ts';

/** What a service does instead of answering at once. */
export type ServiceTrouble =
  /** It answers, so many milliseconds late. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** It answers with a bad status. */
  | { readonly kind: 'refuse'; readonly status: StatusName }
  /** It answers when the trouble is over. */
  | { readonly kind: 'hold' };

type Message = Parameters<OPCUAServer['on_request']>[0];
type Channel = Parameters<OPCUAServer['on_request']>[1];

/** An OPC UA server whose services fail as they are told to. */
export class FaultyServer extends OPCUAServer {
  /** By the service's name, e.g. `Read`, `Publish`, `CreateSession`. */
  readonly #troubles: ReadonlyMap<string, ServiceTrouble>;
  readonly #timers = new Set<NodeJS.Timeout>();
  #held: { readonly service: string; readonly answer: () => void }[] = [];

  /** `troubles` may change at any time; after one of `hold` is over, `release` has to be called. */
  constructor(options: ConstructorParameters<typeof OPCUAServer>[0], troubles: ReadonlyMap<string, ServiceTrouble>) {
    super(options);
    this.#troubles = troubles;
  }

  override on_request(message: Message, channel: Channel): void {
    const service = message.request.schema.name.replace(/Request$/, '');
    const answer = () => super.on_request(message, channel);
    const trouble = this.#troubles.get(service);
    switch (trouble?.kind) {
      case 'slow':
        this.#later(answer, trouble.ms);
        break;
      case 'refuse':
        refuse(message, channel, trouble.status);
        break;
      case 'hold':
        this.#held.push({ service, answer });
        break;
      default:
        answer();
    }
  }

  /** Answers what waits for a service. */
  release(service: string): void {
    const waiting = this.#held.filter((one) => one.service === service);
    this.#held = this.#held.filter((one) => one.service !== service);
    for (const { answer } of waiting) answer();
  }

  /** Nothing is answered any more. */
  forget(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#held = [];
  }

  #later(answer: () => void, ms: number): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      answer();
    }, ms);
    this.#timers.add(timer);
  }
}

function refuse(message: Message, channel: Channel, status: StatusName): void {
  const { requestHandle } = message.request.requestHeader;
  const fault = new ServiceFault({ responseHeader: { requestHandle, serviceResult: StatusCodes[status] } });
  channel.send_response('MSG', fault, message as never, () => undefined);
}
