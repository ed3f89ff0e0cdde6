import type { Clock } from '../../clock.ts';
import { Breaker, type BreakerSettings } from './breaker.ts';
import { openTransport } from './connect.ts';
import { Link, type LinkClient, type LinkWishes } from './link.ts';
import type { ModbusAddress } from './url.ts';

/** The links of one gateway: whoever names the same wire gets the same link, and the same breaker for the same unit. */
export class Links {
  readonly #links = new Map<string, { readonly link: Link; readonly breakers: Map<number, Breaker> }>();

  /** The link is opened by its first request and closed when its last client is released. */
  attach(
    { link, unit }: ModbusAddress,
    wishes: LinkWishes,
    { breaker: settings, clock }: { readonly breaker: BreakerSettings; readonly clock: Clock },
  ): LinkClient {
    const shared = this.#links.get(link.key) ?? this.#make(link, clock);
    const breaker = shared.breakers.get(unit) ?? new Breaker(settings);
    shared.breakers.set(unit, breaker);
    return shared.link.attach(unit, wishes, breaker);
  }

  #make(address: ModbusAddress['link'], clock: Clock) {
    const open = (signal: AbortSignal) => openTransport(address, clock, signal);
    const made = {
      link: new Link(open, () => this.#links.delete(address.key)),
      breakers: new Map<number, Breaker>(),
    };
    this.#links.set(address.key, made);
    return made;
  }
}
