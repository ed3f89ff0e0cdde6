import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import t from 'tap';
import { type Command, readCommands } from '../../scripts/package-help.ts';
import { anchors, pages, ROOT } from './pages.ts';

/** What may stand before the program's name where it is run. */
const COMMAND =
  /^(?:\$ )?(?:\w+=\S+ )*(?:sudo(?: (?:-u|--user) \S+| -\S+)* )?(?:systemd-run .* )?(?:bin\/)?edge-gateway (.+)$/;
/** Where the command ends and the shell goes on. */
const END = /\s(?:#|\||>|<|2>|;|&&|→).*$/;

const all = pages();

t.test('every link of the pages leads somewhere', async (t) => {
  const known = new Map(all.map((page) => [page.path, anchors(page)]));
  for (const { path, prose } of all) {
    for (const [, target = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?|mailto):/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const to = file === '' ? path : relative(ROOT, resolve(ROOT, path, '..', file));
      t.ok(existsSync(join(ROOT, to)), `${path}: ${target}`);
      if (anchor !== undefined && known.has(to)) t.ok(known.get(to)?.has(anchor), `${path}: ${target}`);
    }
  }
});

t.test('every command line of the pages is one that the program knows', async (t) => {
  const commands = new Map(readCommands(join(ROOT, 'bin/launch.cjs')).map((command) => [command.name, command]));
  const lines = all.flatMap(({ path, code }) =>
    code.flatMap((block) =>
      block.split('\n').flatMap((line) => {
        const [, rest] = COMMAND.exec(line) ?? [];
        return rest === undefined ? [] : [{ path, line: rest.replace(END, '') }];
      }),
    ),
  );
  t.ok(lines.length > 20, `${lines.length} command lines`);
  for (const { path, line } of lines) t.equal(problem(line, commands), undefined, `${path}: ${line}`);
});

/** What is wrong with a command line; undefined: nothing. */
function problem(line: string, commands: ReadonlyMap<string, Command>): string | undefined {
  const words = line.split(/\s+/).filter((word) => word !== '');
  let command = commands.get('');
  let depth = 0;
  while (command !== undefined && command.commands.length > 0) {
    const next: Command | undefined = commands.get(words.slice(0, depth + 1).join(' '));
    if (next === undefined) break;
    command = next;
    depth += 1;
  }
  const options = new Set((command?.options ?? []).flatMap(({ name }) => spellings(name)));
  const given = words.slice(depth).flatMap((word) => /^\[?(--[A-Za-z-]+)/.exec(word)?.[1] ?? []);
  const unknown = given.find((name) => !options.has(name) && name !== '--help' && name !== '--version');
  if (unknown !== undefined) return `there is no option ${unknown}`;
  // `trust list|accept|remove` names all of them.
  const isNamed = command?.commands.every((name) => !words[depth]?.startsWith(name.split(' ').at(-1) ?? ''));
  const isBare = given.includes('--help') || given.includes('--version');
  return command !== undefined && command.commands.length > 0 && isNamed && !isBare
    ? `there is no command ${words.slice(0, depth + 1).join(' ')}`
    : undefined;
}

/** An option may be said and unsaid, and written with dashes or as one word. */
function spellings(name: string): string[] {
  const dashed = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const plain = dashed.replace(/^--no-/, '--');
  return [name, dashed, plain, plain.replace('--', '--no-')];
}
