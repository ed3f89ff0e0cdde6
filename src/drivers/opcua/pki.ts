import { X509Certificate } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { codeOf, Fault, messageOf } from '../../errors.ts';

const DAY_MS = 86_400_000;
/** Of our own certificate. Servers trust it one by one, so that a new one means work at each of them. */
const VALIDITY_DAYS = 3650;
const KEY_BITS = 2048;
/** Before a certificate ends, it is told of this long ahead. */
export const EXPIRY_WARNING_MS = 60 * DAY_MS;
/** Unknown certificates that are kept to be accepted; a hostile network must not fill the disk. */
const MAX_REJECTED = 50;
const MAX_CHAIN = 10;

const APPLICATION = 'edge-gateway';

/** Who we are to a server: PEM texts. */
export interface OwnCertificate {
  readonly certificate: Buffer;
  readonly key: string;
  readonly applicationUri: string;
  readonly expires: number;
}

/** A certificate of one of the stores. `thumbprint` is its SHA-1 in lower-case hex, as OPC UA tools show it. */
export interface StoredCertificate {
  readonly store: 'trusted' | 'rejected' | 'issuers';
  readonly thumbprint: string;
  readonly subject: string;
  readonly issuer: string;
  /** Milliseconds since the epoch. */
  readonly expires: number;
}

/** Below the folder of the driver: shared by its machines. */
export function pkiFolder(folder: string): string {
  return join(folder, 'pki');
}

export type Verdict =
  | { readonly is: 'trusted' }
  | {
      readonly is: 'unknown' | 'expired' | 'notYetValid' | 'unreadable';
      readonly thumbprint: string;
      readonly text: string;
    };

interface File {
  readonly path: string;
  readonly certificate: X509Certificate;
}

/**
 * The certificates of this computer's OPC UA client, in the folders that OPC UA tools use: `own`, `trusted/certs`,
 * `issuers/certs`, `rejected`. A server is trusted when its certificate, or a CA that signed it, is in `trusted`; CAs in
 * between may lie in `issuers` or come with the server's chain. Files are PEM or DER, read at each use, so that what another
 * process accepts counts at the next connect. Lists of revoked certificates are not looked at.
 */
export class Pki {
  readonly folder: string;
  readonly #now: () => number;
  #own: Promise<OwnCertificate> | undefined;

  /** `folder` need not exist. */
  constructor(folder: string, now: () => number = Date.now) {
    this.folder = folder;
    this.#now = now;
  }

  /**
   * Our own certificate; made at the first use, and again when it has expired. Machines that start at once share one.
   * @throws Fault of the disk
   */
  async own(): Promise<OwnCertificate> {
    this.#own ??= this.#loadOwn();
    try {
      const own = await this.#own;
      if (own.expires > this.#now()) return own;
      this.#own = this.#make();
      return await this.#own;
    } catch (cause) {
      this.#own = undefined;
      if (cause instanceof Fault) throw cause;
      const hint = 'the folder must be writable, and the files in own/ readable; delete own/ to have new ones made';
      throw new Fault('disk', `${this.folder}: our own certificate: ${messageOf(cause)}`, { hint, cause });
    }
  }

  /** Judges the certificate (chain) that a server shows. One that is unknown is put into `rejected`. */
  async judge(chain: Buffer): Promise<Verdict> {
    const certificates = readChain(chain);
    const [leaf, ...sent] = certificates;
    if (leaf === undefined) return { is: 'unreadable', thumbprint: '', text: 'the certificate cannot be read' };
    const about = { thumbprint: thumbprintOf(leaf), text: describe(leaf) };
    if (!(await this.#isTrusted(leaf, sent))) {
      await this.#reject(leaf);
      return { is: 'unknown', ...about };
    }
    if (leaf.validToDate.getTime() < this.#now()) return { is: 'expired', ...about };
    if (leaf.validFromDate.getTime() > this.#now()) return { is: 'notYetValid', ...about };
    return { is: 'trusted' };
  }

  /** What is in the stores; files that are no certificate are left out. */
  async list(): Promise<StoredCertificate[]> {
    const stores = ['trusted', 'rejected', 'issuers'] as const;
    const lists = await Promise.all(
      stores.map(async (store) =>
        (await this.#files(store)).map(({ certificate }) => ({
          store,
          thumbprint: thumbprintOf(certificate),
          subject: oneLine(certificate.subject),
          issuer: oneLine(certificate.issuer),
          expires: certificate.validToDate.getTime(),
        })),
      ),
    );
    return lists.flat();
  }

  /** Trusts a certificate of `rejected`, by the beginning of its thumbprint. @throws Fault of the config */
  async accept(prefix: string): Promise<StoredCertificate> {
    const { path, found } = await this.#find(prefix, ['rejected']);
    await mkdir(this.#path('trusted'), { recursive: true });
    await rename(path, join(this.#path('trusted'), `${found.thumbprint}.pem`));
    return { ...found, store: 'trusted' };
  }

  /** Trusts a certificate that came from elsewhere, e.g. from the server itself when a person asks for it. */
  async trust(certificate: Buffer): Promise<StoredCertificate> {
    const [leaf] = readChain(certificate);
    if (leaf === undefined) throw new Fault('config', 'the certificate cannot be read', { hint: 'give PEM or DER' });
    await this.#reject(leaf);
    return this.accept(thumbprintOf(leaf));
  }

  /** Deletes a certificate from its store, by the beginning of its thumbprint. @throws Fault of the config */
  async remove(prefix: string): Promise<StoredCertificate> {
    const { path, found } = await this.#find(prefix, ['trusted', 'rejected', 'issuers']);
    await rm(path, { force: true });
    return found;
  }

  async #find(prefix: string, stores: readonly StoredCertificate['store'][]) {
    const wanted = prefix.toLowerCase().replaceAll(/[:\s]/g, '');
    const all = (await this.list()).filter(({ store }) => stores.includes(store));
    const fitting = all.filter(({ thumbprint }) => wanted !== '' && thumbprint.startsWith(wanted));
    const [found, other] = fitting;
    if (found === undefined) {
      const hint = all.length === 0 ? `there is none in ${stores.join(', ')}` : 'see edge-gateway trust list';
      throw new Fault('config', `no certificate in ${this.folder} has a thumbprint that begins with ${prefix}`, {
        hint,
      });
    }
    if (other !== undefined) {
      throw new Fault('config', `${fitting.length} certificates begin with ${prefix}`, {
        hint: 'give more of the thumbprint',
      });
    }
    const file = (await this.#files(found.store)).find(
      ({ certificate }) => thumbprintOf(certificate) === found.thumbprint,
    );
    if (file === undefined) throw new Fault('config', `${found.thumbprint} was removed meanwhile`);
    return { path: file.path, found };
  }

  async #isTrusted(leaf: X509Certificate, sent: readonly X509Certificate[]): Promise<boolean> {
    const trusted = (await this.#files('trusted')).map(({ certificate }) => certificate);
    const prints = new Set(trusted.map(thumbprintOf));
    const issuers = [...trusted, ...(await this.#files('issuers')).map(({ certificate }) => certificate), ...sent];
    let current = leaf;
    for (let step = 0; step < MAX_CHAIN; step++) {
      if (prints.has(thumbprintOf(current))) return true;
      const issuer = issuers.find(
        (one) =>
          one.ca &&
          one.fingerprint !== current.fingerprint &&
          current.checkIssued(one) &&
          current.verify(one.publicKey),
      );
      if (issuer === undefined || issuer.validToDate.getTime() < this.#now()) return false;
      current = issuer;
    }
    return false;
  }

  async #reject(certificate: X509Certificate): Promise<void> {
    const folder = this.#path('rejected');
    await mkdir(folder, { recursive: true });
    const names = await readdir(folder);
    const name = `${thumbprintOf(certificate)}.pem`;
    if (names.includes(name) || names.length >= MAX_REJECTED) return;
    await write(join(folder, name), certificate.toString(), 0o644);
  }

  #path(store: StoredCertificate['store']): string {
    return store === 'rejected' ? join(this.folder, 'rejected') : join(this.folder, store, 'certs');
  }

  async #files(store: StoredCertificate['store']): Promise<File[]> {
    const folder = this.#path(store);
    const names = await readdir(folder).catch((error) => {
      if (codeOf(error) === 'ENOENT') return [];
      throw new Fault('disk', `${folder}: ${messageOf(error)}`, { hint: 'the folder must be readable', cause: error });
    });
    const files = names.toSorted().map(async (name) => {
      const path = join(folder, name);
      const certificate = await readFile(path).then(readOne, () => undefined);
      return certificate === undefined ? [] : [{ path, certificate }];
    });
    return (await Promise.all(files)).flat();
  }

  async #loadOwn(): Promise<OwnCertificate> {
    const texts = await Promise.all([readFile(this.#ownCertificate, 'utf8'), readFile(this.#ownKey, 'utf8')]).catch(
      (error) => {
        if (codeOf(error) === 'ENOENT') return undefined;
        throw error;
      },
    );
    return texts === undefined ? this.#make() : own(...texts);
  }

  /** The key stays where there is one: a server that trusts by key goes on trusting. */
  async #make(): Promise<OwnCertificate> {
    // Heavy, and only needed once in ten years.
    const { crypto_utils } = await import('node-opcua-client');
    const old = await readFile(this.#ownKey, 'utf8').catch((error) => {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    });
    const privateKey = await (old === undefined
      ? crypto_utils.generatePrivateKey(KEY_BITS)
      : crypto_utils.pemToPrivateKey(old));
    const key = old ?? (await crypto_utils.privateKeyToPEM(privateKey)).privPem;
    const host = hostname();
    const { cert } = await crypto_utils.createSelfSignedCertificate({
      privateKey,
      notBefore: new Date(this.#now() - DAY_MS),
      notAfter: new Date(this.#now() + VALIDITY_DAYS * DAY_MS),
      subject: `CN=${APPLICATION}@${host}`,
      dns: [host],
      applicationUri: `urn:${host}:${APPLICATION}`,
      purpose: crypto_utils.CertificatePurpose.ForApplication,
    });
    await mkdir(join(this.folder, 'own/private'), { recursive: true, mode: 0o700 });
    await mkdir(join(this.folder, 'own/certs'), { recursive: true });
    await write(this.#ownKey, key, 0o600);
    await write(this.#ownCertificate, cert, 0o644);
    return own(cert, key);
  }

  get #ownCertificate(): string {
    return join(this.folder, 'own/certs/edge-gateway.pem');
  }

  get #ownKey(): string {
    return join(this.folder, 'own/private/private_key.pem');
  }
}

function own(certificateText: string, key: string): OwnCertificate {
  const certificate = new X509Certificate(certificateText);
  const [, applicationUri] = /URI:([^,\s]+)/.exec(certificate.subjectAltName ?? '') ?? [];
  if (applicationUri === undefined) throw new Error('it names no application URI');
  return { certificate: certificate.raw, key, applicationUri, expires: certificate.validToDate.getTime() };
}

/** Whole or not at all, whatever happens meanwhile. */
async function write(path: string, text: string, mode: number): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, text, { mode, flush: true });
  await rename(temporary, path);
}

/** DER certificates one behind the other (OPC UA Part 6, 6.2.6), or PEM; stops at what cannot be read. */
function readChain(chain: Buffer): X509Certificate[] {
  const certificates: X509Certificate[] = [];
  let rest = chain;
  while (rest.length > 0 && certificates.length < MAX_CHAIN) {
    const certificate = readOne(rest);
    if (certificate === undefined) break;
    certificates.push(certificate);
    rest = rest.subarray(certificate.raw.length);
  }
  return certificates;
}

function readOne(bytes: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes);
  } catch {
    // Whatever else lies in the folder is no certificate.
    return undefined;
  }
}

function thumbprintOf({ fingerprint }: X509Certificate): string {
  return fingerprint.replaceAll(':', '').toLowerCase();
}

function describe({ subject, validFromDate, validToDate }: X509Certificate): string {
  const day = (date: Date) => date.toISOString().slice(0, 10);
  return `${oneLine(subject)}, valid from ${day(validFromDate)} to ${day(validToDate)}`;
}

const oneLine = (name: string): string => name.replaceAll('\n', ', ');
