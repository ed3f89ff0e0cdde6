import { Fault } from '../../errors.ts';
import type { Element } from './element.ts';
import { Malformed, readTree } from './tree.ts';

/** Characters of what is no XML that a message shows. */
const SHOWN = 60;

/**
 * The root element of an XML document from an untrusted sender. Namespace prefixes are removed. A document type
 * declaration is refused, so there are no entities to expand (OWASP "XML External Entity Prevention"); the size is
 * capped by whoever received the bytes. A `&` that begins no reference stays as it is, since agents send it in alarm
 * texts. A document whose tags do not fit together has been cut, or a raw `<` or quote has shifted its levels, so that
 * elements or attributes would be missed in silence: it is refused.
 * @param from what sent it, for messages
 * @throws Fault of the machine where it is no XML
 */
export function parseXml(bytes: Uint8Array, from: string): Element {
  const text = decodeText(bytes);
  if (/^\s*<(!doctype\s+html|html)\b/i.test(text)) {
    throw new Fault('machine', `${from} answered with a web page`, {
      hint: 'check the port: the agent is another one, or a proxy is in between',
    });
  }
  if (/<!doctype/i.test(text)) {
    throw new Fault('machine', `${from} answered with a document type declaration, which is refused as unsafe`);
  }
  if (!/^\s*</.test(text)) {
    const start = JSON.stringify(text.trim().slice(0, SHOWN).replace(/\s+/g, ' '));
    throw new Fault('machine', `${from} answered with something that is not XML: ${start}`, {
      hint: 'check that this is the address and port of an MTConnect agent',
    });
  }
  try {
    // XML 1.0, 2.11: every end of a line is a line feed.
    return readTree(text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text);
  } catch (cause) {
    if (!(cause instanceof Malformed)) throw cause;
    const what = `${from} sent a document of ${bytes.length} bytes that is cut off or wrongly nested`;
    throw new Fault('machine', `${what}: ${cause.message}`, { cause });
  }
}

/** UTF-8 unless the XML declaration names another encoding that this platform knows. */
function decodeText(bytes: Uint8Array): string {
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, 120));
  const label = /^[^<]*<\?xml[^>]*\bencoding\s*=\s*["']([\w.-]+)["']/.exec(head)?.[1] ?? 'utf-8';
  return new TextDecoder(isEncoding(label) ? label : 'utf-8').decode(bytes);
}

function isEncoding(label: string): boolean {
  try {
    new TextDecoder(label);
    return true;
  } catch {
    return false;
  }
}
