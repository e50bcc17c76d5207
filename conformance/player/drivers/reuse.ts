/**
 * Opening a page costs a process and most of a second, which is a fifth of a replay. So a page is used again: by whoever
 * asks for one at an address, which is loaded anew, with nothing stored and nothing cached. Not for ever, since what a
 * process has not given back adds up.
 */
import type { BrowserDriver, BrowserPage } from './driver.ts';

const USES = 25;
/** A page that takes longer to get ready is given up. */
const READY_MS = 10_000;

/** A page that forgets: what it stored, what it said, and the document itself, in favour of the one at an address. */
export type ForgetfulPage = BrowserPage & { renew(url: string): Promise<void> };

/** Not `about:blank`, which is of no site: browsers would take another process for it, and one more for the way back. */
export function reusingPages(driver: Omit<BrowserDriver, 'open'> & { open(): Promise<ForgetfulPage> }): BrowserDriver {
  const waiting: { readonly page: ForgetfulPage; readonly url: string; readonly uses: number }[] = [];
  const lend = (page: ForgetfulPage, url: string, uses: number): BrowserPage => ({
    ...page,
    close: async () => {
      if (uses < USES && (await inTime(page.renew(url)))) waiting.push({ page, url, uses: uses + 1 });
      else await page.close();
    },
  });
  return {
    ...driver,
    open: async (url) => {
      const next = waiting.pop();
      if (next !== undefined && next.url === url) return lend(next.page, url, next.uses);
      // Whoever wants one of its own gets the place of one that waits.
      await next?.page.close();
      const page = await driver.open();
      if (url === undefined) return page;
      try {
        await page.goto(url);
      } catch (error) {
        await page.close();
        throw error;
      }
      return lend(page, url, 1);
    },
    close: async () => {
      waiting.length = 0;
      await driver.close();
    },
  };
}

async function inTime(work: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), READY_MS);
  });
  try {
    return await Promise.race([work.then(() => true, () => false), late]);
  } finally {
    clearTimeout(timer);
  }
}
