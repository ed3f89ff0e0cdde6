import { QuoteType, Tokenizer, type TokenizerCallbacks } from 'htmlparser2';
import { decodeEntities, detached, Element, Source } from './element.ts';

/** Deeper nesting than any device model has. */
const MAX_DEPTH = 64;
/** The tokenizer says how much of `-->` and `]]>` there was before the `>`: none where the text ended. */
const WHOLE_END = 2;
/** Characters of a text from outside that a message shows. */
const SHOWN = 40;
const LESS_THAN = '<'.charCodeAt(0);
const AMPERSAND = '&'.charCodeAt(0);
const QUOTE = '"'.charCodeAt(0);
const APOSTROPHE = "'".charCodeAt(0);
const EQUALS = '='.charCodeAt(0);
const NOT_SPACE = /\S/;
/** What may stand behind the name in an end tag. */
const END_OF_END_TAG = /\s*>/y;

/** A text whose tags, quotes or sections do not fit together. The message says what and where. */
export class Malformed extends Error {}

/**
 * The root element of a text that is XML, except that a `&` need not begin a reference, a value may have a `<`, and an
 * attribute may come twice. Nothing is expanded. Whatever stands in the text, the time grows with its length only.
 * @throws Malformed
 */
export function readTree(text: string): Element {
  const builder = new TreeBuilder(text);
  const tokenizer = new Tokenizer({ xmlMode: true, decodeEntities: false }, builder);
  tokenizer.write(text);
  // A name that the text ends in is told only when something comes behind it.
  tokenizer.write('\n');
  tokenizer.end();
  return builder.root();
}

interface OpenElement {
  readonly element: Element;
  /** With its prefix. */
  readonly name: string;
}

/** Takes what the tokenizer finds, told as offsets in the text. */
class TreeBuilder implements TokenizerCallbacks {
  readonly #text: string;
  readonly #source: Source;
  /** Local names by names as they stand in start tags. */
  readonly #names = new Map<string, string>();
  /** From the root inwards. */
  readonly #open: OpenElement[] = [];
  #root: Element | undefined;

  constructor(text: string) {
    this.#text = text;
    this.#source = new Source(text);
  }

  root(): Element {
    const inner = this.#open.at(-1);
    if (inner !== undefined) throw new Malformed(`it ends before </${shown(inner.name)}>`);
    if (this.#root === undefined) throw new Malformed('it has no element');
    return this.#root;
  }

  onopentagname(start: number, end: number): void {
    const name = this.#text.slice(start, end);
    const element = new Element(this.#localName(name, start), this.#source);
    const outer = this.#open.at(-1);
    if (outer !== undefined) outer.element.children.push(element);
    else if (this.#root === undefined) this.#root = element;
    else throw this.#malformed(start, 'a second root element');
    if (this.#open.length === MAX_DEPTH) throw this.#malformed(start, `more than ${MAX_DEPTH} levels`);
    this.#open.push({ element, name });
  }

  onattribname(start: number, end: number): void {
    if (!isName(this.#text, start, end)) throw this.#malformed(start, 'no name of an attribute');
    this.#source.add(start, end);
  }

  onattribdata(start: number, end: number): void {
    this.#source.add(start, end);
  }

  onattribend(quote: QuoteType, end: number): void {
    const isQuoted = quote === QuoteType.Double || quote === QuoteType.Single;
    if (!isQuoted) throw this.#malformed(end, 'an attribute without a quoted value');
  }

  onopentagend(): void {
    this.#open.at(-1)?.element.endAttributes();
  }

  onselfclosingtag(): void {
    this.#open.pop()?.element.endAttributes();
  }

  onclosetag(start: number, end: number): void {
    const due = this.#open.pop();
    if (due === undefined || due.name.length !== end - start || !this.#text.startsWith(due.name, start)) {
      throw this.#malformed(start, due === undefined ? 'an end tag too much' : `</${shown(due.name)}> is due`);
    }
    END_OF_END_TAG.lastIndex = end;
    if (!END_OF_END_TAG.test(this.#text)) throw this.#malformed(start, 'an end tag without its >');
  }

  ontext(start: number, end: number): void {
    if (this.#text.charCodeAt(start) === LESS_THAN) throw this.#malformed(start, 'a < that begins no tag');
    this.#addText(decodeEntities(this.#text.slice(start, end)), start);
  }

  oncdata(start: number, end: number, ending: number): void {
    if (ending !== WHOLE_END) throw this.#malformed(start, 'a CDATA section without its end');
    this.#addText(this.#text.slice(start, end - ending), start);
  }

  oncomment(start: number, _end: number, ending: number): void {
    if (ending !== WHOLE_END) throw this.#malformed(start, 'a comment without its end');
  }

  ondeclaration(start: number): void {
    throw this.#malformed(start, 'a declaration');
  }

  onprocessinginstruction(): void {}
  // The tokenizer decodes none.
  onattribentity(): void {}
  ontextentity(): void {}
  onend(): void {}

  #addText(text: string, start: number): void {
    const open = this.#open.at(-1);
    if (open !== undefined) open.element.addText(text);
    else if (NOT_SPACE.test(text)) throw this.#malformed(start, 'text outside the root element');
  }

  #localName(name: string, start: number): string {
    const known = this.#names.get(name);
    if (known !== undefined) return known;
    if (!isName(name, 0, name.length)) throw this.#malformed(start, 'no name of an element');
    const local = detached(name.slice(name.indexOf(':') + 1));
    this.#names.set(name, local);
    return local;
  }

  #malformed(at: number, what: string): Malformed {
    return new Malformed(`${what} at character ${at}: ${JSON.stringify(this.#text.slice(at, at + SHOWN))}`);
  }
}

function shown(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

/** Whether no character is one of markup: behind a quote or a `<` too much, what is no name would be taken for one. */
function isName(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (isMarkup(text.charCodeAt(i))) return false;
  return true;
}

function isMarkup(code: number): boolean {
  return code === LESS_THAN || code === AMPERSAND || code === QUOTE || code === APOSTROPHE || code === EQUALS;
}
