import { Fault, messageOf } from '../../errors.ts';
import { statusOf } from './service-error.ts';

const TRUST_US =
  'trust the certificate edge-gateway at the server: most show it in a list of rejected certificates, or take the file own/certs/edge-gateway.pem';

/** What happened and what to do, by the text or the status that node-opcua gives. The first that fits counts. */
const KNOWN: readonly (readonly [pattern: RegExp, what: string, hint: string])[] = [
  [/ECONNREFUSED/, 'nothing listens there', 'check that the server runs and that the port is right (usually 4840)'],
  [/ENOTFOUND|EAI_\w+/, 'the host name is unknown', 'check the name or use the IP address'],
  [
    /EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN/,
    'there is no way to the host',
    'check cable, address and network mask',
  ],
  [
    /waiting for data on socket|BadTcpMessageTypeInvalid|BadCommunicationError|invalid message|Invalid message|unexpected message|expecting.*ACK|HTTP|SIGNATURE/i,
    'what listens there does not speak OPC UA',
    'check the port (usually 4840)',
  ],
  [
    /BadIdentityTokenRejected|BadUserAccessDenied|BadIdentityTokenInvalid|BadUserSignatureInvalid/,
    'the server refuses the user',
    'check auth: user name and password, or the user’s certificate, and that the user may log in at the server',
  ],
  [
    /BadTooManySessions/,
    'the server has no session left',
    'close other clients, raise its limit of sessions, or wait until old sessions have timed out',
  ],
  [
    /BadTcpServerTooBusy|BadTcpNotEnoughResources|BadTooManyOperations|BadResourceUnavailable|BadOutOfMemory/,
    'the server has no connection left',
    'close other clients, or raise its limit of connections',
  ],
  [
    /BadCertificateTimeInvalid|BadCertificateIssuerTimeInvalid|BadInvalidTimestamp/,
    'the server finds our certificate or our time not valid now',
    'check the clocks of both sides',
  ],
  [/BadCertificate\w*|BadSecurityChecksFailed|BadNoMatch/, 'the server does not trust our certificate', TRUST_US],
  [
    /BadSecurityPolicyRejected|BadSecurityModeRejected|BadSecurityModeInsufficient/,
    'the server refuses this security',
    'set security to a mode and policy that it offers: edge-gateway probe shows them',
  ],
  [/BadTcpEndpointUrlInvalid/, 'the server does not know this URL', 'use the URL that the server itself shows'],
  [/BadServerHalted|BadShutdown/, 'the server is shutting down', 'wait until it runs again'],
  [/BadSession\w+/, 'the server has closed the session', 'a new one is opened'],
  [/BadNoSubscription|BadSubscriptionIdInvalid/, 'the server has ended the subscription', 'a new one is made'],
  [
    /timed? ?out|ETIMEDOUT|BadTimeout|BadRequestTimeout/i,
    'it does not answer in time',
    'check that the server runs, the port (usually 4840), and that no firewall is in between',
  ],
  [
    /ECONNRESET|EPIPE|ECONNABORTED|disconnected by third party|socket has been|Channel Closed|connection.*abort|BadConnectionClosed|No SecureChannel|Socket is closed|not connected|rejected by server|BadSecureChannel\w*/i,
    'the server broke the connection',
    `look at the server’s own log; where security is used, ${TRUST_US}`,
  ],
];

/** Turns what a connect or a request threw into a fault that names the URL. Faults pass as they are. */
export function connectionFault(error: unknown, url: string): Fault {
  if (error instanceof Fault) return error;
  const status = statusOf(error);
  const told = `${status ?? ''} ${messageOf(error)}`;
  const known = KNOWN.find(([pattern]) => pattern.test(status ?? '')) ?? KNOWN.find(([pattern]) => pattern.test(told));
  if (known === undefined) {
    const text = messageOf(error).replaceAll(/\s+/g, ' ').slice(0, 300);
    return new Fault('machine', `${url} cannot be read: ${text}`, { cause: error });
  }
  const [, what, hint] = known;
  const code = status ?? /\bE(CONN|HOST|NET|TIMEDOUT|NOTFOUND|AI_|PIPE)\w*/.exec(told)?.[0];
  return new Fault('machine', `${url} cannot be read: ${what}${code === undefined ? '' : ` (${code})`}`, {
    hint,
    cause: error,
  });
}
