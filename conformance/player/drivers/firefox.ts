/** Firefox over WebDriver BiDi: one page per process at a time, because hidden tabs get their timers and frame callbacks throttled. */
import { launch, type Browser } from 'puppeteer';
import type { BrowserDriver } from './driver.ts';
import { wrapPage } from './page.ts';
import { reusingPages } from './reuse.ts';

const PREFERENCES = {
  // Without a sound card an AudioContext stays suspended unless the sound back end is the mock one.
  'media.cubeb.force_mock_context': true,
  'media.autoplay.default': 0,
  'media.autoplay.blocking_policy': 0,
};

/** Starting a process costs more than most replays, so it is used again; not for ever, since what it has not given back adds up. */
const PAGES = 25;

type Process = { readonly browser: Browser; pages: number };

export async function launchFirefox(executablePath: string): Promise<BrowserDriver> {
  const running = new Set<Process>();
  const idle: Process[] = [];
  const start = async (): Promise<Process> => {
    const process = { browser: await launch({ browser: 'firefox', executablePath, headless: true, extraPrefsFirefox: PREFERENCES }), pages: 0 };
    running.add(process);
    return process;
  };
  const stop = async (process: Process): Promise<void> => {
    running.delete(process);
    await process.browser.close().catch(() => undefined);
  };
  return reusingPages({
    name: 'firefox',
    version: async () => {
      const process = idle.pop() ?? (await start());
      idle.push(process);
      return process.browser.version();
    },
    open: async () => {
      const process = idle.pop() ?? (await start());
      try {
        process.pages++;
        // A context of its own: no page finds what another has left in a cache.
        const context = await process.browser.createBrowserContext();
        return await wrapPage(await context.newPage(), async () => {
          const closed = await context.close().then(
            () => true,
            () => false,
          );
          if (closed && process.pages < PAGES && running.has(process)) idle.push(process);
          else await stop(process);
        });
      } catch (error) {
        await stop(process);
        throw error;
      }
    },
    close: async () => {
      idle.length = 0;
      await Promise.all([...running].map(stop));
    },
  });
}
