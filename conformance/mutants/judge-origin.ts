/** Captures and judges an origin in memory, with chosen checks. */
import { createHash } from 'node:crypto';
import { capture } from '../capture/capture.ts';
import { traceReader, type BodyStore } from '../capture/store.ts';
import { masterUrls } from '../outputs.ts';
import type { Expectation } from '../expectations.ts';
import { judge, type Verdicts } from '../judge.ts';
import type { Check } from '../model.ts';
import type { Judges } from '../oracle/judges.ts';
import { loadRequirements } from '../registry.ts';
import { ASSET, specimenTruth } from './content.ts';
import { readView } from '../view.ts';
import { specimenDecoder } from './decoder.ts';
import type { Origin } from './origin.ts';

const requirements = loadRequirements();

export function memoryStore(): BodyStore {
  const bodies = new Map<string, Uint8Array>();
  return {
    put(bytes) {
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      bodies.set(sha256, bytes);
      return { sha256, size: bytes.length };
    },
    get: (sha256) => bodies.get(sha256) ?? new Uint8Array(),
  };
}

export async function judgeOrigin(origin: Origin, checks: readonly Check[], judges: Judges, expectations: readonly Expectation[] = [], segmentsPerTrack = Infinity): Promise<Verdicts> {
  const store = memoryStore();
  const manifests = masterUrls(origin.ism).map(({ format, url }) => ({ asset: ASSET, format, url }));
  const trace = await capture(store, { kind: 'self', profile: 'ams', manifests, concurrency: 4, segmentsPerTrack, ask: origin.ask });
  const reader = traceReader(trace, ({ body }) => store.get(body?.sha256 ?? ''));
  const decoder = specimenDecoder(reader, () => manifests.map((manifest) => readView(manifest, reader)));
  return judge({ reader, checks, requirements, truths: new Map([[ASSET, specimenTruth()]]), judges: { ...judges, decoder }, expectations, suiteVersion: '0', kind: 'trace' });
}
