/** A puppeteer page as the suite's BrowserPage. The same for both protocols puppeteer speaks (CDP and WebDriver BiDi). */
import type { Page } from 'puppeteer';
import type { Response, Shot } from './driver.ts';
import type { ForgetfulPage } from './reuse.ts';

const NAVIGATION_MS = 30_000;

/** What players keep beyond a document: the bandwidth they saw, their settings, licences. */
const FORGET = `(async () => {
  localStorage.clear();
  sessionStorage.clear();
  for (const { name } of await indexedDB.databases()) indexedDB.deleteDatabase(name);
})()`;

export async function wrapPage(page: Page, onClose: () => Promise<void>, film: (page: Page) => Promise<() => Promise<readonly Shot[]>> = filmByScreenshots): Promise<ForgetfulPage> {
  let messages: string[] = [];
  let responses: Response[] = [];
  page.on('console', (message) => {
    const type = message.type();
    if (type === 'error' || type === 'warn') messages.push(`${type}: ${message.text()}`);
  });
  page.on('pageerror', (error) => messages.push(`thrown: ${error instanceof Error ? error.message : String(error)}`));
  page.on('response', (response) => responses.push({ url: response.url(), status: response.status() }));
  page.setDefaultTimeout(NAVIGATION_MS);
  await page.setViewport({ width: 1280, height: 800 });
  // Every answer is to be the origin's own.
  await page.setCacheEnabled(false);
  const goto = async (url: string): Promise<void> => {
    await page.goto(url, { waitUntil: 'domcontentloaded', timeout: NAVIGATION_MS });
  };
  return {
    goto,
    renew: async (url) => {
      await page.evaluate(FORGET);
      await goto(url);
      [messages, responses] = [[], []];
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
