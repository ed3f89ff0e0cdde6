import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const CHROMIUM = '/usr/bin/chromium';
const ARTEFACTS = join(import.meta.dirname, '../../test-artefacts');
const STEP_MS = 20_000;

/** Why there is no browser; `REQUIRE_CHROMIUM=1` makes a failure of it. */
export const noChromium: string | false =
  !existsSync(CHROMIUM) && process.env['REQUIRE_CHROMIUM'] !== '1' && `there is no ${CHROMIUM}: install chromium`;

/** A real browser that speaks to nobody but the gateway. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A page that was opened, and what went wrong on it: exceptions and refusals of the content security policy. */
export interface OpenPage {
  readonly page: Page;
  readonly faults: string[];
}

/** Opens an address as a new visitor, who reads English unless told otherwise. */
export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
  const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(STEP_MS);
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', ({ message }) => faults.push(message));
  page.on('console', (message) => {
    if (/content security policy/i.test(message.text())) faults.push(message.text());
  });
  await page.goto(url);
  return { page, faults };
}

/** For people who want to see what the page looks like. */
export async function takePicture(page: Page, name: string): Promise<void> {
  mkdirSync(ARTEFACTS, { recursive: true });
  await page.evaluate('scrollTo(0, 0)');
  await page.screenshot({ path: join(ARTEFACTS, `${name}.png`), fullPage: true });
}
