import type { Clock } from '../../clock.ts';
import { Breaker, type BreakerSettings } from './breaker.ts';
import { openTransport } from './connect.ts';
import { Link, type LinkClient, type LinkWishes } from './link.ts';
import type { ModbusAddress } from './url.ts';

/** The links of one gateway: whoever names the same wire gets the same link, and the same breaker for the same unit. */
export class Links {
  readonly #links = new Map<string, Link>();

  /** The link is opened by its first request and closed when its last client is released. */
  attach(
    { link, unit }: ModbusAddress,
    wishes: LinkWishes,
    { breaker: settings, clock }: { readonly breaker: BreakerSettings; readonly clock: Clock },
  ): LinkClient {
    const shared = this.#links.get(link.key) ?? this.#make(link, clock);
    return shared.attach(unit, wishes, shared.breakerOf(unit) ?? new Breaker(settings));
  }

  #make(address: ModbusAddress['link'], clock: Clock): Link {
    const open = (signal: AbortSignal) => openTransport(address, clock, signal);
    const made = new Link(open, () => this.#links.delete(address.key));
    this.#links.set(address.key, made);
    return made;
  }
}
