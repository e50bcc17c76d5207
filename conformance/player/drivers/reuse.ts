/**
 * Opening a page costs a process and most of a second, which is a fifth of a replay. So a page is used again: by whoever
 * asks for one at an address, which is loaded anew, with nothing stored and nothing cached. Not for ever, since what a
 * process has not given back adds up.
 */
import { setTimeout as wait } from 'node:timers/promises';
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
      return url === undefined ? driver.open() : lend(await openAt(driver.open, url), url, 1);
    },
    close: async () => {
      waiting.length = 0;
      await driver.close();
    },
  };
}

/** A page that stands at an address, or none: one that cannot be loaded is not left open. */
export async function openAt<P extends BrowserPage>(open: () => Promise<P>, url: string): Promise<P> {
  const page = await open();
  try {
    await page.goto(url);
    return page;
  } catch (error) {
    await page.close();
    throw error;
  }
}

function inTime(work: Promise<void>): Promise<boolean> {
  const done = work.then(() => true, () => false);
  return Promise.race([done, wait(READY_MS, false, { ref: false })]);
}
