import type { Command } from './package-help.ts';

/** What the man page tells beside the commands; roff. */
const INTRODUCTION = String.raw`edge\-gateway reads the machines of a shop floor (MTConnect, OPC UA, Modbus TCP and RTU), keeps every observation in a durable
buffer on the disk, and publishes it over MQTT. What was read is committed before it is sent, and delivered when the broker has
acknowledged it, so that neither an outage nor a power cut loses it.`;

const REST = String.raw`.SH SIGNALS
.TP
.BR SIGTERM ", " SIGINT
Stop the machines, commit what was read, say goodbye; the second one ends at once.
.TP
.B SIGHUP
Read the config again and restart only what changed; a config with errors changes nothing.
.SH EXIT STATUS
.TP
.B 0
Clean.
.TP
.B 1
A fault; start it again.
.TP
.B 64
Wrong usage.
.TP
.B 78
The config, or what surrounds it, needs a person.
.SH FILES
.TP
.I /etc/edge\-gateway/gateway.yaml
The config that the service runs.
.TP
.I /etc/edge\-gateway/environment
Variables for the service, for ${'$'}{env:NAME} in the config; may be missing.
.TP
.I /var/lib/edge\-gateway
The buffer, trusted certificates and the control socket. Removing the package keeps it, purging it does not.
.TP
.I /usr/share/doc/edge\-gateway
Every setting (config.md), examples, the contract of what is published, and what this package is made of (sbom.cdx.json).
.SH ENVIRONMENT
.TP
.B STATE_DIRECTORY
Data folder where the config names none; systemd sets it.
.TP
.B CREDENTIALS_DIRECTORY
Where ${'$'}{credential:NAME} is looked for; systemd sets it.
.SH SEE ALSO
.BR systemctl (1),
.BR journalctl (1),
.BR systemd\-creds (1)`;

/** edge-gateway(1), in roff. */
export function manPage(commands: readonly Command[], version: string, date: Date): string {
  const described = commands.filter(({ name, commands: below }) => name !== '' && below.length === 0);
  return [
    `.TH EDGE\\-GATEWAY 1 ${date.toISOString().slice(0, 10)} "edge\\-gateway ${version}" "User Commands"`,
    '.SH NAME',
    'edge\\-gateway \\- store\\-and\\-forward gateway for CNC machines',
    '.SH SYNOPSIS',
    '.B edge\\-gateway',
    '.I COMMAND',
    '.SH DESCRIPTION',
    INTRODUCTION,
    '.SH COMMANDS',
    ...described.flatMap(({ usage, about, options }) => [
      `.SS ${roff(usage)}`,
      roff(`${about}.`),
      ...options.flatMap((option) => [
        '.TP',
        `.BR ${roff(option.name)}${option.takesValue ? ' " " \\fIVALUE\\fP' : ''}`,
        roff(option.about),
      ]),
    ]),
    REST,
    '',
  ].join('\n');
}

/** Plain text in roff: no line begins a request, and hyphens can be copied into a shell. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1');
}
