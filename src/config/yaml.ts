import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit as visitNodes,
  type YAMLMap,
} from 'yaml';
import type { Path } from './visit.ts';

/** What a text may grow by through aliases: plenty by hand, too little for a bomb. */
const MAX_ALIAS_COUNT = 100;
/** After the first few, syntax errors are mostly consequences of the ones before. */
const MAX_SYNTAX_ERRORS = 10;

/** Both from 1, as editors count. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface SyntaxFinding extends Position {
  readonly message: string;
}

export interface ParsedYaml {
  readonly errors: readonly SyntaxFinding[];
  /** Whether `data` is worth looking at: keys that are given twice do not spoil the rest. */
  readonly usable: boolean;
  /** Plain data; null for an empty text, undefined where it is not usable. */
  readonly data: unknown;
  /**
   * Where the key or value of a path stands; of what is not there, its parent's key, or item where it has none.
   * `character` (from 1): where in a text that stands in one line as it is; of any other, its beginning.
   */
  locate(path: Path, at: 'key' | 'value', character?: number): Position;
}

/** Words for what the parser finds, by its code: its own messages quote the text, which may be a secret. */
const WORDS: Readonly<Record<string, string>> = {
  ALIAS_PROPS: 'a value that starts with * must be in quotes',
  BAD_ALIAS: 'a value that starts with * or & must be in quotes',
  BAD_COLLECTION_TYPE: 'tags (!name) mean nothing here: a value that starts with ! must be in quotes',
  BAD_DIRECTIVE: 'a line that starts with % does not belong in a config',
  BAD_DQ_ESCAPE: 'a backslash in double quotes starts an escape: double it, or use single quotes',
  BAD_INDENT: 'the indentation does not fit: keys of a mapping and items of a list start in the same column',
  BAD_PROP_ORDER: 'a value that starts with ! or & must be in quotes',
  BAD_SCALAR_START: 'a value that starts with @, ` or % must be in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'two colons in one line: a value with “: ” in it must be in quotes',
  BLOCK_IN_FLOW: 'inside { } or [ ] write commas, not indented lines',
  KEY_OVER_1024_CHARS: 'this key is far too long: is a quote missing before it?',
  MISSING_CHAR: 'something is missing: a space, a comma, a colon, or the closing quote or bracket',
  MULTILINE_IMPLICIT_KEY: 'expected “key: value” in one line: is a colon or a quote missing?',
  MULTIPLE_ANCHORS: 'a value that starts with & must be in quotes',
  MULTIPLE_DOCS: 'a second document starts here (---): a config is one document',
  MULTIPLE_TAGS: 'a value that starts with ! must be in quotes',
  RESOURCE_EXHAUSTION: 'nested too deeply',
  TAB_AS_INDENT: 'this line is indented with a tab: use spaces',
  TAG_RESOLVE_FAILED: 'tags (!name) mean nothing here: a value that starts with ! must be in quotes',
  UNEXPECTED_TOKEN: 'this does not belong here: is a quote, a bracket or a comma missing before it?',
};

const BARE_REFERENCE = 'inside { } a reference must be in quotes: "${env:NAME}"';

/** Reads one YAML 1.2 document; anchors and aliases are fine. Never throws. */
export function parseYaml(text: string): ParsedYaml {
  // Filled here, since the parser overlooks lines inside of broken { }.
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (const { index } of text.matchAll(/\n/g)) lines.addNewLine(index + 1);
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const document = parseDocument(text, {
    prettyErrors: false,
    // The parser compares every key with every other; `misuses` does not.
    uniqueKeys: false,
    logLevel: 'error',
  });
  const locate = (path: Path, at: 'key' | 'value', character = 1) => {
    const start = offsetOf(document, path, at);
    const value = character > 1 ? document.getIn(path) : undefined;
    const isBare = typeof value === 'string' && text.startsWith(value, start);
    const isQuoted = typeof value === 'string' && text.startsWith(value, start + 1);
    return position(isBare ? start + character - 1 : isQuoted ? start + character : start);
  };
  const unusable = (errors: readonly SyntaxFinding[]) => ({ errors, usable: false, data: undefined, locate });

  const syntax = [...document.errors, ...document.warnings]
    .sort((a, b) => a.pos[0] - b.pos[0])
    .filter(({ pos }, i, all) => pos[0] !== all[i - 1]?.pos[0]);
  if (syntax.length > 0) {
    return unusable(
      syntax.slice(0, MAX_SYNTAX_ERRORS).map(({ code, pos }) => {
        const reference = text.startsWith('${', pos[0] - 1);
        return { ...position(pos[0]), message: reference ? BARE_REFERENCE : (WORDS[code] ?? 'this is not YAML') };
      }),
    );
  }
  const found = misuses(document);
  const errors = found.map(({ node, message, first }) => ({
    ...position(startOf(node)),
    message: first === undefined ? message : `${message}, first on line ${position(startOf(first)).line}`,
  }));
  if (found.some(({ first }) => first === undefined)) return unusable(errors);
  try {
    return { errors, usable: true, data: document.toJS({ maxAliasCount: MAX_ALIAS_COUNT }), locate };
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return unusable([...errors, { ...position(0), message: 'its aliases (*name) grow into too much data' }]);
  }
}

/** `first`: the same key before it; such a misuse is the only kind that leaves the data usable. */
interface Misuse {
  readonly node: Node | null;
  readonly message: string;
  readonly first?: Node;
}

function misuses(document: Document): Misuse[] {
  const found: Misuse[] = [];
  visitNodes(document, {
    Alias: (_, node, ancestors) => {
      const target = node.resolve(document);
      if (target === undefined) found.push({ node, message: 'a value that starts with * must be in quotes' });
      else if (ancestors.includes(target))
        found.push({ node, message: 'an alias must not stand inside of its anchor' });
    },
    Map: (_, map) => {
      const seen = new Map<string, Node>();
      for (const { key } of map.items as YAMLMap<Node | null>['items']) {
        if (!isScalar(key) || key.value === null) {
          found.push({ node: key ?? map, message: 'expected a name before the colon' });
          continue;
        }
        const first = seen.get(String(key.value));
        if (first !== undefined) found.push({ node: key, message: 'this key is given twice', first });
        else seen.set(String(key.value), key);
      }
    },
  });
  return found;
}

function offsetOf(document: Document, path: Path, at: 'key' | 'value'): number {
  let key: Node | null = null;
  let value = document.contents as Node | null;
  for (const step of path) {
    const parent = isAlias(value) ? (value.resolve(document) ?? null) : value;
    if (isMap<Node, Node | null>(parent)) {
      const pair = parent.items.findLast((item) => isScalar(item.key) && String(item.key.value) === step);
      if (pair === undefined) return startOf(key ?? value);
      key = pair.key;
      value = pair.value;
    } else if (isSeq<Node>(parent) && parent.items[Number(step)] !== undefined) {
      key = null;
      value = parent.items[Number(step)] as Node;
    } else {
      return startOf(key ?? value);
    }
  }
  return startOf(at === 'key' ? (key ?? value) : (value ?? key));
}

function startOf(node: Node | null): number {
  return node?.range?.[0] ?? 0;
}
