import { Secret } from '../../../config/secrets.ts';
import { Fault } from '../../../errors.ts';
import type { ProbeOptions } from '../../toolbox.ts';
import type { ConnectSettings } from '../connect.ts';
import { isPasswordReadable, isUsable, type Offer, offerText } from '../endpoints.ts';
import type { Pki } from '../pki.ts';

const SESSION_MS = 60_000;
const REQUEST_MS = 10_000;

/** What a probe connects with, from what the server offers and what the person gave. */
export function connectSettings(
  url: string,
  offer: Offer | undefined,
  { user, password, passwordReference }: ProbeOptions,
): ConnectSettings {
  const secret = new Secret(passwordReference ?? '${env:OPCUA_PASSWORD}', password ?? '');
  return {
    url,
    security:
      offer === undefined || offer.mode === 'none'
        ? { mode: 'none' }
        : { mode: offer.mode, policy: offer.policy as never },
    auth: user === undefined ? undefined : { username: user, password: secret },
    sessionTimeout: SESSION_MS,
    requestTimeout: REQUEST_MS,
  };
}

/** The simplest offer that takes the user and shows his password to nobody. */
export function pickOffer(all: readonly Offer[], user: string | undefined, url: string): Offer {
  const usable = all.filter(isUsable);
  const wanted = user === undefined ? 'anonymous' : 'username';
  const fitting = usable.filter((offer) => offer.users.length === 0 || offer.users.includes(wanted));
  const safe = user === undefined ? fitting : fitting.filter((offer) => !isPasswordReadable(offer));
  // Weakest first: without a password, no security is what works everywhere.
  const chosen = user === undefined ? safe[0] : (safe.at(-1) ?? fitting.at(-1));
  if (chosen !== undefined) return chosen;
  const offered = all.map((offer) => `${offerText(offer)} for ${offer.users.join(', ') || 'anybody'}`).join('; ');
  const hint =
    user === undefined && usable.length > 0 ? 'give --user and --password-env' : `it offers ${offered || 'nothing'}`;
  throw new Fault('config', `${url} does not take ${user === undefined ? 'anonymous users' : 'a user name'}`, { hint });
}

/** @throws Fault of the config where the server's certificate is unknown and is not to be trusted by this call */
export async function settleTrust(
  url: string,
  offer: Offer,
  pki: Pki,
  { trust = false, tell }: ProbeOptions,
): Promise<void> {
  if (offer.mode === 'none') return;
  const chain = offer.endpoint.serverCertificate ?? Buffer.alloc(0);
  const verdict = await pki.judge(chain);
  if (verdict.is !== 'unknown') return;
  if (!trust) {
    throw new Fault('config', `${url}: its certificate is not trusted yet (${verdict.thumbprint}, ${verdict.text})`, {
      hint: 'compare the thumbprint with what the server shows, then probe it again with --trust',
    });
  }
  const { thumbprint } = await pki.trust(chain);
  tell(`trusts the server’s certificate ${thumbprint} from now on`);
}
