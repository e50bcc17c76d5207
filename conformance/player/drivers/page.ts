/** A puppeteer page as the suite's BrowserPage. The same for both protocols puppeteer speaks (CDP and WebDriver BiDi). */
import type { Page } from 'puppeteer';
import type { BrowserPage, Response, Shot } from './driver.ts';

const NAVIGATION_MS = 30_000;

export async function wrapPage(page: Page, onClose: () => Promise<void>, film: (page: Page) => Promise<() => Promise<readonly Shot[]>> = filmByScreenshots): Promise<BrowserPage> {
  const messages: string[] = [];
  const responses: Response[] = [];
  page.on('console', (message) => {
    const type = message.type();
    if (type === 'error' || type === 'warn') messages.push(`${type}: ${message.text()}`);
  });
  page.on('pageerror', (error) => messages.push(`thrown: ${error instanceof Error ? error.message : String(error)}`));
  page.on('response', (response) => responses.push({ url: response.url(), status: response.status() }));
  page.setDefaultTimeout(NAVIGATION_MS);
  await page.setViewport({ width: 1280, height: 800 });
  return {
    goto: async (url) => {
      await page.goto(url, { waitUntil: 'domcontentloaded', timeout: NAVIGATION_MS });
    },
    evaluate: (expression) => page.evaluate(expression),
    resize: (width, height) => page.setViewport({ width, height }),
    screenshot: () => page.screenshot({ type: 'png' }),
    film: () => film(page),
    messages: () => messages,
    responses: () => responses,
    emulate: async (features) => {
      await page.emulateMediaFeatures(Object.entries(features).map(([name, value]) => ({ name, value }))).catch(() => undefined);
    },
    press: (key) => page.keyboard.press(key),
    close: async () => {
      await page.close().catch(() => undefined);
      await onClose();
    },
  };
}

async function filmByScreenshots(page: Page): Promise<() => Promise<readonly Shot[]>> {
  const shots: Shot[] = [];
  const end = new AbortController();
  const taking = (async () => {
    while (!end.signal.aborted) shots.push({ png: await page.screenshot({ type: 'png' }), at: performance.now() });
  })();
  return async () => {
    end.abort();
    await taking;
    return shots;
  };
}
