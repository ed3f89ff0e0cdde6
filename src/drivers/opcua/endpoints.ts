import { type EndpointDescription, MessageSecurityMode, UserTokenType } from 'node-opcua-client';
import { Fault } from '../../errors.ts';
import { type OpcuaSettings, POLICIES } from './settings.ts';

/** Beginning of the URI of every policy (OPC UA Part 7, 6.6). */
const POLICY_URI = 'http://opcfoundation.org/UA/SecurityPolicy#';

const MODES = {
  none: MessageSecurityMode.None,
  sign: MessageSecurityMode.Sign,
  signAndEncrypt: MessageSecurityMode.SignAndEncrypt,
} as const;

/** What a server offers for a connection. */
export interface Offer {
  readonly mode: keyof typeof MODES;
  /** Short name, e.g. `Basic256Sha256`. */
  readonly policy: string;
  readonly users: readonly ('anonymous' | 'username' | 'certificate' | 'token')[];
  readonly endpoint: EndpointDescription;
}

/** What a server offers over opc.tcp, weakest first. */
export function offers(endpoints: readonly EndpointDescription[]): Offer[] {
  return endpoints
    .filter(({ transportProfileUri }) => !/https|wss|json/i.test(transportProfileUri ?? ''))
    .flatMap((endpoint): Offer[] => {
      const mode = modeOf(endpoint.securityMode);
      if (mode === undefined) return [];
      const policy = (endpoint.securityPolicyUri ?? '').replace(POLICY_URI, '') || 'None';
      return [{ mode, policy, users: usersOf(endpoint), endpoint }];
    })
    .toSorted((a, b) => strength(a) - strength(b));
}

/** Whether we can use an offer; policies that are broken (Basic128Rsa15, Basic256) are left alone. */
export function isUsable({ mode, policy }: Offer): boolean {
  return mode === 'none' || (POLICIES as readonly string[]).includes(policy);
}

/**
 * The offer that the settings ask for; the strongest policy where they name none. Never one of another mode.
 * @throws Fault that says what the server offers instead
 */
export function choose(
  endpoints: readonly EndpointDescription[],
  own: Pick<OpcuaSettings, 'url' | 'security' | 'auth'>,
): Offer {
  const all = offers(endpoints);
  const { mode, policy } = own.security;
  const fitting = all.filter(
    (offer) =>
      offer.mode === mode && isUsable(offer) && (mode === 'none' || policy === undefined || offer.policy === policy),
  );
  const chosen = fitting.at(-1);
  if (chosen === undefined) {
    const wanted =
      mode === 'none' ? 'connections without security' : `${mode}${policy === undefined ? '' : ` with ${policy}`}`;
    const offered = all.length === 0 ? 'it offers nothing over opc.tcp' : `it offers ${list(all.map(offerText))}`;
    throw new Fault('machine', `${own.url} does not offer ${wanted}`, {
      hint: `${offered}: set security to one of these`,
    });
  }
  const user = own.auth === undefined ? 'anonymous' : 'username' in own.auth ? 'username' : 'certificate';
  // A list that is left out means anonymous.
  const withUser = fitting.findLast(
    ({ users }) => users.includes(user) || (users.length === 0 && user === 'anonymous'),
  );
  if (withUser === undefined) {
    const what = { anonymous: 'anonymous users', username: 'a user name', certificate: 'a user’s certificate' }[user];
    const hint = `it takes ${list(chosen.users)} there: set auth accordingly`;
    throw new Fault('machine', `${own.url} does not take ${what} with ${offerText(chosen)}`, { hint });
  }
  return withUser;
}

/** `signAndEncrypt with Basic256Sha256`, or `none`. */
export function offerText({ mode, policy }: Pick<Offer, 'mode' | 'policy'>): string {
  return mode === 'none' ? 'none' : `${mode} with ${policy}`;
}

/** Whether a password would be sent readable for everyone on the network. */
export function isPasswordReadable({ mode, endpoint }: Offer): boolean {
  if (mode === 'signAndEncrypt') return false;
  const policies = (endpoint.userIdentityTokens ?? []).filter(({ tokenType }) => tokenType === UserTokenType.UserName);
  return policies.every(({ securityPolicyUri }) =>
    securityPolicyUri ? securityPolicyUri === `${POLICY_URI}None` : mode === 'none',
  );
}

function modeOf(mode: MessageSecurityMode): Offer['mode'] | undefined {
  return (Object.keys(MODES) as Offer['mode'][]).find((name) => MODES[name] === mode);
}

function usersOf({ userIdentityTokens }: EndpointDescription): Offer['users'] {
  const names = {
    [UserTokenType.Anonymous]: 'anonymous',
    [UserTokenType.UserName]: 'username',
    [UserTokenType.Certificate]: 'certificate',
    [UserTokenType.IssuedToken]: 'token',
  } as const;
  const tokens = (userIdentityTokens ?? []).map(({ tokenType }) => names[tokenType as keyof typeof names]);
  return [...new Set(tokens.filter((name) => name !== undefined))];
}

function strength({ mode, policy, endpoint }: Offer): number {
  const rank = (POLICIES as readonly string[]).indexOf(policy) + 1;
  return MODES[mode] * 100_000 + rank * 1000 + (endpoint.securityLevel ?? 0);
}

const list = (names: readonly string[]): string => [...new Set(names)].join(', ') || 'anonymous';
