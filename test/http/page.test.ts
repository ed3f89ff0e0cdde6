import type { Page } from 'playwright-core';
import t from 'tap';
import { until } from '../support/plant.ts';
import { noChromium, openPage, startBrowser, takePicture } from './page-browser.ts';
import { HOSTILE_NAME, HOSTILE_TEXT, PagePlant } from './page-plant.ts';

const textOf = (page: Page, selector: string) => page.locator(selector).first().innerText();

/** Whether the page is wider than its window: then a phone has to be pushed sideways. */
const overflow = (page: Page) => page.evaluate('document.documentElement.scrollWidth - innerWidth');

t.test('the status page in Chromium, of a gateway that runs', { skip: noChromium }, async (t) => {
  const plant = await PagePlant.start(t.testdir());
  const browser = await startBrowser();
  t.teardown(async () => {
    await browser.close();
    await plant[Symbol.asyncDispose]();
  });
  const machineUrl = `${plant.url}#/vmc-1`;

  await t.test('shows every machine with its link, its state and the age of its data', async (t) => {
    const { page, faults } = await openPage(browser, plant.url);
    const rows = page.locator('.machine');
    await rows.nth(2).waitFor();
    t.equal(await rows.count(), 3);
    t.match(await rows.first().innerText(), /vmc-1.*Streaming.*ago/s, 'the one with an alert comes first');
    t.match(await textOf(page, '#uplink'), /Connected.*MQTT/s);
    t.match(await textOf(page, '#buffer'), /of 2 GiB/);
    t.match(await textOf(page, '#gateway'), /gw-1.*acme.*Joinville/s);
    await page.locator('.machine .strip').first().waitFor();
    await page.locator('.machine-oee b').first().waitFor();
    await takePicture(page, 'desktop-light');
    t.strictSame(faults, []);
    await page.context().close();
  });

  await t.test('values of a machine change by themselves', async (t) => {
    const { page, faults } = await openPage(browser, machineUrl);
    const value = page.locator('tr', { has: page.getByRole('link', { name: 'power', exact: true }) }).locator('.value');
    const first = await value.innerText();
    await until('another value is shown', async () => (await value.innerText()) !== first);
    await page.locator('.sparkline path').first().waitFor({ state: 'attached' });
    t.ok((await page.locator('.sparkline path').first().getAttribute('d'))?.includes('L'), 'and draw a line');
    t.strictSame(faults, []);
    await page.context().close();
  });

  await t.test('draws the history of the signal that is chosen, for the time that is chosen', async (t) => {
    const { page, faults } = await openPage(browser, machineUrl);
    await page.getByRole('link', { name: 'power', exact: true }).click();
    await page.getByRole('heading', { name: 'History of power' }).waitFor();
    for (const range of ['24 h', '7 d', '1 h']) {
      const answered = page.waitForResponse((response) => response.url().includes('/history?'));
      await page.getByRole('button', { name: range, exact: true }).click();
      t.equal((await answered).status(), 200);
      await until(`there is a line for ${range}`, () => hasInk(page));
    }
    await page.locator('.plot').focus();
    await page.keyboard.press('ArrowRight');
    await until('the arrow keys tell a point', async () => /mean/.test(await textOf(page, '#history output')));
    await takePicture(page, 'machine');
    await page.getByRole('link', { name: 'program', exact: true }).click();
    await page.locator('.changes li').first().waitFor();
    t.match(await textOf(page, '.changes'), /O7001 <ROUGH & FINISH>/, 'a text is listed, not drawn');
    t.strictSame(faults, []);
    await page.context().close();
  });

  await t.test('tells the states of the last day to the pointer and to the arrow keys', async (t) => {
    const { page } = await openPage(browser, machineUrl);
    const track = page.locator('.track');
    await track.focus();
    await page.keyboard.press('ArrowLeft');
    await until('a state is told', async () => /Running|Idle|Stopped/.test(await textOf(page, '#timeline output')));
    await track.hover({ position: { x: 5, y: 5 } });
    await until('nothing is known of yesterday', async () => /Unknown/.test(await textOf(page, '#timeline output')));
    t.match(await textOf(page, '.legend'), /Running.*Idle.*Stopped.*Unknown/s);
    await page.context().close();
  });

  await t.test('what a machine calls itself and says is text, and nothing else', async (t) => {
    const { page, faults } = await openPage(browser, `${plant.url}#/evil/${encodeURIComponent(HOSTILE_NAME)}`);
    await page.getByRole('heading', { name: `History of ${HOSTILE_NAME}` }).waitFor();
    await page.getByRole('link', { name: HOSTILE_NAME }).waitFor();
    const message = page.locator('tr', { has: page.getByRole('link', { name: 'message' }) }).locator('.value span');
    const title = (await message.first().getAttribute('title')) ?? '';
    t.ok(title.length > 900 && HOSTILE_TEXT.startsWith(title), 'a long text is clipped, and there as a tooltip');
    t.match(await textOf(page, '#about'), '<b onclick=alert(1)>Evil</b>');
    t.equal(await page.evaluate('window.pwned'), undefined);
    t.equal(await page.locator('img[src=x], main script, main b[onclick]').count(), 0);
    t.equal(await overflow(page), 0);
    t.strictSame(faults, []);
    await page.context().close();
  });

  await t.test('speaks Portuguese where the browser does, and what is chosen by hand stays', async (t) => {
    const { page } = await openPage(browser, plant.url, { locale: 'pt-BR' });
    await page.getByRole('heading', { name: 'Máquinas' }).waitFor();
    t.match(await textOf(page, '#uplink'), /Conectada/);
    t.equal(await page.evaluate('document.documentElement.lang'), 'pt-BR');
    await takePicture(page, 'pt-br');
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByRole('heading', { name: 'Machines' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Machines' }).waitFor();
    t.match(await textOf(page, '#uplink'), /Connected/);
    await page.context().close();
  });

  await t.test('is dark where the browser is', async (t) => {
    const { page } = await openPage(browser, plant.url, { colorScheme: 'dark' });
    await page.locator('.machine .strip').first().waitFor();
    const lightness = await page.evaluate(
      '(getComputedStyle(document.body).backgroundColor.match(/\\d+/g) ?? []).map(Number)',
    );
    t.ok((lightness as number[]).every((part) => part < 60));
    await takePicture(page, 'desktop-dark');
    await page.context().close();
  });

  await t.test('fits on a phone of 360 pixels, without a push to the side', async (t) => {
    const phone = { viewport: { width: 360, height: 780 }, deviceScaleFactor: 2, hasTouch: true };
    const { page } = await openPage(browser, plant.url, phone);
    await page.locator('.machine .strip').first().waitFor();
    t.equal(await overflow(page), 0);
    await takePicture(page, 'phone');
    await page.locator('.machine').first().tap();
    await page.locator('#history canvas').waitFor();
    t.equal(await overflow(page), 0);
    await takePicture(page, 'phone-machine');
    await page.context().close();
  });

  await t.test('can be used without a mouse', async (t) => {
    const { page } = await openPage(browser, plant.url);
    await page.locator('.machine').first().waitFor();
    const stops: string[] = [];
    while (!stops.includes('machine') && stops.length < 30) {
      await page.keyboard.press('Tab');
      stops.push(String(await page.evaluate('(document.activeElement?.className ?? "").split(" ")[0]')));
    }
    t.ok(stops.includes('skip'), 'the first stop leads past the top');
    await page.keyboard.press('Enter');
    await page.locator('#signals table').waitFor();
    await page.goBack();
    await page.locator('#machines').waitFor();
    await page.context().close();
  });

  await t.test(
    'an alert that is acknowledged by click is so at the gateway, by the name that was asked for',
    async (t) => {
      const { page, faults } = await openPage(browser, plant.url);
      t.match(await textOf(page, '#verdict'), /1 alert is open at vmc-1/);
      await page.getByRole('button', { name: 'Acknowledge spindle-turns of vmc-1' }).click();
      await page.getByLabel('Who has seen it?').fill('Ana <b>');
      await page.locator('dialog').getByRole('button', { name: 'Acknowledge' }).click();
      await page.locator('.alert .seen').waitFor();
      t.strictSame(
        (await plant.state()).alerts.map(({ rule, acknowledged }) => ({ rule, acknowledged })),
        [{ rule: 'spindle-turns', acknowledged: true }],
      );
      t.equal(await page.evaluate("localStorage.getItem('name')"), 'Ana <b>', 'the next time it is there');
      await until('the verdict knows', async () => !(await textOf(page, '#verdict')).includes('alert is open'));
      t.strictSame(faults, []);
      await page.context().close();
    },
  );

  await t.test('an uplink that is lost is the first thing that is told', async (t) => {
    const { page } = await openPage(browser, plant.url);
    await page.locator('#uplink.good').waitFor();
    plant.uplink.mode = 'refuse';
    plant.uplink.cut();
    await page.getByRole('heading', { name: 'The uplink is down since' }).waitFor();
    t.match(await textOf(page, '#verdict'), /All data is kept here and sent later/);
    await page.locator('#uplink .headline', { hasText: /Not connected|Connecting/ }).waitFor();
    await page.locator('#backlog .headline', { hasText: 'observation' }).waitFor();
    await takePicture(page, 'uplink-lost');
    plant.uplink.mode = 'flow';
    await page.locator('#uplink.good').waitFor();
    t.notMatch(await textOf(page, '#verdict h1'), /uplink/);
    await page.context().close();
  });

  await t.test('a machine that is no longer read is the worst, and its values look old', async (t) => {
    const { page } = await openPage(browser, machineUrl);
    await page.locator('#signals tr').nth(5).waitFor();
    await plant.agent.unplug();
    await page.locator('.stale-note').waitFor();
    t.match(await textOf(page, '.stale-note'), /the machine is not being read/);
    await page.locator('#signals.stale').waitFor();
    await page.getByRole('heading', { name: 'machines are not read' }).waitFor();
    await takePicture(page, 'machine-lost');
    await plant.agent.plug();
    await page.locator('#signals:not(.stale)').waitFor();
    await page.context().close();
  });

  await t.test('says since when nothing comes, keeps what it knew, and goes on by itself', async (t) => {
    const { page } = await openPage(browser, plant.url);
    await page.locator('.machine').first().waitFor();
    await plant.killGateway();
    await page.getByRole('heading', { name: 'No connection since' }).waitFor();
    t.equal(await page.locator('.machine').count(), 3);
    await takePicture(page, 'no-connection');
    plant.restartGateway();
    await page.locator('.live-on').waitFor();
    await page.locator('#uplink.good').waitFor();
    await page.context().close();
  });
});

/** Whether anything of the line's colour is drawn. */
async function hasInk(page: Page): Promise<boolean> {
  return (await page.evaluate(`(() => {
    const canvas = document.querySelector('#history canvas');
    if (canvas === null) return false;
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let blue = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200 && data[i + 2] > data[i] + 100) blue += 1;
    return blue > 20;
  })()`)) as boolean;
}
