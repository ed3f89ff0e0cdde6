import type { Argv, CommandModule } from 'yargs';
import { thisUser } from '../audit/entry.ts';
import type { StoredCertificate } from '../drivers/opcua/pki.ts';

interface Place {
  config: string;
  json: boolean;
}

/** `trust list|accept|remove`: the OPC UA servers whose certificates this gateway has met. */
export const trustCommand: CommandModule = {
  command: 'trust',
  describe: 'Tell which OPC UA servers are trusted; works while the gateway runs',
  builder: (args: Argv) =>
    args
      .option('config', { type: 'string', demandOption: true, requiresArg: true, describe: 'Config file (YAML)' })
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' })
      .command(listCommand)
      .command(acceptCommand)
      .command(removeCommand)
      .demandCommand(1, 'say what to do: list, accept or remove'),
  handler: () => undefined,
};

const listCommand: CommandModule<object, Place> = {
  command: 'list',
  describe: 'Certificates that were seen: trusted, or rejected until they are accepted',
  handler: async (args) => {
    const store = await openStore(args);
    if (store !== undefined) print(await store.pki.list(), args, 'no server has shown a certificate yet');
  },
};

const acceptCommand: CommandModule<object, Place & { thumbprint: string | undefined; all: boolean }> = {
  command: 'accept [thumbprint]',
  describe: 'Trust a rejected certificate; the gateway takes it up at its next attempt',
  builder: (args) =>
    args
      .positional('thumbprint', { type: 'string', describe: 'Its first characters are enough' })
      .option('all', { type: 'boolean', default: false, describe: 'Everything that was rejected' }) as Argv<
      Place & { thumbprint: string | undefined; all: boolean }
    >,
  handler: async (args) => {
    if ((args.thumbprint === undefined) === !args.all) return usage('give a thumbprint, or --all');
    const store = await openStore(args);
    if (store === undefined) return;
    const { pki, audit, dataDir } = store;
    const rejected = (await pki.list()).filter(({ store }) => store === 'rejected');
    const wanted = args.thumbprint === undefined ? rejected.map(({ thumbprint }) => thumbprint) : [args.thumbprint];
    const accepted: StoredCertificate[] = [];
    for (const thumbprint of wanted) {
      const certificate = await pki.accept(thumbprint);
      accepted.push(certificate);
      await audit.add({ what: 'trust-accept', who: thisUser(), detail: decision(certificate) });
    }
    const { handOver } = await import('../commission/hand-over.ts');
    handOver(dataDir);
    print(accepted, args, 'nothing was rejected');
  },
};

const removeCommand: CommandModule<object, Place & { thumbprint: string }> = {
  command: 'remove <thumbprint>',
  describe: 'Forget a certificate: its server is refused from the next connect on',
  builder: (args) =>
    args.positional('thumbprint', {
      type: 'string',
      demandOption: true,
      describe: 'Its first characters are enough',
    }) as Argv<Place & { thumbprint: string }>,
  handler: async (args) => {
    const store = await openStore(args);
    if (store === undefined) return;
    const removed = await store.pki.remove(args.thumbprint);
    await store.audit.add({ what: 'trust-remove', who: thisUser(), detail: decision(removed) });
    print([removed], args, '');
  },
};

async function openStore({ config: file }: Place) {
  const [{ loadConfigOrTell }, { Pki, pkiFolder }, { driverFolder }, { AuditLog }] = await Promise.all([
    import('./load-config.ts'),
    import('../drivers/opcua/pki.ts'),
    import('../drivers/folder.ts'),
    import('../audit/audit-log.ts'),
  ]);
  // Secrets that only the service has are of no use here.
  const config = await loadConfigOrTell(file, { absent: 'warning' });
  if (config === undefined) {
    process.exitCode = 78;
    return undefined;
  }
  const { dataDir } = config.gateway;
  const audit = new AuditLog({
    dataDir,
    log: { warn: (line: string) => process.stderr.write(`edge-gateway: ${line}\n`) },
  });
  return { pki: new Pki(pkiFolder(driverFolder(dataDir, 'opcua'))), audit, dataDir };
}

function decision({ thumbprint, subject }: StoredCertificate) {
  return { driver: 'opcua', thumbprint, subject };
}

function print(certificates: readonly StoredCertificate[], { json }: Place, nothing: string): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(certificates, null, 2)}\n`);
    return;
  }
  if (certificates.length === 0) process.stderr.write(`${nothing}\n`);
  for (const { store, thumbprint, subject, expires } of certificates) {
    const until = new Date(expires).toISOString().slice(0, 10);
    process.stdout.write(`${store.padEnd(8)}  ${thumbprint}  until ${until}  ${subject}\n`);
  }
}

function usage(message: string): void {
  process.stderr.write(`edge-gateway: ${message}\n`);
  process.exitCode = 64;
}
