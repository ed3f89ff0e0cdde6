import t from 'tap';
import { noChromium, openPage, startBrowser, takePicture } from './page-browser.ts';
import { PagePlant, WIDE } from './page-plant.ts';

const SIGNALS = 1000;
const ABSENT = 196;
/** Elements of a page with everything in it that is shown at first. */
const MAX_ELEMENTS = 3000;

t.test('200 machines and 1,000 signals', { skip: noChromium }, async (t) => {
  const plant = await PagePlant.start(t.testdir(), { signals: SIGNALS, absent: ABSENT });
  const browser = await startBrowser();
  t.teardown(async () => {
    await browser.close();
    await plant[Symbol.asyncDispose]();
  });
  const { page, faults } = await openPage(browser, plant.url);
  const count = () => page.evaluate('document.querySelectorAll("*").length') as Promise<number>;

  await t.test('the worst machines come first, and a filter finds the others', async (t) => {
    await page.getByText('196 of 200 machines are not read').first().waitFor();
    t.match(await page.locator('.machine').first().innerText(), /absent-0.*Not read/s);
    t.equal(await page.locator('.machine').count(), 60);
    await takePicture(page, 'many-machines');
    await page.getByLabel('Filter machines').fill('VMC');
    await page.locator('.machine', { hasText: 'vmc-2' }).waitFor();
    t.equal(await page.locator('.machine').count(), 2);
    await page.getByLabel('Filter machines').fill('');
    await page.getByRole('button', { name: 'Show more' }).click();
    await page.locator('.machine').nth(119).waitFor();
    t.equal(await page.locator('.machine').count(), 120);
    t.ok((await count()) < MAX_ELEMENTS, `${await count()} elements`);
  });

  await t.test('of many signals some are shown, and a filter finds any', async (t) => {
    await page.goto(`${plant.url}#/${WIDE}`);
    await page.getByText('1,000').first().waitFor();
    t.equal(await page.locator('#signals tbody tr').count(), 60);
    t.ok((await count()) < MAX_ELEMENTS, `${await count()} elements`);
    await page.getByLabel('Filter signals').fill('load 777');
    await page.getByRole('link', { name: 'load 777', exact: true }).waitFor();
    t.equal(await page.locator('#signals tbody tr').count(), 1);
    t.match(await page.locator('#signals tbody .value').innerText(), /777 %/);
  });
  t.strictSame(faults, []);
});
