/** Room for so many offsets at first; it doubles. */
const INITIAL_ROOM = 4096;

/** The text of a document, and where in it the attributes of its elements stand. */
export class Source {
  readonly text: string;
  /** Four for each attribute, in document order: of its name and of its value, from and to. */
  #offsets = new Uint32Array(INITIAL_ROOM);
  #length = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** Offsets that there are. */
  get length(): number {
    return this.#length;
  }

  add(from: number, to: number): void {
    if (this.#length === this.#offsets.length) {
      const room = new Uint32Array(2 * this.#length);
      room.set(this.#offsets);
      this.#offsets = room;
    }
    this.#offsets[this.#length] = from;
    this.#offsets[this.#length + 1] = to;
    this.#length += 2;
  }

  at(index: number): number {
    return this.#offsets[index] as number;
  }
}

const PER_ATTRIBUTE = 4;
/** Characters: V8 copies what is shorter. */
const SHORTEST_VIEW = 13;
const COLON = ':'.charCodeAt(0);

/**
 * An element of an XML document. Attributes are looked for in the text when they are asked for: of most observations
 * that is three of six. Names from outside are only compared with, so that none meets a property of ours.
 */
export class Element {
  /** Without a namespace prefix. */
  readonly name: string;
  /** Child elements in document order. */
  readonly children: Element[] = [];
  readonly #source: Source;
  readonly #from: number;
  #to: number;
  #text = '';

  /** Its attributes are those that are added to the source until `endAttributes`. */
  constructor(name: string, source: Source) {
    this.name = name;
    this.#source = source;
    this.#from = source.length;
    this.#to = this.#from;
  }

  endAttributes(): void {
    this.#to = this.#source.length;
  }

  addText(text: string): void {
    this.#text += text;
  }

  /** The text directly within, trimmed. */
  get text(): string {
    return detached(this.textView);
  }

  /** The same for what is read and gone: it may keep the whole document in memory. */
  get textView(): string {
    return this.#text.trim();
  }

  /** The first child of that local name. */
  child(name: string): Element | undefined {
    for (const child of this.children) if (child.name === name) return child;
    return undefined;
  }

  /** The trimmed value of the attribute of that local name, the last one of several; undefined where there is none. */
  attribute(name: string): string | undefined {
    const view = this.attributeView(name);
    return view === undefined ? undefined : detached(view);
  }

  /** The same for what is read and gone: it may keep the whole document in memory. */
  attributeView(name: string): string | undefined {
    const source = this.#source;
    const { text } = source;
    for (let i = this.#to - PER_ATTRIBUTE; i >= this.#from; i -= PER_ATTRIBUTE) {
      if (!isCalled(name, text, source.at(i), source.at(i + 1))) continue;
      return decodeEntities(text.slice(source.at(i + 2), source.at(i + 3))).trim();
    }
    return undefined;
  }
}

/** Whether a name in the text is that one, but for a prefix. `xmlns:…` declares a prefix and is no attribute. */
function isCalled(name: string, text: string, from: number, to: number): boolean {
  const start = to - name.length;
  if (start === from) return text.startsWith(name, start);
  if (start < from || text.charCodeAt(start - 1) !== COLON) return false;
  return text.startsWith(name, start) && !text.startsWith('xmlns:', from);
}

/** V8 makes a long part of a text a view of the whole; this is a copy. */
export function detached(text: string): string {
  return text.length < SHORTEST_VIEW ? text : Buffer.from(text, 'utf16le').toString('utf16le');
}

const NAMED: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
]);

/** The five entities of XML and character references, and no others. What is no reference stays as it is. */
export function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:(\w+)|#(\d{1,7})|#x([\da-f]{1,6}));/gi, (all, name, decimal, hex) => {
    if (name !== undefined) return NAMED.get(name) ?? all;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code > 0 && code <= 0x10_ff_ff ? String.fromCodePoint(code) : all;
  });
}
