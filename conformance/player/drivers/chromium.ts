/** Chromium over CDP: one process, one context per page (tabs of one window are serialised, contexts are not). */
import { launch } from 'puppeteer';
import type { BrowserDriver } from './driver.ts';
import { wrapPage } from './page.ts';

export async function launchChromium(executablePath: string): Promise<BrowserDriver> {
  const browser = await launch({
    browser: 'chrome',
    executablePath,
    headless: true,
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--autoplay-policy=no-user-gesture-required',
      '--disable-background-timer-throttling',
      '--disable-renderer-backgrounding',
      '--disable-backgrounding-occluded-windows',
    ],
  });
  return {
    name: 'chromium',
    version: () => browser.version(),
    open: async () => {
      const context = await browser.createBrowserContext();
      const page = await context.newPage();
      return wrapPage(page, () => context.close().catch(() => undefined));
    },
    close: () => browser.close(),
  };
}
