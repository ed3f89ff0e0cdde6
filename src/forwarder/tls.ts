import { createHash, X509Certificate } from 'node:crypto';
import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../clock.ts';
import type { UplinkConfig } from '../config/schema.ts';
import { Fault, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { TlsMaterial } from './mqtt.ts';

/** A certificate is warned about so long before it ends. */
const EXPIRY_WARN_MS = 30 * 86_400_000;
/** Files that are renewed together are looked at once they have been quiet for this long. */
const QUIET_MS = 500;
/** Expiry is looked at so often, and so are the files, since some file systems tell of no change. */
const CHECK_MS = 3_600_000;

export type TlsConfig = UplinkConfig['tls'];

/** The PEM files of the uplink: read for each connection, watched for renewal. */
export class TlsFiles {
  readonly #config: NonNullable<TlsConfig>;
  readonly #log: Log;
  readonly #clock: Clock;
  /** What the last `read` gave. */
  #used = '';

  constructor(config: TlsConfig, log: Log, clock: Clock) {
    this.#config = config ?? {};
    this.#log = log;
    this.#clock = clock;
  }

  /**
   * The files as they are now.
   * @throws Fault of the config when one cannot be read or they do not belong together
   */
  read(): TlsMaterial {
    const material = this.#load();
    this.#used = fingerprint(material);
    return material;
  }

  /** Calls `renewed` when the files have changed into something usable, until `signal` aborts. Warns of expiry. */
  watch(renewed: () => void, signal: AbortSignal): void {
    const { ca, cert, key } = this.#config;
    const files = [ca, cert, key].filter((file) => file !== undefined);
    if (files.length === 0) return;
    let quiet: NodeJS.Timeout | undefined;
    const look = () => {
      try {
        if (fingerprint(this.#load()) !== this.#used) renewed();
      } catch (error) {
        // Half of a renewal: the certificate is new, the key is not yet. The link stays up on the old ones.
        this.#log.debug(`certificates are not usable yet: ${messageOf(error)}`);
      }
    };
    const watchers: FSWatcher[] = [];
    // Renewals replace the file, or a link on the way to it: a watch on the file would stay with the old one.
    for (const folder of new Set(files.map((file) => dirname(file)))) {
      try {
        const watcher = watch(folder, () => {
          clearTimeout(quiet);
          quiet = setTimeout(look, QUIET_MS);
        });
        watcher.on('error', (error) => this.#log.debug(`${folder} is not watched: ${error.message}`));
        watchers.push(watcher);
      } catch (error) {
        this.#log.debug(`${folder} is not watched: ${messageOf(error)}`);
      }
    }
    const hourly = setInterval(() => {
      look();
      this.warnOfExpiry();
    }, CHECK_MS);
    const stop = () => {
      clearTimeout(quiet);
      clearInterval(hourly);
      for (const watcher of watchers) watcher.close();
    };
    signal.addEventListener('abort', stop, { once: true });
    this.warnOfExpiry();
  }

  /** One warning for each certificate that ends within 30 days. */
  warnOfExpiry(): void {
    for (const name of ['ca', 'cert'] as const) {
      const file = this.#config[name];
      if (file === undefined) continue;
      try {
        const until = new X509Certificate(readFileSync(file)).validToDate.getTime();
        const left = until - this.#clock.now();
        if (left > EXPIRY_WARN_MS) continue;
        const when = new Date(until).toISOString().slice(0, 10);
        const what = left < 0 ? `expired on ${when}` : `expires in ${Math.floor(left / 86_400_000)} days, on ${when}`;
        this.#log.warn(`the certificate ${file} (uplink.tls.${name}) ${what}: renew it`);
      } catch (error) {
        this.#log.debug(`${file} tells no expiry: ${messageOf(error)}`);
      }
    }
  }

  #load(): TlsMaterial {
    const { ca, cert, key } = this.#config;
    const material = {
      ...(ca === undefined ? {} : { ca: readPem('ca', ca) }),
      ...(cert === undefined ? {} : { cert: readPem('cert', cert) }),
      ...(key === undefined ? {} : { key: readPem('key', key) }),
    };
    try {
      createSecureContext(material);
    } catch (error) {
      throw new Fault('config', `the files of uplink.tls are not usable: ${messageOf(error)}`, {
        hint: 'they must be PEM, the key without a passphrase, and the key must belong to the certificate',
        cause: error,
      });
    }
    return material;
  }
}

function readPem(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Fault('config', `uplink.tls.${name} cannot be read: ${messageOf(error)}`, {
      hint: 'check the path and that the gateway may read the file',
      cause: error,
    });
  }
}

function fingerprint({ ca = '', cert = '', key = '' }: TlsMaterial): string {
  return createHash('sha256').update([ca, cert, key].join('\0')).digest('hex');
}
