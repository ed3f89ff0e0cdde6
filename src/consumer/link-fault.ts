import { codeOf, Fault, messageOf } from '../errors.ts';

/** MQTT 3.1.1, table 3.1 Connect Return code values, as the reason codes of MQTT 5 (2.4) that mean the same. */
const RETURN_CODES: Readonly<Record<number, number>> = { 1: 132, 2: 133, 3: 136, 4: 134, 5: 135 };

/** What a broker says in CONNACK, with what to do about it. */
const REFUSALS: Readonly<Record<number, readonly [text: string, hint: string]>> = {
  132: ['it does not take this version of MQTT', 'look at the broker’s log'],
  133: ['it does not take this client id', 'give another --client-id'],
  134: ['bad user name or password', 'check --username and MQTT_PASSWORD against the broker’s users'],
  135: ['not authorized', 'check --username, MQTT_PASSWORD and the rights of this user'],
  136: ['it is unavailable', 'try again later'],
  137: ['it is busy', 'try again later'],
  138: ['this client is banned', 'ask the broker’s administrator'],
};

const OWN_CERT = 'give --cert and --key of a client certificate that the broker trusts';

/** Codes of Node.js, OpenSSL and the system. TLS alerts are what the broker thinks of our certificate. */
const SOCKET_ERRORS: readonly (readonly [code: RegExp, text: string, hint: string])[] = [
  [/^ECONNREFUSED$/, 'nothing listens there', 'check the address and the port, and that the broker runs'],
  [/^(ENOTFOUND|EAI_)/, 'the host name cannot be resolved', 'check its spelling and the DNS server'],
  [/^(EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)$/, 'it cannot be reached', 'check the address, the route and the firewall'],
  [/^(ECONNRESET|EPIPE|ECONNABORTED)$/, 'it cut the connection', 'check that scheme and port belong together'],
  [
    /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_UNTRUSTED|CERT_SIGNATURE|INVALID_CA)/,
    'its certificate comes from a CA that is not trusted here',
    'give --ca, the PEM file of the CA that issued it',
  ],
  [/^CERT_HAS_EXPIRED$/, 'its certificate has expired', 'check this computer’s clock, and renew it if that is right'],
  [/^ERR_TLS_CERT_ALTNAME_/, 'its certificate is for another name', 'connect by a name in the certificate'],
  [/ALERT_(CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE)/, 'it wants another client certificate', OWN_CERT],
  [/^(ERR_SSL_|EPROTO$)/, 'the port does not speak TLS as expected', 'check the scheme and the port'],
];

/** Why a connection could not be made, or why it ended; `url` without credentials. */
export function linkFault(url: string, error: unknown): Fault {
  const [text, hint] = explained(error);
  return new Fault('uplink', `no connection to ${url}: ${text}`, { hint, cause: error });
}

function explained(error: unknown): readonly [text: string, hint: string] {
  const refusal = refusalOf(error);
  if (refusal !== undefined) {
    const [text, hint] = REFUSALS[refusal] ?? [messageOf(error), 'look at the broker’s log'];
    return [`${text} (reason code ${refusal})`, hint];
  }
  const code = codeOf(error);
  const known = SOCKET_ERRORS.find(([pattern]) => code !== undefined && pattern.test(code));
  if (known !== undefined) return [`${known[1]} (${code})`, known[2]];
  return [messageOf(error), 'check that this is the address of an MQTT broker, and look at its log'];
}

/** Reason code with which the broker refused CONNECT, in the words of MQTT 5. */
export function refusalOf(error: unknown): number | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'number' ? (RETURN_CODES[code] ?? code) : undefined;
}
