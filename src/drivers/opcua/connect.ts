import { readFile } from 'node:fs/promises';
import {
  type ClientSession,
  crypto_utils,
  type EndpointDescription,
  MessageSecurityMode,
  OPCUAClient,
  type UserIdentityInfo,
  UserTokenType,
} from 'node-opcua-client';
import { untilAborted } from '../../abort.ts';
import { Fault, messageOf } from '../../errors.ts';
import { connectionFault } from './connection-fault.ts';
import { choose, isPasswordReadable, isUsable, type Offer, offers, offerText } from './endpoints.ts';
import { disconnect, Link } from './link.ts';
import type { OwnCertificate, Pki } from './pki.ts';
import { statusOf } from './service-error.ts';
import type { OpcuaSettings } from './settings.ts';

/** A channel's keys are renewed this often. */
const TOKEN_LIFETIME_MS = 3_600_000;
/** node-opcua closes a socket that was idle for this long; what is not pulled must not cost the connection. */
const IDLE_MS = 86_400_000;
/** Largest message and its chunks: 5,000 values with long texts fit many times. */
const TRANSPORT = { maxMessageSize: 64 * 1024 * 1024, maxChunkCount: 4096 };

export type ConnectSettings = Pick<OpcuaSettings, 'url' | 'security' | 'auth' | 'sessionTimeout' | 'requestTimeout'>;

export interface ConnectOptions {
  readonly settings: ConnectSettings;
  readonly pki: Pki;
  /** Name of the session, for the server's own diagnostics. */
  readonly name: string;
  /** A session of an earlier connection that may still be there. */
  readonly session?: ClientSession | undefined;
}

export interface Connected {
  readonly link: Link;
  /** Whether it is the session that was handed in. */
  readonly isResumed: boolean;
  readonly offer: Offer;
  /** End of our own certificate, and of the server's where security is used; milliseconds since the epoch. */
  readonly expires: { readonly own: number; readonly server: number | undefined };
  /** What a person should know of the security, by code. */
  readonly remarks: readonly { readonly code: string; readonly message: string }[];
}

/**
 * Opens a secure channel and activates a session: the one handed in where the server still has it, else one new one.
 * The host of the configured URL is used whatever the server calls itself, since its own name often does not resolve here.
 * @throws Fault that says in one sentence what is wrong and what to do; the abort reason
 */
export async function connect(options: ConnectOptions, signal: AbortSignal): Promise<Connected> {
  const { settings, pki } = options;
  const own = await pki.own();
  const identity = await identityOf(settings);
  const plain = await dial(options, own, { signal });
  let client = plain;
  try {
    const endpoints = await untilAborted(plain.getEndpoints(), signal);
    const offer = choose(endpoints, settings);
    let server: number | undefined;
    if (offer.mode !== 'none') {
      await disconnect(plain);
      server = await requireTrust(offer.endpoint.serverCertificate, options);
      client = await dial(options, own, { signal, offer });
    }
    const { session, isResumed } = await untilAborted(activate(client, identity, options.session), signal);
    return {
      link: new Link(client, session, settings.requestTimeout, signal),
      isResumed,
      offer,
      expires: { own: own.expires, server },
      remarks: remarksOn(offer, offers(endpoints), settings),
    };
  } catch (error) {
    await disconnect(client);
    signal.throwIfAborted();
    throw connectionFault(error, settings.url);
  }
}

/** What a server offers, asked without a session. @throws Fault; the abort reason */
export async function askOffers(options: ConnectOptions, signal: AbortSignal): Promise<Offer[]> {
  const client = await dial(options, await options.pki.own(), { signal });
  try {
    return offers(await untilAborted<EndpointDescription[]>(client.getEndpoints(), signal));
  } catch (error) {
    signal.throwIfAborted();
    throw connectionFault(error, options.settings.url);
  } finally {
    await disconnect(client);
  }
}

/** Opens a channel, secured as offered; without an offer a plain one, which every server has to answer GetEndpoints on. */
async function dial(
  { settings, name }: ConnectOptions,
  own: OwnCertificate,
  { signal, offer }: { signal: AbortSignal; offer?: Offer },
): Promise<OPCUAClient> {
  const key = crypto_utils.makePrivateKeyFromPem(own.key);
  const client = OPCUAClient.create({
    applicationName: 'edge-gateway',
    applicationUri: own.applicationUri,
    clientName: name,
    certificateKeyPairProvider: {
      getCertificate: () => own.certificate,
      getCertificateChain: () => [own.certificate],
      getPrivateKey: () => key,
    },
    securityMode: offer?.endpoint.securityMode ?? MessageSecurityMode.None,
    ...(offer?.endpoint.securityPolicyUri ? { securityPolicy: offer.endpoint.securityPolicyUri } : {}),
    // Already judged: node-opcua would look at its own list.
    ...(offer === undefined ? {} : { serverCertificate: offer.endpoint.serverCertificate }),
    endpointMustExist: false,
    // The driver reconnects, nobody else.
    connectionStrategy: { maxRetry: 0, initialDelay: 100, maxDelay: 100 },
    keepSessionAlive: false,
    keepPendingSessionsOnDisconnect: true,
    requestedSessionTimeout: settings.sessionTimeout,
    defaultTransactionTimeout: settings.requestTimeout,
    transportTimeout: IDLE_MS,
    transportSettings: TRANSPORT,
    defaultSecureTokenLifetime: TOKEN_LIFETIME_MS,
  });
  const late = AbortSignal.timeout(settings.requestTimeout);
  try {
    await untilAborted(client.connect(settings.url), AbortSignal.any([signal, late]));
    return client;
  } catch (error) {
    await disconnect(client);
    signal.throwIfAborted();
    throw connectionFault(late.aborted ? new Error('the connection timed out') : error, settings.url);
  }
}

async function activate(client: OPCUAClient, identity: UserIdentityInfo, old: ClientSession | undefined) {
  if (old !== undefined) {
    try {
      await client.reactivateSession(old);
      return { session: old, isResumed: true };
    } catch (error) {
      // No status: no answer, and so no reason to believe that the session is gone.
      if (statusOf(error) === undefined) throw error;
    }
  }
  return { session: await client.createSession(identity), isResumed: false };
}

/** @throws Fault that names the command to trust it; gives the end of the certificate */
async function requireTrust(chain: Buffer | null, { settings: { url }, pki }: ConnectOptions): Promise<number> {
  const verdict = await pki.judge(chain ?? Buffer.alloc(0));
  if (verdict.is === 'trusted')
    return crypto_utils.exploreCertificate(chain as Buffer).tbsCertificate.validity.notAfter.getTime();
  const { is, thumbprint, text } = verdict;
  const [what, hint] = {
    unknown: [
      'its certificate is not trusted yet',
      `compare the thumbprint with what the server shows, then edge-gateway trust accept ${thumbprint.slice(0, 12)} --config FILE`,
    ],
    expired: ['its certificate has expired', 'renew it at the server, and check the clocks of both sides'],
    notYetValid: ['its certificate is not valid yet', 'check the clocks of both sides'],
    unreadable: ['its certificate cannot be read', 'make a new one at the server'],
  }[is] as [string, string];
  throw new Fault('machine', `${url} cannot be read: ${what} (${thumbprint}, ${text})`, { hint });
}

/** @throws Fault of the config */
async function identityOf({ auth }: ConnectSettings): Promise<UserIdentityInfo> {
  if (auth === undefined) return { type: UserTokenType.Anonymous };
  if ('username' in auth) {
    return { type: UserTokenType.UserName, userName: auth.username, password: auth.password.reveal() };
  }
  try {
    const [certificate, key] = await Promise.all([readFile(auth.certificate, 'utf8'), readFile(auth.key, 'utf8')]);
    return {
      type: UserTokenType.Certificate,
      certificateData: crypto_utils.convertPEMtoDER(certificate) as Buffer,
      keyOperations: crypto_utils.keyOperationsFromPrivateKey(crypto_utils.makePrivateKeyFromPem(key)),
    };
  } catch (cause) {
    const hint = 'give readable PEM files of the user’s certificate and its key';
    throw new Fault('config', `auth: ${messageOf(cause)}`, { hint, cause });
  }
}

function remarksOn(offer: Offer, all: readonly Offer[], { auth, url }: ConnectSettings): Connected['remarks'] {
  const remarks: { code: string; message: string }[] = [];
  const best = all.filter(isUsable).at(-1);
  if (offer.mode === 'none' && best !== undefined && best.mode !== 'none') {
    const message = `${url} is read without security, and the server offers ${offerText(best)}: anyone on the network can read and forge the values`;
    remarks.push({ code: 'security-none', message });
  }
  if (auth !== undefined && 'username' in auth && isPasswordReadable(offer)) {
    const message = `the password for ${url} is sent readable for everyone on the network: set security.mode to signAndEncrypt`;
    remarks.push({ code: 'password-readable', message });
  }
  return remarks;
}
