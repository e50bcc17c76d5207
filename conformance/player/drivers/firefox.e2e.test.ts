import { expect, test } from 'vitest';
import { openStage } from '../serve.ts';
import { launchBrowser } from './launch.ts';

/** A process is used again, what a page has left behind is not. */
test('Firefox opens pages that find nothing of one another, in the front and beside each other', async () => {
  const stage = await openStage();
  const driver = await launchBrowser('firefox', process.env);
  try {
    const visit = async (): Promise<unknown> => {
      const page = await driver.open();
      try {
        await page.goto(stage.url);
        return await page.evaluate(`(() => { const found = localStorage.getItem('left'); localStorage.setItem('left', 'something'); return [found, document.visibilityState]; })()`);
      } finally {
        await page.close();
      }
    };
    expect(await visit()).toEqual([null, 'visible']);
    expect(await visit()).toEqual([null, 'visible']);
    expect(await Promise.all([visit(), visit()])).toEqual([[null, 'visible'], [null, 'visible']]);
    expect(await driver.version()).toMatch(/firefox/i);
  } finally {
    await driver.close();
    await stage.close();
  }
});
