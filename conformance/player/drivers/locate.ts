/** Where the browsers are. Nothing is downloaded: a machine without one gets told which variable to set. */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { BrowserName } from '../model.ts';

const PLACES: Readonly<Record<BrowserName, { readonly variable: string; readonly paths: readonly string[] }>> = {
  chromium: {
    variable: 'ISOMER_CHROMIUM',
    paths: [
      '/usr/bin/chromium',
      '/usr/bin/chromium-browser',
      '/usr/bin/google-chrome',
      '/opt/google/chrome/chrome',
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    ],
  },
  firefox: {
    variable: 'ISOMER_FIREFOX',
    paths: ['/usr/bin/firefox-esr', '/usr/bin/firefox', '/opt/firefox/firefox', '/Applications/Firefox.app/Contents/MacOS/firefox'],
  },
  webkitgtk: {
    variable: 'ISOMER_WEBKITGTK',
    paths: ['x86_64-linux-gnu', 'aarch64-linux-gnu'].flatMap((machine) => ['4.1', '6.0', '4.0'].map((api) => `/usr/lib/${machine}/webkit${api === '6.0' ? '' : '2'}gtk-${api}/MiniBrowser`)),
  },
};

export type Located = { readonly path: string } | { readonly missing: string };

export async function locateBrowser(name: BrowserName, environment: NodeJS.ProcessEnv): Promise<Located> {
  const { variable, paths } = PLACES[name];
  const wanted = environment[variable];
  if (wanted !== undefined && wanted !== '') {
    return (await runs(wanted)) ? { path: wanted } : { missing: `${variable} names ${wanted}, which is not a program` };
  }
  for (const path of paths) if (await runs(path)) return { path };
  return { missing: `no ${name} found; set ${variable} to its program` };
}

/** A program on the path, null where there is none of the name. */
export async function findProgram(name: string, { PATH = '' }: NodeJS.ProcessEnv = process.env): Promise<string | null> {
  for (const folder of PATH.split(delimiter)) if (folder !== '' && (await runs(join(folder, name)))) return join(folder, name);
  return null;
}

async function runs(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
