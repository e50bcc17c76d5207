/** A player that the suite does not know, as a module or as a page that a vendor wrote: see example/README.md. */
import * as z from 'zod';
import { SuiteFault } from '../fault.ts';
import type { BrowserDriver } from './drivers/driver.ts';
import type { PlayerRow } from './players.ts';
import { remoteScript } from './script.ts';
import { VENDOR_MODULE, type Stage } from './serve.ts';

const describedSchema = z.object({
  name: z.string().regex(/^[\w.-]{1,40}$/),
  formats: z.array(z.enum(['hls', 'dash', 'smooth'])).min(1),
  choosesQuality: z.boolean().default(true),
  choosesAudio: z.boolean().default(true),
});
const moduleSchema = describedSchema.extend({ createAdapter: z.literal('function') });

/** Asks the module in a browser: it may touch the document as soon as it is loaded. */
export async function describeModule(stage: Stage, open: () => Promise<BrowserDriver>): Promise<PlayerRow> {
  const driver = await open();
  try {
    const page = await driver.open();
    await page.goto(stage.url);
    const told = await page.evaluate(`import(new URL('${VENDOR_MODULE}', location.href).href).then(
      ({ name, formats, choosesQuality, choosesAudio, createAdapter }) => ({ name, formats, choosesQuality, choosesAudio, createAdapter: typeof createAdapter }),
      (error) => String(error))`);
    if (typeof told === 'string') throw new SuiteFault('usage', `the adapter does not load: ${told}`);
    const described = moduleSchema.safeParse(told);
    if (!described.success) throw new SuiteFault('usage', `the adapter is not as agreed: ${z.prettifyError(described.error)}`);
    const { name, formats, choosesQuality, choosesAudio } = described.data;
    return { name, kinds: formats, choosesQuality, choosesAudio, module: VENDOR_MODULE };
  } finally {
    await driver.close();
  }
}

/** The address of a vendor's page; null: the player is put into the suite's own. */
export function pageOf(player: Pick<PlayerRow, 'module'>): string | null {
  return player.module !== null && isPageAddress(player.module) ? player.module : null;
}

export const isPageAddress = (name: string): boolean => /^https?:\/\//.test(name);

export async function describePage(url: string, open: () => Promise<BrowserDriver>): Promise<PlayerRow> {
  const driver = await open();
  try {
    const page = await driver.open();
    await page.goto(url);
    await page.evaluate(await remoteScript());
    const told = await page.evaluate('suite.describe().catch((error) => String(error))');
    if (typeof told === 'string') throw new SuiteFault('usage', `${url}: ${told}`);
    const described = describedSchema.safeParse(told);
    if (!described.success) throw new SuiteFault('usage', `${url} does not describe itself as agreed: ${z.prettifyError(described.error)}`);
    const { name, formats, choosesQuality, choosesAudio } = described.data;
    return { name, kinds: formats, choosesQuality, choosesAudio, module: url };
  } finally {
    await driver.close();
  }
}
