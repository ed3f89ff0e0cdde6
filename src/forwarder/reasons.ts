import { codeOf, Fault, messageOf } from '../errors.ts';

/** MQTT version as it stands in the config and in messages. */
export type Protocol = '5' | '3.1.1';

/**
 * - `refused`: the broker answered CONNECT with a refusal
 * - `disconnect`: it sent DISCONNECT (MQTT 5)
 * - `closed`: it closed or reset the connection without a word
 * - `silent`: it did not answer in time (connect, keepalive, acknowledgement)
 * - `network`: it could not be reached, or the network broke
 * - `tls`: one of the two sides does not trust the other
 * - `ours`: this side ended it
 */
export type LinkCause = 'refused' | 'disconnect' | 'closed' | 'silent' | 'network' | 'tls' | 'ours';

interface LinkErrorOptions {
  readonly cause: LinkCause;
  /** Reason code of MQTT 5, return code of 3.1.1, or the code of a socket or TLS error. */
  readonly code?: number | string | undefined;
  readonly hint?: string | undefined;
  /** False for what only a person can mend. */
  readonly heals?: boolean;
  readonly error?: unknown;
}

/** Why a link could not be opened, or why it ended. */
export class LinkError extends Fault {
  readonly why: LinkCause;
  readonly code: number | string | undefined;
  /** False: trying again soon is useless, a person has to act. */
  readonly heals: boolean;

  constructor(message: string, { cause, code, hint, heals = true, error }: LinkErrorOptions) {
    super('uplink', message, {
      ...(hint === undefined ? {} : { hint }),
      ...(error === undefined ? {} : { cause: error }),
    });
    this.name = 'LinkError';
    this.why = cause;
    this.code = code;
    this.heals = heals;
  }
}

interface Reason {
  readonly text: string;
  readonly hint?: string;
  readonly heals?: false;
}

const ACCESS = 'allow this client to publish on the gateway’s topics (plc/{tenant}/{gateway}/#) in the broker’s ACL';

/** MQTT 5.0, 2.4 Reason Code: what is 0x80 and above means failure, and the same in every packet that carries it. */
const REASONS: Readonly<Record<number, Reason>> = {
  128: { text: 'Unspecified error', hint: 'look at the broker’s log' },
  129: { text: 'Malformed Packet', hint: 'look at the broker’s log' },
  130: { text: 'Protocol Error', hint: 'look at the broker’s log' },
  131: { text: 'Implementation specific error', hint: 'look at the broker’s log' },
  132: { text: 'Unsupported Protocol Version', hint: 'set uplink.version to auto', heals: false },
  133: { text: 'Client Identifier not valid', hint: 'set uplink.clientId to one that the broker takes', heals: false },
  134: { text: 'Bad User Name or Password', hint: 'check uplink.auth against the broker’s users', heals: false },
  135: { text: 'Not authorized', hint: `check uplink.auth, and ${ACCESS}`, heals: false },
  136: { text: 'Server unavailable' },
  137: { text: 'Server busy' },
  138: { text: 'Banned', hint: 'ask the broker’s administrator', heals: false },
  139: { text: 'Server shutting down' },
  140: { text: 'Bad authentication method', hint: 'check uplink.auth', heals: false },
  141: { text: 'Keep Alive timeout', hint: 'check the network for lost packets, or raise uplink.keepalive' },
  142: {
    text: 'Session taken over',
    hint: 'another client connects with the same id: give every gateway its own gateway.id or uplink.clientId',
    heals: false,
  },
  143: { text: 'Topic Filter invalid' },
  144: { text: 'Topic Name invalid', hint: ACCESS },
  145: { text: 'Packet identifier in use' },
  146: { text: 'Packet Identifier not found' },
  147: { text: 'Receive Maximum exceeded', hint: 'lower uplink.window' },
  148: { text: 'Topic Alias invalid' },
  149: { text: 'Packet too large', hint: 'raise the broker’s limit on packets' },
  150: { text: 'Message rate too high', hint: 'raise the broker’s rate limit, or lower uplink.window' },
  151: { text: 'Quota exceeded', hint: 'raise the broker’s quota' },
  152: { text: 'Administrative action', hint: 'ask the broker’s administrator' },
  153: { text: 'Payload format invalid', hint: 'look at the broker’s log' },
  154: { text: 'Retain not supported', hint: 'let the broker take retained messages: status needs them', heals: false },
  155: { text: 'QoS not supported', hint: 'the broker must take QoS 1, or delivery cannot be proven', heals: false },
  156: { text: 'Use another server', hint: 'set uplink.url to the other server', heals: false },
  157: { text: 'Server moved', hint: 'set uplink.url to the new server', heals: false },
  159: { text: 'Connection rate exceeded' },
  160: { text: 'Maximum connect time' },
};

/** MQTT 3.1.1, table 3.1 Connect Return code values, as the reason codes of MQTT 5 that mean the same. */
const RETURN_CODES: Readonly<Record<number, number>> = { 1: 132, 2: 133, 3: 136, 4: 134, 5: 135 };

/** Codes with which a broker may end the link because of the packet that it has just received. */
const BLAMES_A_PACKET: ReadonlySet<number> = new Set([128, 129, 130, 131, 135, 144, 147, 149, 150, 151, 153, 154, 155]);

const CLOCK = 'check the gateway’s clock, and renew the certificate if that is right';
const TRUST = 'set uplink.tls.ca to the PEM file of the CA that issued the broker’s certificate';
const OWN_CERT = 'set uplink.tls.cert and key to a client certificate that the broker trusts';
const REACH = 'check the cable, the route and the firewall';

/** The other side has closed. */
const CUT = /^(ECONNRESET|EPIPE|ECONNABORTED)$/;

/** Codes of Node.js, OpenSSL and the system. TLS alerts are what the broker thinks of our certificate. */
const SOCKET_ERRORS: readonly (readonly [RegExp, LinkCause, Reason])[] = [
  [/^ECONNREFUSED$/, 'network', { text: 'nothing listens there', hint: 'check uplink.url and that the broker runs' }],
  [/^ENOTFOUND$/, 'network', { text: 'the host name is not known', hint: 'check uplink.url and the DNS server' }],
  [/^EAI_/, 'network', { text: 'the host name cannot be resolved', hint: 'check the network and the DNS server' }],
  [/^(EHOSTUNREACH|ENETUNREACH|ENETDOWN)$/, 'network', { text: 'the network does not reach it', hint: REACH }],
  [/^ETIMEDOUT$/, 'network', { text: 'nothing answers', hint: REACH }],
  [CUT, 'closed', { text: 'the broker cut the connection' }],
  [
    /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_UNTRUSTED|CERT_SIGNATURE|INVALID_CA)/,
    'tls',
    { text: 'the broker’s certificate comes from a CA that is not trusted here', hint: TRUST, heals: false },
  ],
  [/^CERT_HAS_EXPIRED$/, 'tls', { text: 'the broker’s certificate has expired', hint: CLOCK, heals: false }],
  [/^CERT_NOT_YET_VALID$/, 'tls', { text: 'the broker’s certificate is not valid yet', hint: CLOCK, heals: false }],
  [/^CERT_REVOKED$/, 'tls', { text: 'the broker’s certificate is revoked', heals: false }],
  [
    /^ERR_TLS_CERT_ALTNAME_/,
    'tls',
    {
      text: 'the broker’s certificate is for another name',
      hint: 'connect by a name in the certificate, or set uplink.tls.serverName to one',
      heals: false,
    },
  ],
  [
    /ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|DECRYPT_ERROR|HANDSHAKE_FAILURE)/,
    'tls',
    { text: 'the broker refuses this client’s certificate', hint: OWN_CERT, heals: false },
  ],
  [
    /(PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL)/,
    'tls',
    { text: 'the broker offers no TLS 1.2 or newer', hint: 'turn on TLS 1.2 in the broker', heals: false },
  ],
  [
    /^(ERR_SSL_|EPROTO$)/,
    'tls',
    { text: 'the port does not speak TLS as expected', hint: 'check the scheme and port of uplink.url', heals: false },
  ],
];

/** What a code means, e.g. `Not authorized (reason code 135)`; `text` is what the broker says beside it. */
export function reasonText(code: number, text?: string, label = `reason code ${code}`): string {
  const known = REASONS[code]?.text ?? 'unknown reason';
  return `${known} (${label}${text === undefined ? '' : `: ${text}`})`;
}

/** What to do about a refused publish. */
export function publishHint(code: number): string {
  return code === 135 ? ACCESS : (REASONS[code]?.hint ?? 'look at the broker’s log');
}

/** A CONNACK that refuses. */
export function connackError(protocol: Protocol, code: number, text?: string): LinkError {
  const meaning = RETURN_CODES[code] ?? code;
  const reason = REASONS[meaning];
  const words = reasonText(meaning, text, `MQTT ${protocol} code ${code}`);
  return new LinkError(`the broker refuses the connection: ${words}`, {
    cause: 'refused',
    code: meaning,
    hint: reason?.hint,
    heals: reason?.heals ?? true,
  });
}

/** A DISCONNECT from the broker (MQTT 5, 3.14). */
export function disconnectError(code: number, text?: string): LinkError {
  const reason = REASONS[code];
  // Not authorized in a DISCONNECT may mean one topic; it is the CONNACK that tells whether the client is let in.
  const heals = code === 135 || (reason?.heals ?? true);
  return new LinkError(`the broker ended the link: ${reasonText(code, text)}`, {
    cause: 'disconnect',
    code,
    hint: reason?.hint,
    heals,
  });
}

/** An error of the socket, of TLS or of the WebSocket handshake, before or after the broker has accepted. */
export function socketError(error: unknown, connected: boolean): LinkError {
  const code = codeOf(error);
  if (!connected && code !== undefined && CUT.test(code)) return closedError(false, code);
  for (const [pattern, cause, { text, hint, heals }] of SOCKET_ERRORS) {
    if (code === undefined || !pattern.test(code)) continue;
    return new LinkError(`${text} (${code})`, { cause, code, hint, heals: heals ?? true, error });
  }
  return new LinkError(code === undefined ? messageOf(error) : `${messageOf(error)} (${code})`, {
    cause: 'network',
    code,
    hint: 'check that uplink.url is the address of an MQTT broker, and look at its log',
    error,
  });
}

/** The broker closed the connection, before or after it had accepted. */
export function closedError(connected: boolean, code = 'CLOSED'): LinkError {
  if (connected) return new LinkError('the broker closed the connection', { cause: 'closed', code });
  return new LinkError('the broker closed the connection before it answered', {
    cause: 'closed',
    code,
    hint: 'check that scheme and port of uplink.url belong together, and whether it wants a client certificate',
  });
}

/** Whether a broker may have ended the link because of what was published last. */
export function mayBlamePacket(error: LinkError): boolean {
  if (error.why === 'closed') return true;
  return error.why === 'disconnect' && typeof error.code === 'number' && BLAMES_A_PACKET.has(error.code);
}

/**
 * Whether a broker that was asked for MQTT 5 may know only 3.1.1: `yes` when it says so (code 132, or return code 1 of
 * an old one), `perhaps` when it just closed (RabbitMQ before 3.13 does).
 */
export function refusesVersion5(error: unknown): 'yes' | 'perhaps' | 'no' {
  if (!(error instanceof LinkError)) return 'no';
  if (error.why === 'refused' && error.code === 132) return 'yes';
  return error.why === 'closed' ? 'perhaps' : 'no';
}
