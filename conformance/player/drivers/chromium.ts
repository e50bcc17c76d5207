/** Chromium over CDP: one process, one context per page (tabs of one window are serialised, contexts are not). */
import { launch, type Page } from 'puppeteer';
import type { BrowserDriver, Shot } from './driver.ts';
import { wrapPage } from './page.ts';
import { reusingPages } from './reuse.ts';

export async function launchChromium(executablePath: string): Promise<BrowserDriver> {
  const browser = await launch({
    browser: 'chrome',
    executablePath,
    headless: true,
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      // Pictures are put together by the processor either way: without the detour over an imitated graphics card.
      '--disable-gpu',
      '--autoplay-policy=no-user-gesture-required',
      '--disable-background-timer-throttling',
      '--disable-renderer-backgrounding',
      '--disable-backgrounding-occluded-windows',
    ],
  });
  return reusingPages({
    name: 'chromium',
    version: () => browser.version(),
    open: async () => {
      const context = await browser.createBrowserContext();
      const page = await context.newPage();
      return wrapPage(page, () => context.close().catch(() => undefined), screencast);
    },
    close: () => browser.close(),
  });
}

/** Every picture that the compositor shows, protected ones too (Chrome DevTools Protocol, Page.startScreencast). */
async function screencast(page: Page): Promise<() => Promise<readonly Shot[]>> {
  const session = await page.createCDPSession();
  const shots: Shot[] = [];
  session.on('Page.screencastFrame', ({ data, sessionId, metadata }) => {
    shots.push({ png: Buffer.from(data, 'base64'), at: (metadata.timestamp ?? 0) * 1000 });
    session.send('Page.screencastFrameAck', { sessionId }).catch(() => undefined);
  });
  await session.send('Page.startScreencast', { format: 'png', everyNthFrame: 1 });
  return async () => {
    await session.send('Page.stopScreencast').catch(() => undefined);
    await session.detach().catch(() => undefined);
    return shots;
  };
}
