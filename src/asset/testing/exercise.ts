/**
 * Everything that the origin would do with an asset, in all formats: its manifests, and the first and last segment of every track;
 * in the clear, under a drawn protection, and within a drawn range of time.
 */
import { FORMATS, type Format, type SegmentPlan } from '../../formats.ts';
import { IsomerError } from '../../errors.ts';
import { applyFilters } from '../../model/filter.ts';
import type { Presentation, SwitchingSet, Track } from '../../model/presentation.ts';
import type { KeySystems, Scheme } from '../../model/protection.ts';
import { presentationTime } from '../../model/samples.ts';
import { planBody, sendBody } from '../../origin/body.ts';
import { createPool } from '../../origin/pool.ts';
import { ContentKey } from '../../protection/contentkey.ts';
import { protectPresentation } from '../../protection/protect.ts';
import { NO_SYSTEMS } from '../../protection/urls.ts';
import { toHns } from '../../time.ts';
import type { Asset } from '../open.ts';
import type { Random } from './random.ts';

const pool = createPool();
/** No time, size or rate in a manifest may be one of these. */
const NO_VALUE = /NaN|Infinity|undefined|null|\[object|function/;

const KEY = new ContentKey(new Uint8Array(16).fill(1), new Uint8Array(16).fill(2));
const SYSTEMS: KeySystems = { ...NO_SYSTEMS, playReady: { licenseUrl: 'https://k/', customAttributes: null }, widevine: { licenseUrl: null }, clearKey: { keyUrl: 'https://k/' }, envelope: { keyUrl: 'https://k/{ContentKeyId}' } };
const SCHEMES = ['cbc', 'cenc', 'cbcs', 'piff'] as const satisfies readonly Scheme[];
const NO_FILTER = { name: 'part', firstQuality: null, tracks: [] };
const UNLIMITED = { presentationWindowDuration: null, liveBackoffDuration: null, forceEndTimestamp: false, timescale: 1000n };

function underProtection({ presentation }: Asset, scheme: Scheme): Presentation {
  return protectPresentation(presentation, { scheme, keyOf: () => KEY, systems: SYSTEMS });
}

/** Milliseconds that may lie in front of the asset, behind it, or be too few for one segment. */
function within({ presentation }: Asset, random: Random): Presentation {
  const startTimestamp = random.chance(0.8) ? BigInt(random.below(12_000)) : null;
  const endTimestamp = random.chance(0.8) ? (startTimestamp ?? 0n) + BigInt(random.below(12_000)) : null;
  return applyFilters(presentation, [{ ...NO_FILTER, presentationTimeRange: { ...UNLIMITED, startTimestamp, endTimestamp } }], { live: false });
}

/** The codes of what was refused in the clear; what is refused without a type is thrown, also in part and under protection, which are drawn. */
export async function exercise(asset: Asset, random: Random | null): Promise<readonly string[]> {
  const refused: string[] = [];
  let inTheClear = true;
  const attempt = async (work: () => unknown): Promise<void> => {
    try {
      await work();
    } catch (error) {
      const { code } = typed(error);
      if (inTheClear) refused.push(code);
    }
  };
  for (const format of FORMATS) await exerciseFormat(asset, asset.presentation, format, attempt);
  inTheClear = false;
  if (random !== null) {
    const scheme = random.pick(SCHEMES);
    await attempt(() => exerciseAll(asset, within(asset, random), () => true, attempt));
    await attempt(() => exerciseAll(asset, underProtection(asset, scheme), ({ schemes }) => [...(schemes?.ams ?? []), ...(schemes?.beyond ?? [])].includes(scheme), attempt));
  }
  const { held } = pool.stats();
  if (held !== 0) throw new Error(`${held} buffers were not given back`);
  return refused;
}

/** The error itself when it is one that a client may see. */
export function typed(error: unknown): IsomerError {
  if (!(error instanceof IsomerError) || error.code === 'ISOMER_INTERNAL') throw error;
  if (error.message.length > 4096) throw new Error(`an error of ${error.message.length} characters: ${error.message.slice(0, 200)}`);
  return error;
}

type Attempt = (work: () => unknown) => Promise<void>;

async function exerciseAll(asset: Asset, presentation: Presentation, carries: (format: Format) => boolean, attempt: Attempt): Promise<void> {
  for (const format of FORMATS) if (carries(format)) await exerciseFormat(asset, presentation, format, attempt);
}

async function exerciseFormat(asset: Asset, presentation: Presentation, format: Format, attempt: Attempt): Promise<void> {
  const parameters = { format: format.tags[0], extra: [], audioOnly: true };
  const manifest = (write: () => string): Promise<void> =>
    attempt(() => {
      const text = write();
      const found = NO_VALUE.exec(text);
      if (found !== null) throw new Error(`${format.id} says ${text.slice(Math.max(0, found.index - 60), found.index + 30)}`);
    });
  await manifest(() => format.writeManifest(presentation, parameters));
  for (const set of presentation.switchingSets) {
    for (const track of set.tracks) {
      await manifest(() => format.writePlaylist?.(presentation, set, track, parameters) ?? '');
      if (set.kind === 'video') await manifest(() => format.writeKeyFramePlaylist?.(presentation, set, track, parameters) ?? '');
      await attempt(() => format.writeInit?.(set, track));
      for (const segment of new Set([0, track.cuts.length - 2])) await attempt(() => make(format.planSegment(presentation, set, track, segment, parameters), asset));
      await attempt(() => makeKeyFrame(format, set, track, asset));
    }
  }
}

async function makeKeyFrame(format: Format, set: SwitchingSet, track: Track, asset: Asset): Promise<void> {
  const { samples, timescale } = track;
  const sample = samples.sync?.at(-1) ?? 0;
  const plan = set.kind === 'video' ? format.planKeyFrame?.(set, track, toHns(samples.base + BigInt(presentationTime(samples, sample)), timescale)) : null;
  if (plan !== null && plan !== undefined) await make(plan, asset);
}

async function make(plan: SegmentPlan, asset: Asset): Promise<void> {
  const body = await planBody(plan, { sources: asset.sources, pool, release: () => undefined });
  let bytes = 0;
  await sendBody(
    body,
    {
      write: (chunk) => {
        bytes += chunk.length;
        return Promise.resolve();
      },
      abort: () => undefined,
    },
    pool,
  );
  if (bytes !== body.length) throw new Error(`${bytes} bytes were sent of ${body.length}`);
}
