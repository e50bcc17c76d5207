/** Sound that the corpus writes bit by bit (DTS-HD, E-AC-3 7.1, HE-AAC): the frames of every output are the stored ones, and decoded alike. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { exportAll, framesOf, soundOf } from './testing/decode.ts';

const CORPUS = join(import.meta.dirname, '../../corpus/.assets');
const FRAGMENTS = ['hls-cmaf', 'dash-csf', 'dash-cmaf'];

type Truth = { readonly tracks: readonly { readonly kind: string; readonly file: string; readonly trackId: number; readonly editedOut: number }[] };

/** What ffprobe, which knows nothing of manifests, takes a file for. */
async function factsOf(file: string): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)('ffprobe', ['-v', 'error', '-select_streams', 'a:0', '-show_entries', 'stream=codec_name,profile,sample_rate,channels', '-of', 'default=nw=1:nk=1', file]);
  return stdout.trim().split('\n').slice(0, 4);
}

const HE = ['aac', 'HE-AAC', '48000', '2'];
const HE_2 = ['aac', 'HE-AACv2', '48000', '2'];

test.each([
  ['dts-lossless', [...FRAGMENTS, 'hls-v4'], [['dts', 'DTS-HD MA', '48000', '6'], ['dts', 'DTS-HD MA', '48000', '2']]],
  ['dts-null', [...FRAGMENTS, 'hls-v4'], [['dts', 'DTS-HD HRA', '48000', '6'], ['dts', 'DTS Express', '48000', '2']]],
  ['eac3-71', [...FRAGMENTS, 'hls-v4'], [['eac3', 'unknown', '48000', '8'], ['eac3', 'unknown', '48000', '2']]],
  ['he-aac', [...FRAGMENTS, 'hls-v4', 'smooth'], [HE, HE, HE]],
  ['he-aac-v2', [...FRAGMENTS, 'hls-v4', 'smooth'], [HE_2, HE_2, HE_2]],
] as const)('%s', async (asset, ids, facts) => {
  const out = await mkdtemp(join(tmpdir(), 'isomer-sound-'));
  try {
    const { tracks } = JSON.parse(await readFile(join(CORPUS, asset, 'truth.json'), 'utf8')) as Truth;
    const sounds = tracks.filter(({ kind }) => kind === 'audio');
    const outputs = await exportAll(CORPUS, asset, out, 6, ids);
    expect(outputs.map(({ id }) => id).toSorted()).toEqual([...ids].toSorted());
    for (const [i, { file, editedOut }] of sounds.entries()) {
      const path = join(CORPUS, asset, file);
      const frames = (await framesOf(path, '-ignore_editlist', '1')).slice(editedOut).map(({ hash }) => hash);
      // A decoder that has started up with frames that are not delivered gives other samples for a while: then the outputs are compared with each other.
      let wanted = editedOut === 0 ? await soundOf(path) : null;
      for (const { id, audio } of outputs) {
        expect([id, (await framesOf(audio[i])).map(({ hash }) => hash)]).toEqual([id, frames]);
        const heard = await soundOf(audio[i]);
        wanted ??= heard;
        expect([id, heard]).toEqual([id, wanted]);
        expect([id, await factsOf(audio[i])]).toEqual([id, facts[i]]);
      }
    }
  } finally {
    await rm(out, { recursive: true, force: true });
  }
});
