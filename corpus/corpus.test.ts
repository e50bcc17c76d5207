import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PILOTS, secondTone } from '../spec/marks.ts';
import { createPainter, makeWav, readStrip } from './marker.ts';
import { readRecipes } from './make.ts';
import { writeClientManifest, writeServerManifest } from './manifest.ts';
import { readTracks } from './mp4.ts';
import { writeSeedAsset } from './seed.ts';

describe('picture marks', () => {
  it('are read back at every size, number and rendition', () => {
    fc.assert(
      fc.property(fc.constantFrom([320, 180], [640, 360], [1280, 720], [852, 480]), fc.nat(15), fc.nat(10_000), ([width, height], rendition, frame) => {
        expect(readStrip(createPainter({ width, height, rendition })(frame).subarray(0, width * height), width, height)).toEqual({ rendition, counter: frame % 4096 });
      }),
      { numRuns: 60 },
    );
  });

  it('are nothing in a grey or a damaged picture', () => {
    expect(readStrip(new Uint8Array(320 * 180).fill(128), 320, 180)).toBeNull();
    const picture = createPainter({ width: 320, height: 180, rendition: 1 })(5).slice(0, 320 * 180);
    picture.fill(16, 0, 320 * 45);
    expect(readStrip(picture, 320, 180)).toBeNull();
  });
});

describe('sound marks', () => {
  const power = (samples: Int16Array, rate: number, hertz: number): number => {
    let [re, im] = [0, 0];
    samples.forEach((value, i) => {
      re += value * Math.cos((2 * Math.PI * hertz * i) / rate);
      im += value * Math.sin((2 * Math.PI * hertz * i) / rate);
    });
    return Math.hypot(re, im) / samples.length;
  };

  it('hold the pilot and the second’s tone', () => {
    const wav = makeWav({ pilot: PILOTS.fra, language: 'fra', sampleRate: 48000, channels: 1, codec: 'aac', kbps: 0, samples: 96000 });
    const second = new Int16Array(wav.buffer.slice(wav.byteOffset + 44 + 96000, wav.byteOffset + 44 + 96000 + 9600));
    expect(power(second, 48000, PILOTS.fra)).toBeGreaterThan(2000);
    expect(power(second, 48000, secondTone(1))).toBeGreaterThan(4000);
    for (const other of [PILOTS.eng, PILOTS.deu, secondTone(0), secondTone(2)]) expect(power(second, 48000, other)).toBeLessThan(200);
  });
});

describe('recipes', () => {
  it('are valid and name files that they make', async () => {
    for (const recipe of await readRecipes()) {
      if (recipe.maker !== 'ffmpeg') continue;
      // An archive's elements name folders: the files' base names.
      const files = recipe.files.map(({ file }) => (recipe.archive ? file.replace(/\.\w+$/, '') : file));
      for (const { src, kind, trackId } of recipe.elements) {
        expect(files).toContain(src);
        const file = recipe.files[files.indexOf(src)];
        expect(trackId).toBeLessThanOrEqual((file?.video === undefined ? 0 : 1) + (file?.audio.length ?? 0));
        expect(kind === 'video' ? file?.video : file?.audio.length).toBeTruthy();
      }
    }
  });

  it('give each audio language a pilot of its own within an asset', async () => {
    for (const recipe of await readRecipes()) {
      const pilots = new Map<string, number>();
      for (const { audio } of recipe.files) for (const { pilot, language } of audio) if (pilot !== PILOTS.description) pilots.set(language, pilot);
      expect(new Set(pilots.values()).size).toBe(pilots.size);
    }
  });
});

describe('manifests', () => {
  it('are stored in the forms that their recipes name', async () => {
    const recipes = await readRecipes();
    const of = (id: string): string | null => {
      const recipe = recipes.find((other) => other.id === id);
      return recipe === undefined ? null : writeServerManifest(recipe, recipe.elements);
    };
    expect(of('no-ism')).toBeNull();
    expect(of('muxed-mbr')).not.toContain('param');
    expect(of('classic-ismc')?.charCodeAt(0)).toBe(0xfeff);
    expect(of('h264-multiaudio')).toContain('<param name="accessibility" value="description" valuetype="data" />');
    expect(writeClientManifest([{ kind: 'audio', src: 'x', trackId: 1, roles: [], accessibility: [] }])).toContain('CodecPrivateData=""');
  });
});

describe('the seed’s asset', () => {
  it('has the seed’s tables and is written alike every time', async () => {
    const recipe = (await readRecipes()).find(({ id }) => id === 'seed-ignite');
    if (recipe === undefined) throw new Error('no seed-ignite');
    const folders = await Promise.all([0, 1].map(() => mkdtemp(join(tmpdir(), 'isomer-seed-'))));
    for (const folder of folders) await writeSeedAsset(recipe, folder);
    const read = (folder: string, file: string): Promise<Buffer> => readFile(join(folder, file));
    for (const { src } of recipe.elements) expect((await read(folders[0], src)).equals(await read(folders[1], src))).toBe(true);
    const [video] = readTracks(await read(folders[0], 'ignite_1280x720_3579.mp4'));
    expect([video.size.length, video.timescale, video.duration[0], video.sync?.[1], video.width]).toEqual([2107, 30000, 1001, 60, 1280]);
    const [audio] = readTracks(await read(folders[0], 'ignite_audio_128.mp4'));
    expect([audio.size.length, audio.timescale, audio.duration[0], audio.sync, audio.language]).toEqual([3296, 48000, 1024, null, 'eng']);
    await Promise.all(folders.map((folder) => rm(folder, { recursive: true })));
  });
});
