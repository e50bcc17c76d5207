/** Firefox over WebDriver BiDi: one process per page, because hidden tabs get their timers and frame callbacks throttled. */
import { launch, type Browser } from 'puppeteer';
import type { BrowserDriver } from './driver.ts';
import { wrapPage } from './page.ts';

const PREFERENCES = {
  // Without a sound card an AudioContext stays suspended unless the sound back end is the mock one.
  'media.cubeb.force_mock_context': true,
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
};

export async function launchFirefox(executablePath: string): Promise<BrowserDriver> {
  const open = new Set<Browser>();
  const start = async () => {
    const browser = await launch({ browser: 'firefox', executablePath, headless: true, extraPrefsFirefox: PREFERENCES });
    open.add(browser);
    return browser;
  };
  const stop = async (browser: Browser) => {
    open.delete(browser);
    await browser.close().catch(() => undefined);
  };
  return {
    name: 'firefox',
    version: async () => {
      const browser = await start();
      const version = await browser.version();
      await stop(browser);
      return version;
    },
    open: async () => {
      const browser = await start();
      return wrapPage(await browser.newPage(), () => stop(browser));
    },
    close: async () => {
      await Promise.all([...open].map(stop));
    },
  };
}
