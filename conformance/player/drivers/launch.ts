/** The browsers by name. */
import type { BrowserName } from '../model.ts';
import { launchChromium } from './chromium.ts';
import type { BrowserDriver } from './driver.ts';
import { launchFirefox } from './firefox.ts';
import { locateBrowser } from './locate.ts';

const LAUNCHERS: Readonly<Record<BrowserName, (path: string) => Promise<BrowserDriver>>> = {
  chromium: launchChromium,
  firefox: launchFirefox,
};

export const BROWSERS: readonly BrowserName[] = ['chromium', 'firefox'];

export async function launchBrowser(name: BrowserName, environment: NodeJS.ProcessEnv): Promise<BrowserDriver> {
  const located = await locateBrowser(name, environment);
  if ('missing' in located) throw new Error(located.missing);
  return LAUNCHERS[name](located.path);
}
