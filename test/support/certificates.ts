import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** PEM files of a certificate and its key. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Makes certificates in a folder, with the `openssl` command. */
export interface Authority {
  /** PEM file of the CA. */
  readonly ca: string;
  issue(name: string, options?: IssueOptions): Certificate;
}

export interface IssueOptions {
  /** Subject alternative names; default: `IP:127.0.0.1`. */
  readonly san?: string;
  /** Days it is valid from now; a negative number has expired. Default 365. */
  readonly days?: number;
}

/** Reason to skip a test: false, or that there is no openssl. */
export const noOpenssl: string | false = (() => {
  try {
    execFileSync('openssl', ['version']);
    return false;
  } catch {
    return 'no openssl';
  }
})();

function openssl(folder: string, ...args: string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
}

const day = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString().replace(/[-:T]|\.\d+/g, '');

/** A certification authority of its own in `folder`. */
export function createAuthority(folder: string, name = 'ca'): Authority {
  const ca = join(folder, `${name}.crt`);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(folder, 'req', '-x509', ...key, '-keyout', `${name}.key`, '-out', ca, '-days', '365', '-subj', `/CN=${name}`);
  return {
    ca,
    issue(certificate, { san = 'IP:127.0.0.1', days = 365 } = {}) {
      const files = { cert: join(folder, `${certificate}.crt`), key: join(folder, `${certificate}.key`) };
      openssl(folder, 'req', ...key, '-keyout', files.key, '-out', `${certificate}.csr`, '-subj', `/CN=${certificate}`);
      // `openssl ca` is the only command of OpenSSL 3.0 that takes a start and an end.
      const config = join(folder, `${certificate}.cnf`);
      writeFileSync(
        config,
        [
          '[ca]',
          'default_ca = here',
          '[here]',
          `database = ${certificate}.index`,
          'new_certs_dir = .',
          'rand_serial = yes',
          'default_md = sha256',
          'policy = any',
          '[any]',
          'commonName = supplied',
          '[san]',
          `subjectAltName = ${san}`,
        ].join('\n'),
      );
      writeFileSync(join(folder, `${certificate}.index`), '');
      openssl(
        folder,
        'ca',
        '-batch',
        '-notext',
        ...['-config', config, '-extensions', 'san', '-cert', ca, '-keyfile', `${name}.key`],
        ...['-startdate', day(Math.min(0, days) - 1), '-enddate', day(days)],
        ...['-in', `${certificate}.csr`, '-out', files.cert],
      );
      return files;
    },
  };
}
