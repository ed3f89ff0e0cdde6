import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

/** A page for people. */
export interface Page {
  /** From the project's folder. */
  readonly path: string;
  readonly text: string;
  /** Without what stands in fences and between backticks. */
  readonly prose: string;
  /** Contents of its fences, and lines that are indented as code. */
  readonly code: readonly string[];
}

const FENCE = /^( *)```.*\n([\s\S]*?)^ *```$/gm;

/** Every page that the project's users read. */
export function pages(): Page[] {
  const paths = ['README.md', 'SECURITY.md', ...globSync('docs/**/*.md', { cwd: ROOT }).sort()];
  return paths.map(readPage);
}

export function readPage(path: string): Page {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const rest = text.replace(FENCE, '');
  const fences = [...text.matchAll(FENCE)].map(([, indent = '', content = '']) =>
    content.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
  const indented = [...rest.matchAll(/^ {4}(.*)$/gm)].map(([, line = '']) => line);
  return { path, text, prose: rest.replace(/`[^`\n]*`/g, ''), code: [...fences, ...indented] };
}

/** Names by which a page's headings are linked to, as GitHub makes them. */
export function anchors({ text }: Page): Set<string> {
  const found = new Set<string>();
  for (const [, title = ''] of text.replace(FENCE, '').matchAll(/^#{1,6} (.*)$/gm)) {
    const plain = title.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const slug = plain.replace(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-');
    let name = slug;
    for (let n = 1; found.has(name); n += 1) name = `${slug}-${n}`;
    found.add(name);
  }
  return found;
}
