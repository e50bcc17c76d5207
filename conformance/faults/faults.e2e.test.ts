/** Faults on the wire between suite and origin: each is caught, and the failing result names the requirement that it breaks. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capture } from '../capture/capture.ts';
import { traceReader } from '../capture/store.ts';
import { judge, type Verdicts } from '../judge.ts';
import { memoryStore } from '../mutants/judge-origin.ts';
import { NO_JUDGES } from '../oracle/judges.ts';
import { CHECKS, loadRequirements } from '../registry.ts';
import { assetsIn, startOrigin, targetsOf, type AssetFolder, type RunningOrigin } from '../subject/self.ts';
import { FAULTS } from './faults.ts';
import { startProxy, type Proxy } from './proxy.ts';

const ROOT = fileURLToPath(new URL('../../corpus/.assets', import.meta.url));
const ENTRY = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));
const requirements = loadRequirements();
/** What no schema or decoder is needed for. */
const checks = CHECKS.filter(({ id }) => !/^decode\/|schema$/.test(id));

describe('faults on the wire', () => {
  let origin: RunningOrigin;
  let proxy: Proxy;
  let assets: readonly AssetFolder[];
  beforeAll(async () => {
    assets = assetsIn(ROOT, ['elst-delay']);
    origin = await startOrigin(ROOT, ENTRY);
    proxy = await startProxy(origin.url);
  });
  afterAll(async () => {
    await proxy.stop();
    await origin.stop();
  });

  const verdicts = async (): Promise<Verdicts> => {
    const store = memoryStore();
    const trace = await capture(store, { kind: 'self', profile: 'ams', manifests: targetsOf(proxy.url, assets), concurrency: 8 });
    return judge({ reader: traceReader(trace, ({ body }) => store.get(body?.sha256 ?? '')), checks, requirements, truths: new Map(assets.flatMap(({ id, truth }) => (truth === null ? [] : [[id, truth] as const]))), judges: NO_JUDGES, expectations: [], suiteVersion: '0', kind: 'origin' });
  };

  it('are ten at least, on all outputs', () => {
    expect(FAULTS.length).toBeGreaterThanOrEqual(10);
  });

  it('leave nothing to find when there is none', async () => {
    proxy.spoilWith(null);
    const { report, faults } = await verdicts();
    expect(faults).toEqual([]);
    expect(report.results.filter(({ outcome }) => outcome === 'fail').map(({ id }) => id)).toEqual([]);
  });

  it.each(FAULTS)('$name', async (fault) => {
    proxy.spoilWith(fault);
    const { report, faults } = await verdicts();
    expect(proxy.spoiled()).toBeGreaterThan(0);
    expect(faults).toEqual([]);
    const failed = new Set(report.results.filter(({ outcome }) => outcome === 'fail').flatMap((result) => result.requirements));
    // Each of them: a fault that breaks two requirements is named by both.
    expect([...failed]).toEqual(expect.arrayContaining([...fault.requirements]));
  });
});
