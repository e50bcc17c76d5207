/** The browsers by name. */
import type { BrowserName } from '../model.ts';
import { launchChromium } from './chromium.ts';
import type { BrowserDriver } from './driver.ts';
import { launchFirefox } from './firefox.ts';
import { locateBrowser } from './locate.ts';
import { INSTALL, launchWebKitGtk } from './webkitgtk.ts';

const LAUNCHERS: Readonly<Record<BrowserName, (path: string) => Promise<BrowserDriver>>> = {
  chromium: launchChromium,
  firefox: launchFirefox,
  webkitgtk: launchWebKitGtk,
};

export const BROWSERS: readonly BrowserName[] = ['chromium', 'firefox'];
/** A run does without them: what they would have played is inapplicable, with the reason. */
export const OPTIONAL_BROWSERS: readonly BrowserName[] = ['webkitgtk'];

export async function launchBrowser(name: BrowserName, environment: NodeJS.ProcessEnv): Promise<BrowserDriver> {
  const located = await locateBrowser(name, environment);
  if ('missing' in located) throw new Error(name === 'webkitgtk' ? `${located.missing}; ${INSTALL}` : located.missing);
  return LAUNCHERS[name](located.path);
}
