import t from 'tap';
import { noChromium, openPage, startBrowser, takePicture } from './page-browser.ts';
import { PagePlant } from './page-plant.ts';

const TOKEN = '0123456789abcdef-page';

t.test('asks for the token, and shows nothing before', { skip: noChromium }, async (t) => {
  const plant = await PagePlant.start(t.testdir(), { token: TOKEN });
  const browser = await startBrowser();
  t.teardown(async () => {
    await browser.close();
    await plant[Symbol.asyncDispose]();
  });
  const { page, faults } = await openPage(browser, plant.url);
  const field = page.getByLabel('Token');
  await field.fill('not the token of them');
  t.equal(await page.locator('#machines').count(), 0);
  await takePicture(page, 'sign-in');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('This token is wrong.').waitFor();
  await field.fill(TOKEN);
  await field.press('Enter');
  await page.locator('.machine').nth(2).waitFor();
  await page.reload();
  await page.locator('.live-on').waitFor();
  t.equal(await page.locator('.machine').count(), 3, 'who is signed in stays so');
  t.equal(await page.evaluate('document.cookie'), '', 'and no script can read why');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await field.waitFor();
  t.equal(await page.locator('#machines').count(), 0);
  await page.reload();
  await field.waitFor();
  t.strictSame(faults, []);
});
