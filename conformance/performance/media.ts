/** Media for the benchmark, made once: a 10-minute ladder by ffmpeg from a short encode that is repeated, and synthetic assets. */
import { execFile } from 'node:child_process';
import { access, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeSynthetic, sampleDescription, smil, type Shape, type Templates } from './synthetic.ts';

const run = promisify(execFile);

export type Rung = { readonly name: string; readonly size: string; readonly kbps: number };

export const RUNGS: readonly Rung[] = [
  { name: '1080p', size: '1920x1080', kbps: 5500 },
  { name: '720p', size: '1280x720', kbps: 3000 },
  { name: '540p', size: '960x540', kbps: 1800 },
  { name: '360p', size: '640x360', kbps: 1000 },
  { name: '180p', size: '320x180', kbps: 380 },
];
const AUDIO_KBPS = 128;
const SHORT_SECONDS = 20;
const REPEATS = 30;

/** Locator of each protection. */
export const LOCATORS = { clear: 'clear', aes128: 'locked', 'sample-aes': 'locked', cbcs: 'locked', cenc: 'locked', piff: 'locked' } as const;

/** Folders to serve: the ladder under its locators, and synthetic assets under their own names. */
export type Media = { readonly ladder: string; readonly synthetic: string };

export async function makeMedia(folder: string, ffmpeg: string, shapes: readonly Shape[], tell: (line: string) => void): Promise<Media> {
  const [ladder, synthetic] = [folder, `${folder}-synthetic`];
  await makeLadder(join(ladder, 'bench'), ffmpeg, tell);
  await writeFile(join(ladder, 'isomer.json'), JSON.stringify(ACCOUNT));
  const templates = await readTemplates(join(ladder, 'bench'));
  for (const shape of shapes) await makeSynthetic(synthetic, shape, templates);
  return { ladder, synthetic };
}

const protocols = { download: false, dash: true, hls: true, smoothStreaming: true };
const common = { enabledProtocols: protocols, contentKeys: { defaultKey: { label: 'key' } } };
const KEY = { id: '00112233-4455-6677-8899-aabbccddeeff', value: Buffer.from('2b7e151628aed2a6abf7158809cf4f3c', 'hex').toString('base64'), labelReferenceInStreamingPolicy: 'key' };

/** One locator in the clear, one with every encryption: the URL chooses. */
const ACCOUNT = {
  streamingLocators: [
    { name: LOCATORS.clear, properties: { assetName: 'bench', streamingPolicyName: 'Predefined_ClearStreamingOnly' } },
    { name: LOCATORS.cenc, properties: { assetName: 'bench', streamingPolicyName: 'all', contentKeys: [KEY] } },
  ],
  streamingPolicies: [{ name: 'all', properties: { beyondAms: true, envelopeEncryption: common, commonEncryptionCenc: common, commonEncryptionCbcs: common } }],
};

async function makeLadder(target: string, ffmpeg: string, tell: (line: string) => void): Promise<void> {
  if (await access(join(target, 'bench.ism')).then(() => true, () => false)) return;
  const work = `${target}.part`;
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  for (const { name, size, kbps } of RUNGS) {
    tell(`making ${name}, ${(SHORT_SECONDS * REPEATS) / 60} minutes at ${kbps} kbit/s`);
    const short = join(work, `short_${name}.mp4`);
    const noise = `testsrc2=s=${size}:r=30000/1001:d=${SHORT_SECONDS},noise=alls=12:allf=t`;
    await run(ffmpeg, ['-v', 'error', '-f', 'lavfi', '-i', noise, '-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset', 'ultrafast', '-profile:v', 'high', '-bf', '2', '-b:v', `${kbps}k`, '-maxrate', `${kbps}k`, '-bufsize', `${kbps}k`, '-nal-hrd', 'cbr', '-g', '60', '-keyint_min', '60', '-sc_threshold', '0', '-flags', '+cgop', short]);
    await run(ffmpeg, ['-v', 'error', '-stream_loop', String(REPEATS - 1), '-i', short, '-c', 'copy', '-video_track_timescale', '30000', join(work, `bench_${name}.mp4`)]);
    await rm(short);
  }
  await run(ffmpeg, ['-v', 'error', '-f', 'lavfi', '-i', `anoisesrc=r=48000:d=${SHORT_SECONDS * REPEATS}:a=0.2`, '-ac', '2', '-c:a', 'aac', '-b:a', `${AUDIO_KBPS}k`, join(work, 'bench_audio.mp4')]);
  const elements = RUNGS.map(({ name, kbps }) => `<video src="bench_${name}.mp4" systemBitrate="${kbps * 1000}"><param name="systemBitrate" value="${kbps * 1000}" valuetype="data"/></video>`);
  elements.push(`<audio src="bench_audio.mp4" systemBitrate="${AUDIO_KBPS * 1000}"><param name="systemBitrate" value="${AUDIO_KBPS * 1000}" valuetype="data"/><param name="trackName" value="audio" valuetype="data"/></audio>`);
  await writeFile(join(work, 'bench.ism'), smil(elements));
  await rename(work, target);
}

/** The movie box is in front of the media or behind it: only it is looked through. */
async function readTemplates(ladder: string): Promise<Templates> {
  const stsd = async (name: string): Promise<Uint8Array> => {
    const file = await open(join(ladder, name));
    try {
      const { size } = await file.stat();
      const header = Buffer.alloc(16);
      for (let at = 0; at < size; ) {
        await file.read(header, 0, 16, at);
        const length = header.readUInt32BE(0) === 1 ? Number(header.readBigUInt64BE(8)) : header.readUInt32BE(0);
        if (header.toString('latin1', 4, 8) === 'moov') return sampleDescription((await file.read(Buffer.alloc(length), 0, length, at)).buffer);
        at += length;
      }
      throw new Error(`${name} has no movie box`);
    } finally {
      await file.close();
    }
  };
  return { video: await stsd('bench_1080p.mp4'), audio: await stsd('bench_audio.mp4') };
}
