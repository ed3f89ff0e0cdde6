import { createHash, timingSafeEqual } from 'node:crypto';
import type { Secret } from '../config/secrets.ts';
import { RateLimit } from './rate-limit.ts';
import { Refusal } from './refusal.ts';
import { Sessions } from './sessions.ts';

/** Wrong tokens. */
const ATTEMPTS = { each: { burst: 10, perSecond: 10 / 60 }, all: { burst: 50, perSecond: 50 / 60 } };

/** What a request shows to be let in. */
export interface Credentials {
  /** The `Authorization` header. */
  readonly authorization: string | undefined;
  /** Id of its session. */
  readonly session: string | undefined;
}

/** Who may see the gateway's data: whoever knows the token, where there is one. */
export class Access {
  readonly #token: Buffer | undefined;
  readonly #sessions = new Sessions();
  readonly #attempts = new RateLimit(ATTEMPTS);

  constructor(token: Secret | undefined) {
    this.#token = token && hashOf(token.reveal());
  }

  /** Whether a token is asked for. */
  get isGuarded(): boolean {
    return this.#token !== undefined;
  }

  /**
   * Lets a request pass; `renew`: and the cookie of its session should be sent again.
   * @throws Refusal
   */
  pass({ authorization, session }: Credentials, address: string): 'known' | 'renew' {
    if (this.#token === undefined) return 'known';
    const [, bearer] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
    if (bearer !== undefined) {
      this.#check(bearer, address);
      return 'known';
    }
    const known = session === undefined ? 'unknown' : this.#sessions.use(session, performance.now());
    if (known === 'unknown') throw new Refusal(401, 'log in, or send the token: Authorization: Bearer …');
    return known;
  }

  /** @returns the id of a new session @throws Refusal when the token is not the one */
  login(token: string, address: string): string {
    this.#check(token, address);
    return this.#sessions.open(performance.now());
  }

  logout(session: string): void {
    this.#sessions.close(session);
  }

  /** In constant time; wrong ones are counted, and after too many not even the right one is taken for a while. */
  #check(token: string, address: string): void {
    if (this.#token === undefined) return;
    const now = performance.now();
    const wait = this.#attempts.wait(address, now);
    if (wait > 0) throw new Refusal(429, 'too many wrong tokens: try again later', wait);
    if (timingSafeEqual(hashOf(token), this.#token)) return;
    this.#attempts.take(address, now);
    throw new Refusal(401, 'this is not the token: it is http.token in the config of the gateway');
  }
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
