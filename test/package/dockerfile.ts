import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inRoot } from './clean-root.ts';

/** One line of a Dockerfile; lines that go on are joined. */
interface Instruction {
  readonly keyword: string;
  readonly words: string;
}

/** What stands between two FROM. */
export interface Stage {
  readonly base: string;
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

/** Build arguments that a caller gives, as `docker build --build-arg` does. */
export type BuildArguments = Readonly<Record<string, string>>;

/** Reads as much of the Dockerfile's language as ours uses. */
export function parseDockerfile(text: string, given: BuildArguments = {}): Stage[] {
  const lines = text.replace(/^\s*#.*\n/gm, '').replace(/\\\n\s*/g, '');
  const stages: { base: string; name: string | undefined; instructions: Instruction[] }[] = [];
  const global: Record<string, string> = {};
  for (const line of lines.split('\n').filter((text) => text.trim() !== '')) {
    const [, keyword = '', words = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    const [, name = '', value] = /^(\w+)(?:=(.*))?$/.exec(words) ?? [];
    const stage = stages.at(-1);
    if (keyword === 'FROM') {
      const [, base = '', as] = /^(?:--platform=\S+ )?(\S+)(?: AS (\S+))?$/.exec(words) ?? [];
      stages.push({ base, name: as, instructions: [] });
    } else if (stage === undefined) {
      if (keyword !== 'ARG') throw new Error(`${keyword} stands before the first FROM`);
      global[name] = given[name] ?? value ?? '';
    } else if (keyword === 'ARG') {
      stage.instructions.push({ keyword: 'ENV', words: `${name}=${global[name] ?? value ?? ''}` });
    } else {
      stage.instructions.push({ keyword, words });
    }
  }
  return stages;
}

/** What an instruction says that stands once in a stage, such as USER. */
export function wordsOf(stage: Stage, keyword: string): string | undefined {
  return stage.instructions.findLast((instruction) => instruction.keyword === keyword)?.words;
}

/** Environment that a stage leaves to what runs in its image. */
export function environmentOf(stage: Stage): string[] {
  return stage.instructions.flatMap(({ keyword, words }) => (keyword === 'ENV' ? [words] : []));
}

/**
 * Carries out what a stage says in a root folder that has the content of its base image.
 * @param context folder of the build, whose .dockerignore is obeyed
 * @param roots root folders of other stages, by their names
 */
export function build(stage: Stage, root: string, context: string, roots: Readonly<Record<string, string>>): void {
  let folder = '/';
  for (const { keyword, words } of stage.instructions) {
    if (keyword === 'WORKDIR') {
      folder = words;
      execFileSync('mkdir', ['-p', join(root, folder)]);
    } else if (keyword === 'RUN') {
      const script = `cd ${folder} && ${words}`;
      const { status, stdout, stderr } = inRoot(root, 'env', ...environmentOf(stage), 'sh', '-c', script);
      if (status !== 0) throw new Error(`RUN ${words}: exit code ${status}\n${stdout}${stderr}`);
    } else if (keyword === 'COPY') {
      copy(words, root, folder, context, roots);
    } else if (!['ENV', 'USER', 'VOLUME', 'HEALTHCHECK', 'ENTRYPOINT', 'LABEL'].includes(keyword)) {
      throw new Error(`${keyword} is not known here`);
    }
  }
}

function copy(
  words: string,
  root: string,
  folder: string,
  context: string,
  roots: Readonly<Record<string, string>>,
): void {
  const [, from, paths = ''] = /^(?:--from=(\S+) )?(.*)$/.exec(words) ?? [];
  const sources = paths.split(/\s+/);
  const to = sources.pop() ?? '';
  const target = join(root, to.startsWith('/') ? '' : folder, to);
  const origin = from === undefined ? context : roots[from];
  if (origin === undefined) throw new Error(`COPY --from=${from}: there is no such stage`);
  const excluded = from === undefined ? ignored(context) : [];
  for (const source of sources) {
    const path = join(origin, source);
    if (!existsSync(path)) throw new Error(`COPY ${source}: there is no such file`);
    // A folder's content is copied, a file by its name.
    const [tree, name] =
      source.endsWith('/') || source === '.'
        ? [path, '.']
        : [dirname(path), `./${path.slice(dirname(path).length + 1)}`];
    const into = to.endsWith('/') || to === '.' || name === '.' ? target : dirname(target);
    execFileSync('mkdir', ['-p', into]);
    const pipe =
      'tar --create --directory "$1" $0 "$2" | tar --extract --no-same-owner --keep-directory-symlink --directory "$3"';
    const { status, stderr } = spawnSync('sh', ['-c', pipe, excluded.join(' '), tree, name, into], {
      encoding: 'utf8',
    });
    if (status !== 0 || stderr !== '') throw new Error(`COPY ${source}: ${stderr}`);
    if (into !== target && name !== `./${target.slice(into.length + 1)}`) {
      execFileSync('mv', [join(into, name), target]);
    }
  }
}

/** Options of tar that leave out what .dockerignore names. */
function ignored(context: string): string[] {
  const lines = readFileSync(join(context, '.dockerignore'), 'utf8').split('\n');
  const patterns = lines.filter((line) => line !== '' && !line.startsWith('#'));
  return patterns.map((pattern) => `--exclude=${pattern.startsWith('**/') ? pattern.slice(3) : `./${pattern}`}`);
}
