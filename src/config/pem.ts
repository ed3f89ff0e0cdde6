import { createPrivateKey, X509Certificate } from 'node:crypto';

/** A certificate that ends sooner is worth a warning. */
const EXPIRY_WARNING_DAYS = 30;
const DAY_MS = 86_400_000;
const NOT_PEM = 'this file is not a certificate in PEM form (-----BEGIN CERTIFICATE-----)';

/**
 * Warnings about the certificates of a PEM file at the time `now` (milliseconds).
 * @throws Error in plain words where it holds none
 */
export function judgeCertificates(content: Buffer, now: number): string[] {
  const blocks = content.toString('latin1').match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g);
  if (blocks === null) throw new Error(NOT_PEM);
  return blocks.flatMap((block) => {
    const end = Date.parse(parse(block).validTo);
    const days = Math.floor((end - now) / DAY_MS);
    const date = new Date(end).toISOString().slice(0, 10);
    if (days < 0) return [`this certificate expired on ${date}: the other side will refuse it`];
    return days < EXPIRY_WARNING_DAYS ? [`this certificate expires on ${date}: renew it`] : [];
  });
}

/** @throws Error in plain words for what is not a private key that can be used without a passphrase */
export function checkKey(content: Buffer): void {
  if (content.includes('ENCRYPTED')) throw new Error('this private key has a passphrase: expected one without');
  try {
    createPrivateKey(content);
  } catch (error) {
    throw new Error('this file is not a private key in PEM form (-----BEGIN PRIVATE KEY-----)', { cause: error });
  }
}

/** Whether the first certificate of a file belongs to the key; both have been found to be what they should be. */
export function isPair(certificate: Buffer, key: Buffer): boolean {
  return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
}

function parse(block: string): X509Certificate {
  try {
    return new X509Certificate(block);
  } catch (error) {
    throw new Error(NOT_PEM, { cause: error });
  }
}
