/** Everything that the origin would do with an asset, in all formats: its manifests, and the first and last segment of every track. */
import { FORMATS, type Format, type SegmentPlan } from '../../formats.ts';
import { IsomerError } from '../../errors.ts';
import type { SwitchingSet, Track } from '../../model/presentation.ts';
import { presentationTime } from '../../model/samples.ts';
import { planBody, sendBody } from '../../origin/body.ts';
import { createPool } from '../../origin/pool.ts';
import { toHns } from '../../time.ts';
import type { Asset } from '../open.ts';

const pool = createPool();
/** No time, size or rate in a manifest may be one of these. */
const NO_VALUE = /NaN|Infinity|undefined|null|\[object|function/;

/** The codes of what was refused on the way; what is refused without a type is thrown. */
export async function exercise(asset: Asset): Promise<readonly string[]> {
  const refused: string[] = [];
  const attempt = async (work: () => unknown): Promise<void> => {
    try {
      await work();
    } catch (error) {
      refused.push(typed(error).code);
    }
  };
  for (const format of FORMATS) await exerciseFormat(asset, format, attempt);
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

async function exerciseFormat(asset: Asset, format: Format, attempt: Attempt): Promise<void> {
  const { presentation } = asset;
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
