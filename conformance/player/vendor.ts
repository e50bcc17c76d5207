/** A player that the suite does not know, as a module that a vendor wrote: see example/README.md. */
import * as z from 'zod';
import { SuiteFault } from '../fault.ts';
import type { BrowserDriver } from './drivers/driver.ts';
import type { PlayerRow } from './players.ts';
import { VENDOR_MODULE, type Stage } from './serve.ts';

const moduleSchema = z.object({
  name: z.string().regex(/^[\w.-]{1,40}$/),
  formats: z.array(z.enum(['hls', 'dash', 'smooth'])).min(1),
  choosesQuality: z.boolean().default(true),
  choosesAudio: z.boolean().default(true),
  createAdapter: z.literal('function'),
});

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
