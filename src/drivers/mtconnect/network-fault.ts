import { codeOf, Fault, messageOf } from '../../errors.ts';

/** What happened and what to do, by the code of Node.js, libuv, OpenSSL or the HTTP parser. */
const KNOWN: readonly (readonly [code: RegExp, what: string, hint: string])[] = [
  [/^ECONNREFUSED$/, 'nothing listens there', 'check that the agent runs and that the port is right'],
  [/^(ENOTFOUND|EAI_\w+)$/, 'the host name is unknown', 'check the name or use the IP address'],
  [
    /^(EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN)$/,
    'there is no way to the host',
    'check cable, address and network mask',
  ],
  [/^ETIMEDOUT$/, 'the connection timed out', 'check that the machine is on and that no firewall is in between'],
  [
    /^(ECONNRESET|EPIPE|ECONNABORTED|UND_ERR_SOCKET)$/,
    'the agent broke the connection',
    'look at the agent’s own log; where it uses TLS, write https://',
  ],
  [/^HPE_/, 'what listens there does not speak HTTP', 'check the port; where the agent uses TLS, write https://'],
  [
    /^(EPROTO|ERR_SSL_\w+|ERR_TLS_\w*VERSION\w*)$/,
    'there is no TLS, or none that this program accepts',
    'check the port; where the agent has no TLS, write http://',
  ],
  [
    /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_UNTRUSTED)$/,
    'its certificate comes from an unknown CA',
    'set `ca` to the CA’s PEM file',
  ],
  [/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/, 'its certificate is not valid now', 'renew it, and check the clocks'],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    'its certificate is for another name',
    'use the name that the certificate carries',
  ],
];

/** Turns what a request threw into a fault that names the URL. Faults pass as they are. */
export function networkFault(error: unknown, url: URL): Fault {
  if (error instanceof Fault) return error;
  const code = codeOf(error) ?? '';
  const [, what, hint] = KNOWN.find(([pattern]) => pattern.test(code)) ?? [];
  if (what === undefined) {
    return new Fault('machine', `${url} cannot be read: ${messageOf(error)}${code && ` (${code})`}`, { cause: error });
  }
  return new Fault('machine', `${url} cannot be read: ${what} (${code})`, { hint: hint as string, cause: error });
}
