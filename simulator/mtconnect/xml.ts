const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Character data or an attribute's value. */
export function text(raw: string): string {
  return /[&<>"]/.test(raw) ? raw.replace(/[&<>"]/g, (character) => ESCAPES[character] as string) : raw;
}

/** Attributes that are undefined are left out. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export function attributes(values: Attributes): string {
  let out = '';
  for (const name in values) {
    const value = values[name];
    if (value !== undefined) out += ` ${name}="${text(String(value))}"`;
  }
  return out;
}

/** `body` is XML already. */
export function element(name: string, values: Attributes, body = ''): string {
  return body === '' ? `<${name}${attributes(values)}/>` : `<${name}${attributes(values)}>${body}</${name}>`;
}
