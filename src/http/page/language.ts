import { Formats } from './formats.ts';
import { english, type Texts } from './texts-en.ts';
import { portuguese } from './texts-pt.ts';

export type LanguageId = 'en' | 'pt-BR';

const LANGUAGES: Readonly<Record<LanguageId, { readonly name: string; readonly texts: Texts }>> = {
  en: { name: 'English', texts: english },
  'pt-BR': { name: 'Português', texts: portuguese },
};
export const LANGUAGE_IDS = Object.keys(LANGUAGES) as LanguageId[];

/** What the page says, and how it writes figures. */
export interface Language {
  readonly id: LanguageId;
  readonly texts: Texts;
  readonly formats: Formats;
}

/**
 * The one that was chosen by hand, else the first that the browser's user reads, else English. Figures follow the
 * user's own variant, e.g. en-GB.
 */
export function chooseLanguage(chosen: string | null, preferred: readonly string[]): Language {
  const id = LANGUAGE_IDS.find((one) => one === chosen) ?? preferred.map(idOf).find((one) => one !== undefined) ?? 'en';
  const variant = preferred.find((tag) => idOf(tag) === id) ?? id;
  return { id, texts: LANGUAGES[id].texts, formats: new Formats(variant) };
}

export function languageName(id: LanguageId): string {
  return LANGUAGES[id].name;
}

function idOf(tag: string): LanguageId | undefined {
  const [language] = tag.toLowerCase().split('-');
  return language === 'pt' ? 'pt-BR' : language === 'en' ? 'en' : undefined;
}
