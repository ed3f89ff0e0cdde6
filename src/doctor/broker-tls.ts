import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { type LinkOptions, placeOf, type TlsMaterial, tlsOptions } from '../forwarder/mqtt.ts';
import { socketError } from '../forwarder/reasons.ts';
import type { Finding } from './check.ts';
import { date, time } from './words.ts';

/** A certificate that ends sooner is worth a word. */
const EXPIRY_WARN_MS = 30 * 86_400_000;
/** Certificates of a chain that are looked at. */
const MAX_CHAIN = 10;

/**
 * Shakes hands as the gateway does: with its CA, its certificate and the name that it expects.
 * @throws LinkError that says what the two sides do not like; the abort reason
 */
export async function shakeHands(
  options: Pick<LinkOptions, 'url' | 'tls' | 'serverName'>,
  now: number,
  signal: AbortSignal,
): Promise<Finding> {
  const socket = connect({ ...placeOf(options.url), ...tlsOptions(options) });
  try {
    await once(socket, 'secureConnect', { signal });
    const chain = chainOf(socket.getPeerX509Certificate());
    const ends = Math.min(...chain.map(({ validToDate }) => validToDate.getTime()));
    const [own] = chain;
    const issued = own === undefined ? '' : `, certificate of ${commonName(own.subject)} by ${commonName(own.issuer)}`;
    const text = `${socket.getProtocol()}${issued}, valid until ${date(ends)}`;
    return expiry('encryption', text, ends, now, 'let the broker’s certificate be renewed');
  } catch (error) {
    signal.throwIfAborted();
    throw socketError(error, false);
  } finally {
    socket.on('error', () => undefined).destroy();
  }
}

/** What the gateway shows to the broker; empty where the config names no certificate. */
export function ownCertificate({ cert }: TlsMaterial, isAccepted: boolean, now: number): Finding[] {
  if (cert === undefined) return [];
  const own = new X509Certificate(cert);
  const ends = own.validToDate.getTime();
  const text = `${commonName(own.subject)}, valid until ${date(ends)}${isAccepted ? ': accepted' : ''}`;
  return [expiry('client certificate', text, ends, now, 'renew the files of uplink.tls.cert and key')];
}

/** The CA that the config names. */
export function ownAuthority({ ca }: TlsMaterial, now: number): Finding[] {
  if (ca === undefined) return [];
  const blocks = ca.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  const ends = Math.min(...blocks.map((block) => new X509Certificate(block).validToDate.getTime()));
  const finding = expiry('CA', `valid until ${date(ends)}`, ends, now, 'renew the file of uplink.tls.ca');
  return finding.level === 'good' ? [] : [finding];
}

function expiry(name: string, text: string, ends: number, now: number, hint: string): Finding {
  const left = ends - now;
  if (left > EXPIRY_WARN_MS) return { name, level: 'good', text };
  if (left > 0) return { name, level: 'warn', text: `${text}: only ${time(left)} left`, hint };
  return { name, level: 'bad', text: `${text}: that is over`, hint };
}

/** Up to the root, as far as it is known. */
function chainOf(first: X509Certificate | undefined): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let one = first; one !== undefined && chain.length < MAX_CHAIN; one = one.issuerCertificate) {
    if (chain.some(({ fingerprint256 }) => fingerprint256 === one?.fingerprint256)) break;
    chain.push(one);
  }
  return chain;
}

/** `CN` of a distinguished name, or all of it. */
function commonName(distinguished: string): string {
  return /^CN=(.*)$/m.exec(distinguished)?.[1] ?? distinguished.replaceAll('\n', ', ');
}
