import type { Command } from './package-help.ts';

/** Completion for bash: commands and options as they were when the package was built, so that it answers at once on a Pi, too. */
export function bashCompletion(commands: readonly Command[]): string {
  // `buffer export` stands before `buffer`, which would fit as well.
  const cases = commands.toReversed().map(({ name, commands: below, options }) => {
    const words = [...below.map((path) => path.slice(name.length).trim()), ...options.map((option) => option.name)];
    return `    ${name === '' ? '' : `'${name} '`}*) words='${[...new Set([...words, '--help'])].join(' ')}' ;;`;
  });
  return `# bash completion for edge-gateway
_edge_gateway() {
  local words
  case "\${COMP_WORDS[*]:1:COMP_CWORD-1} " in
${cases.join('\n')}
  esac
  # Where none fits, the names of files are offered.
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}")
}
complete -o default -F _edge_gateway edge-gateway
`;
}
