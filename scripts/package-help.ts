import { execFileSync } from 'node:child_process';

/** `  -h, --help  Show help  [boolean]`: name, what it does, types. */
const OPTION =
  /^ +(?:-\w, )?--([\w-]+) +(.*?) *((?:\[(?:boolean|string|number|array|choices|default|required)[^\]]*\] ?)*)$/;

/** A command of the program, as its own `--help` tells. */
export interface Command {
  /** `buffer export`; empty for the program itself. */
  readonly name: string;
  /** With its arguments: `acknowledge <machine> <rule>`. */
  readonly usage: string;
  readonly about: string;
  /** Names of the commands below. */
  readonly commands: readonly string[];
  readonly options: readonly { readonly name: string; readonly about: string; readonly takesValue: boolean }[];
}

/**
 * Asks the program and each of its commands for help.
 * @param program file that is run by this Node.js
 */
export function readCommands(program: string, name = ''): Command[] {
  const help = execFileSync(process.execPath, [program, ...name.split(' ').filter(Boolean), '--help'], {
    encoding: 'utf8',
  });
  const [usage = '', ...sections] = help.split(/\n\n+/);
  const lines = (title: string) =>
    sections
      .find((section) => section.startsWith(`${title}:`))
      ?.replace(/\n {20,}/g, ' ')
      .split('\n')
      .slice(1) ?? [];
  const below = lines('Commands').map((line) => {
    const [, path = '', args = '', about = ''] =
      /^ {2}edge-gateway ([a-z ]*[a-z])( [<[].*?)? {2,}(.*)$/.exec(line) ?? [];
    return { path, usage: `${path}${args}`, about };
  });
  const options = lines('Options').flatMap((line) => {
    const [, long = '', about = '', types = ''] = OPTION.exec(line) ?? [];
    if (long === '' || (name !== '' && (long === 'help' || long === 'version'))) return [];
    const isOn = types.includes('[boolean] [default: true]');
    return {
      name: isOn ? `--no-${long}` : `--${long}`,
      about: `${about}${defaultOf(types)}`,
      takesValue: !types.includes('[boolean]'),
    };
  });
  const own = {
    name,
    usage: usage.replace(/^edge-gateway ?/, ''),
    about: sections[0] ?? '',
    commands: below.map(({ path }) => path),
    options,
  };
  return [own, ...below.flatMap(({ path }) => readCommands(program, path))];
}

function defaultOf(types: string): string {
  const [, value] = /\[default: (.*?)\]$/.exec(types) ?? [];
  return value === undefined || value === 'false' || value === 'true' ? '' : ` (default: ${value.replaceAll('"', '')})`;
}
