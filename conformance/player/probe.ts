/** What a browser says that it can decode. Predicts which cells cannot play there; never makes one pass. */
import * as z from 'zod';
import type { BrowserDriver } from './drivers/driver.ts';
import type { Stage } from './serve.ts';

const probeSchema = z.strictObject({
  userAgent: z.string(),
  /** MIME type with codecs → MediaSource.isTypeSupported. */
  mediaSource: z.record(z.string(), z.boolean()),
  /** Manifest type → canPlayType: '', 'maybe' or 'probably'. */
  native: z.record(z.string(), z.string()),
  frameCallback: z.boolean(),
  encryptedMedia: z.boolean(),
});
export type Probe = z.infer<typeof probeSchema>;

export async function probeBrowser(driver: BrowserDriver, stage: Stage): Promise<Probe> {
  const page = await driver.open();
  try {
    await page.goto(stage.url);
    return probeSchema.parse(await page.evaluate(`import(new URL('probe.js', location.href).href).then(({ probe }) => probe())`));
  } finally {
    await page.close();
  }
}
