/** A clip as a telephone leaves it: turned, of an odd size, with a varying frame rate and six channels. Encoded, exported in all outputs, decoded. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encode } from './encode.ts';
import { emptyFolder, exportAll, ffmpeg, framesOf, picturesOf, run, type Exported } from './testing/decode.ts';

let folder: string;
let said = '';
let exported: readonly Exported[];
const at = (name: string): string => join(folder, name);

/** A white picture and a beep at this time: their distance is what must stay. */
const FLASH = 2.2;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isomer-camera-'));
  // Every third of seven pictures is missing; the first picture is late, as cameras start with sound.
  const video = `testsrc2=s=1279x719:r=30:d=3,drawbox=c=white:t=fill:enable='between(t,${FLASH},${FLASH + 0.15})',select='not(eq(mod(n,7),3))*gte(n,3)'`;
  const beep = `0.5*sin(2*PI*1000*t)*between(t,${FLASH},${FLASH + 0.15})`;
  await ffmpeg('-f', 'lavfi', '-i', video, '-f', 'lavfi', '-i', `aevalsrc='${Array.from({ length: 6 }, () => beep).join('|')}':c=5.1:s=48000:d=3`, '-fps_mode', 'vfr', '-video_track_timescale', '90000', '-pix_fmt', 'yuv444p', '-c:v', 'libx264', '-preset', 'ultrafast', '-crf', '30', '-g', '60', '-c:a', 'aac', '-b:a', '256k', '-metadata:s:a:0', 'language=eng', at('upright.mov'));
  await ffmpeg('-display_rotation', '90', '-i', at('upright.mov'), '-c', 'copy', at('camera.mov')).catch(() => ffmpeg('-i', at('upright.mov'), '-c', 'copy', '-metadata:s:v:0', 'rotate=90', at('camera.mov')));
  await emptyFolder(at('root/camera'));
  const deps = { out: () => undefined, err: (text: string) => void (said += text), environment: process.env, now: Date.now, stopped: () => new Promise<string>(() => undefined), interactive: true };
  if ((await encode({ input: at('camera.mov'), folder: at('root/camera'), preset: 'AdaptiveStreaming', force: false }, deps)) !== 0) throw new Error(said);
  exported = await exportAll(at('root'), 'camera', await emptyFolder(at('out')), 2);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Start of the flash and of the beep, in seconds of the file's own clock. */
async function flashOf(file: string): Promise<number> {
  const text = await run('ffmpeg', '-v', 'info', '-nostdin', '-copyts', '-i', file, '-an', '-vf', 'signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-', '-f', 'null', '-');
  const pictures = [...text.matchAll(/pts_time:([\d.]+)\s*\nlavfi\.signalstats\.YAVG=([\d.]+)/g)].map(([, time, luma]) => [Number(time), Number(luma)]);
  return pictures.find(([, luma]) => luma > 200)?.[0] ?? Number.NaN;
}

async function beepOf(file: string): Promise<number> {
  const text = await run('ffmpeg', '-v', 'info', '-nostdin', '-copyts', '-i', file, '-vn', '-af', 'silencedetect=noise=-30dB:d=0.2', '-f', 'null', '-');
  return Number(/silence_end: ([\d.]+)/.exec(text)?.[1]);
}

describe('a camera’s file', () => {
  test('progress is shown while it is encoded, up to the end', () => {
    expect(said).toMatch(/\[#+\.*\] +\d+ % \d+ of \d+: /);
    expect(said).toMatch(/100 %/);
    expect(said).toMatch(/variable frame rate/);
  });

  test('qualities stand upright, with even sides and not above the source', async () => {
    const files = (await readdir(at('root/camera'))).filter((file) => /_\d+x\d+_/.test(file));
    const sizes = files.map((file) => (/_(\d+)x(\d+)_/.exec(file) ?? []).slice(1).map(Number));
    expect(sizes.length).toBeGreaterThan(3);
    for (const [width, height] of sizes) expect([width < height, width % 2, height % 2, height <= 1279]).toEqual([true, 0, 0, true]);
  });

  test('all outputs decode without a word, every quality with every picture', async () => {
    const stored = (await picturesOf(at('camera.mov'), '-noautorotate')).length;
    expect(exported).toHaveLength(6);
    for (const { id, video, audio, muxed } of exported) {
      expect(video.length).toBeGreaterThan(3);
      for (const file of video) expect([id, (await picturesOf(file)).length]).toEqual([id, stored]);
      expect((await framesOf(muxed ? video[0] : audio[0])).length).toBeGreaterThan(130);
    }
  });

  test('flash and beep are as far apart as in the source', async () => {
    const wanted = (await flashOf(at('camera.mov'))) - (await beepOf(at('camera.mov')));
    expect(Math.abs(wanted)).toBeLessThan(0.1);
    for (const { id, video, audio, muxed } of exported.filter(({ id: format }) => format.startsWith('hls-v'))) {
      const [picture, sound] = [await flashOf(video[0]), await beepOf(muxed ? video[0] : audio[0])];
      expect(Math.abs(picture - sound - wanted), `${id}: flash ${picture}, beep ${sound}, apart ${wanted} in the source`).toBeLessThan(0.045);
    }
  });
});
