import { expect, test } from 'vitest';
import { openStage } from '../serve.ts';
import type { BrowserPage } from './driver.ts';
import { BROWSERS, launchBrowser } from './launch.ts';

/** What a page finds of others, and what it leaves for them. */
const LEAVE = `(async () => {
  const found = [localStorage.getItem('left'), (await indexedDB.databases()).length, globalThis.left ?? null, document.visibilityState];
  localStorage.setItem('left', 'something');
  globalThis.left = 'something';
  await new Promise((resolve, reject) => Object.assign(indexedDB.open('left'), { onsuccess: resolve, onerror: reject }));
  return found;
})()`;
const NOTHING = [null, 0, null, 'visible'];

/** Processes and pages are used again, what a page has left behind is not. */
test.for(BROWSERS)('%s opens pages that find nothing of one another, in the front and beside each other', async (name) => {
  const stage = await openStage();
  const driver = await launchBrowser(name, process.env);
  const visit = async (open: () => Promise<BrowserPage>): Promise<unknown> => {
    const page = await open();
    try {
      return await page.evaluate(LEAVE);
    } finally {
      await page.close();
    }
  };
  const own = async (): Promise<BrowserPage> => {
    const page = await driver.open();
    await page.goto(stage.url);
    return page;
  };
  const used = (): Promise<BrowserPage> => driver.open(stage.url);
  try {
    for (const open of [own, own, used, used, used, own, used]) expect(await visit(open)).toEqual(NOTHING);
    for (const open of [own, used]) expect(await Promise.all([visit(open), visit(open)])).toEqual([NOTHING, NOTHING]);
    expect(await driver.version()).toMatch(new RegExp(name === 'chromium' ? 'chrom' : name, 'i'));
  } finally {
    await driver.close();
    await stage.close();
  }
});
