/**
 * Encrypted outputs of real media: deciphered here by a reader of its own (boxes, subsamples, ciphers), by ffmpeg and by
 * openssl, and compared with the outputs in the clear.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAsset, type Asset } from '../asset/open.ts';
import { createMovieReader } from '../asset/reader.ts';
import { FORMATS, type ChildParameters, type Format, type FormatId, type SegmentPlan } from '../formats.ts';
import type { Presentation, SwitchingSet, Track } from '../model/presentation.ts';
import type { Scheme } from '../model/protection.ts';
import { ContentKey } from '../protection/contentkey.ts';
import { parseGuid } from '../protection/guid.ts';
import { protectPresentation } from '../protection/protect.ts';
import { keyDeliveryTemplates, NO_SYSTEMS } from '../protection/urls.ts';
import { createMemoryStorage } from '../storage/memory.ts';
import { fragmentBytes, type FragmentForm } from './fmp4.ts';
import { boxes, decipher, tencOf, type Tenc } from './testing.ts';

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
if (!hasFfmpeg) console.warn('skipped: encrypted outputs of real media, because ffmpeg is not installed');

const folder = hasFfmpeg ? mkdtempSync(join(tmpdir(), 'isomer-protect-')) : '';
const at = (name: string): string => join(folder, name);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const ffmpeg = (...args: string[]): void => {
  execFileSync('ffmpeg', ['-v', 'error', '-y', ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
};

const KEY = new ContentKey(parseGuid('00112233-4455-6677-8899-aabbccddeeff'), Buffer.from('2b7e151628aed2a6abf7158809cf4f3c', 'hex'));
const templates = keyDeliveryTemplates('https://keys.example/');
const SYSTEMS = { ...NO_SYSTEMS, playReady: { licenseUrl: templates.playReady, customAttributes: null }, widevine: { licenseUrl: null }, clearKey: { keyUrl: 'https://k/' }, envelope: { keyUrl: templates.envelope } };
/** Small, so that samples do not fit. */
const LOOK_BYTES = 70 * 1024;
const NAMES = ['avc', 'hevc', 'inband'] as const;
type Name = (typeof NAMES)[number];

const assets = new Map<Name, { asset: Asset; file: Uint8Array }>();
const assetOf = (name: Name): { presentation: Presentation; file: Uint8Array } => {
  const { asset, file } = assets.get(name) ?? { asset: null, file: null };
  if (asset === null) throw new Error(`${name} is not open`);
  return { presentation: asset.presentation, file };
};
const protect = (name: Name, scheme: Scheme): Presentation => protectPresentation(assetOf(name).presentation, { scheme, keyOf: () => KEY, systems: SYSTEMS });
const formatOf = (id: FormatId): Format => FORMATS.find((format) => format.id === id) as Format;
const parameters: ChildParameters = { format: '', extra: [], audioOnly: false };

/** What the origin does with a plan, all at once. */
async function run(planned: SegmentPlan, file: Uint8Array): Promise<Buffer> {
  let plan = planned;
  const look = Buffer.alloc(LOOK_BYTES);
  while (plan.kind === 'look') {
    plan = await plan.look({
      buffer: look,
      read(reads) {
        for (const { offset, length, at: to } of reads) look.set(file.subarray(offset, offset + length), to);
        return Promise.resolve();
      },
    });
  }
  const read = (offset: number, length: number): Uint8Array => file.subarray(offset, offset + length);
  if (plan.kind === 'copy') return Buffer.concat([plan.head, ...plan.ranges.map(({ offset, length }) => read(offset, length))]);
  const parts: Buffer[] = [];
  for (const window of plan.windows()) {
    const buffer = Buffer.alloc(window.capacity);
    for (const { offset, length, at: to } of window.reads) buffer.set(read(offset, length), to);
    parts.push(Buffer.from(window.make(buffer)));
  }
  const whole = Buffer.concat(parts);
  expect(whole.length).toBe(plan.length);
  return whole;
}

type Piece = { set: SwitchingSet; track: Track; init: Buffer; segments: Buffer[] };

function piecesOf(id: FormatId, presentation: Presentation, file: Uint8Array): Promise<Piece[]> {
  const format = formatOf(id);
  const tracks = presentation.switchingSets.flatMap((set) => set.tracks.map((track) => ({ set, track })));
  return Promise.all(
    tracks.map(async ({ set, track }) => ({
      set,
      track,
      init: Buffer.from(format.writeInit?.(set, track) ?? []),
      segments: await Promise.all(Array.from({ length: track.cuts.length - 1 }, (_, i) => run(format.planSegment(presentation, set, track, i, parameters), file))),
    })),
  );
}

const CENC: Tenc = { scheme: 'cenc', crypt: 0, skip: 0, ivBytes: 8, kid: hex(KEY.id), constant: Buffer.alloc(0) };

type Packet = { readonly dts: number; readonly text: string };

/** Stream, times, size and hash of each packet; side data, which tells of the encryption, is left out. */
function packets(args: readonly string[], input?: Buffer): Packet[] {
  const { stdout, stderr, status } = spawnSync('ffmpeg', ['-v', 'error', ...args, '-c', 'copy', '-f', 'framehash', '-hash', 'md5', '-'], { input, encoding: 'utf8', maxBuffer: 1 << 26 });
  expect(status, stderr).toBe(0);
  const found = stdout.split('\n').filter((line) => /^\d/.test(line)).map((line) => line.split(/,\s*/).slice(0, 6));
  expect(found.length, stderr).toBeGreaterThan(10);
  return found.map((columns) => ({ dts: Number(columns[1]), text: columns.join(' ') }));
}

const textOf = (list: readonly Packet[]): string => list.map(({ text }) => text).join('\n');

describe.skipIf(!hasFfmpeg)('encrypted outputs', () => {
  beforeAll(async () => {
    const sources = ['-f', 'lavfi', '-i', 'testsrc2=s=320x180:r=25:d=9,noise=alls=12:allf=t', '-f', 'lavfi', '-i', 'sine=r=48000:d=9'];
    const audio = ['-c:a', 'aac', '-b:a', '64k'];
    ffmpeg(...sources, '-c:v', 'libx264', '-preset', 'veryfast', '-bf', '2', '-g', '50', '-x264-params', 'slices=2', '-threads', '1', ...audio, at('avc.mp4'));
    ffmpeg(...sources, '-c:v', 'libx265', '-preset', 'ultrafast', '-tag:v', 'hvc1', '-x265-params', 'log-level=none:pools=1:keyint=50:min-keyint=50:scenecut=0', ...audio, at('hevc.mp4'));
    ffmpeg('-i', at('avc.mp4'), '-map', '0:v', '-c', 'copy', '-bsf:v', 'h264_mp4toannexb', '-tag:v', 'avc3', at('inband.mp4'));
    for (const name of NAMES) {
      const file = readFileSync(at(`${name}.mp4`));
      assets.set(name, { file, asset: await openAsset(createMemoryStorage({ [`a/${name}.mp4`]: file }), 'a', name, { segmentSeconds: 4, readMovie: createMovieReader(null) }) });
    }
  }, 120_000);
  afterAll(async () => {
    for (const { asset } of assets.values()) await asset.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const FRAGMENTS: readonly (readonly [FormatId, Scheme, Name])[] = [
    ['dash-cmaf', 'cenc', 'avc'], ['dash-cmaf', 'cenc', 'hevc'], ['dash-cmaf', 'cenc', 'inband'], ['dash-csf', 'cenc', 'avc'], ['dash-csf', 'cenc', 'hevc'], ['dash-csf', 'cenc', 'inband'],
    ['dash-cmaf', 'cbcs', 'avc'], ['dash-cmaf', 'cbcs', 'hevc'], ['hls-cmaf', 'cbcs', 'avc'], ['hls-cmaf', 'cenc', 'avc'], ['smooth', 'piff', 'avc'], ['smooth', 'cenc', 'avc'],
  ];

  it.each(FRAGMENTS)('%s, %s, %s: deciphered samples are those of the clear output', async (id, scheme, name) => {
    const { presentation, file } = assetOf(name);
    const clear = (await piecesOf(id, presentation, file));
    const secret = (await piecesOf(id, protect(name, scheme), file));
    expect(secret.length).toBe(clear.length);
    secret.forEach((piece, p) => {
      const tenc = id === 'smooth' ? CENC : tencOf(piece.init);
      expect([tenc.scheme, tenc.kid]).toEqual([scheme === 'cbcs' ? 'cbcs' : 'cenc', hex(KEY.id)]);
      expect(piece.segments.length).toBeGreaterThan(1);
      piece.segments.forEach((segment, s) => {
        const samples = decipher(segment, tenc, KEY.reveal());
        const stored = boxes(clear[p].segments[s]).get('mdat') as Buffer;
        expect(Buffer.concat(samples.map((sample) => sample.clear)).equals(stored)).toBe(true);
        const changed = samples.filter((sample) => !sample.sent.equals(sample.clear)).length;
        expect(changed / samples.length).toBeGreaterThan(0.8);
      });
    });
  });

  it('never give one vector to two samples, in any output, and the same one in every answer', async () => {
    const owner = new Map<string, string>();
    for (const [id, scheme, name] of FRAGMENTS.filter(([, kind]) => kind !== 'cbcs')) {
      const { file } = assetOf(name);
      const [one, other] = await Promise.all([0, 1].map(() => piecesOf(id, protect(name, scheme), file)));
      one.forEach((piece, p) =>
        piece.segments.forEach((segment, s) => {
          expect(segment.equals(other[p].segments[s])).toBe(true);
          for (const { clear, iv } of decipher(segment, CENC, KEY.reveal())) {
            const sample = hex(clear);
            expect(owner.get(iv) ?? sample).toBe(sample);
            owner.set(iv, sample);
          }
        }),
      );
    }
    expect(owner.size).toBeGreaterThan(1500);
  });

  it.each([['dash-cmaf', 'cenc', 'avc'], ['dash-cmaf', 'cenc', 'hevc'], ['dash-csf', 'cenc', 'avc'], ['dash-cmaf', 'cbcs', 'avc'], ['dash-cmaf', 'cbcs', 'hevc']] as const)('%s, %s, %s: ffmpeg deciphers to the same packets', async (id, scheme, name) => {
    const { presentation, file } = assetOf(name);
    const clear = (await piecesOf(id, presentation, file));
    (await piecesOf(id, protect(name, scheme), file)).forEach((piece, p) => {
      // From a pipe: with a file ffmpeg 5 takes the last fragment's map for all of them.
      const expected = textOf(packets(['-i', 'pipe:0'], Buffer.concat([clear[p].init, ...clear[p].segments])));
      const secret = Buffer.concat([piece.init, ...piece.segments]);
      expect(textOf(packets(['-decryption_key', hex(KEY.reveal()), '-i', 'pipe:0'], secret))).toBe(expected);
      expect(textOf(packets(['-i', 'pipe:0'], secret))).not.toBe(expected);
    });
  });

  it.each([['hls-v4', 'avc'], ['hls-v3', 'avc'], ['hls-v4', 'inband']] as const)('%s, SAMPLE-AES, %s: ffmpeg deciphers to the same packets', async (id, name) => {
    const { presentation, file } = assetOf(name);
    const clear = (await piecesOf(id, presentation, file));
    writeFileSync(at('key.bin'), KEY.reveal());
    (await piecesOf(id, protect(name, 'cbcs'), file)).forEach((piece, p) => {
      const hashes = ['clear', 'secret'].map((kind) => {
        const segments = kind === 'clear' ? clear[p].segments : piece.segments;
        segments.forEach((segment, s) => writeFileSync(at(`${kind}${s}.ts`), segment));
        const key = kind === 'clear' ? '' : `#EXT-X-KEY:METHOD=SAMPLE-AES,URI="key.bin",IV=0x${hex(piece.track.protection?.iv ?? new Uint8Array(0))}\n`;
        writeFileSync(at(`${kind}.m3u8`), `#EXTM3U\n#EXT-X-VERSION:4\n#EXT-X-TARGETDURATION:6\n${key}${segments.map((_, s) => `#EXTINF:4,\n${kind}${s}.ts\n`).join('')}#EXT-X-ENDLIST\n`);
        const found = packets(['-allowed_extensions', 'ALL', '-i', at(`${kind}.m3u8`)]);
        // The packets that ffmpeg's parser still holds at the end come out undeciphered: it has left the segment then.
        const end = Math.max(...found.map(({ dts }) => dts));
        return textOf(found.filter(({ dts }) => dts < end - 30_000));
      });
      expect(hashes[1]).toBe(hashes[0]);
      expect(piece.segments[0].equals(clear[p].segments[0])).toBe(false);
    });
  });

  it.each(FORMATS.map(({ id }) => [id] as const))('%s, cbc: openssl deciphers every resource to the clear one', async (id) => {
    const { presentation, file } = assetOf('avc');
    const clear = (await piecesOf(id, presentation, file));
    (await piecesOf(id, protect('avc', 'cbc'), file)).forEach((piece, p) => {
      const iv = hex(piece.track.protection?.iv ?? new Uint8Array(0));
      const open = (bytes: Buffer): Buffer => spawnSync('openssl', ['enc', '-d', '-aes-128-cbc', '-K', hex(KEY.reveal()), '-iv', iv], { input: bytes, maxBuffer: 1 << 26 }).stdout;
      [piece.init, ...piece.segments].forEach((bytes, i) => {
        const expected = [clear[p].init, ...clear[p].segments][i];
        expect(bytes.length === 0 ? 0 : open(bytes).compare(expected)).toBe(0);
        expect(bytes.length).toBe(expected.length === 0 ? 0 : expected.length + 16 - (expected.length % 16));
      });
    });
  });

  it('key frames are enciphered as in their segments', async () => {
    const { file } = assetOf('avc');
    const protectedOne = protect('avc', 'cbcs');
    const [set] = protectedOne.switchingSets;
    const [track] = set.tracks;
    const format = formatOf('hls-cmaf');
    const plan = format.planKeyFrame?.(set, track, 0n);
    const segment = await run(format.planSegment(protectedOne, set, track, 0, parameters), file);
    const frame = decipher(await run(plan as SegmentPlan, file), tencOf(Buffer.from(format.writeInit?.(set, track) ?? [])), KEY.reveal())[0];
    expect(segment.includes(frame.sent)).toBe(true);
    expect(frame.sent.equals(frame.clear)).toBe(false);
  });

  it.each([['dash-cmaf', 'cenc'], ['dash-cmaf', 'cbcs'], ['dash-cmaf', 'cbc'], ['smooth', 'piff']] as const)('%s, %s: sizes are known without the samples', async (id, scheme) => {
    const form: FragmentForm = { hns: id === 'smooth', cmaf: id !== 'smooth', segmentBrand: id === 'smooth' ? null : 'cmfs', encryption: id === 'smooth' ? 'piff' : 'cenc', clock: id === 'smooth' ? 'tfxd' : 'tfdt', text: 'presentation' };
    for (const { track, segments } of (await piecesOf(id, protect('hevc', scheme), assetOf('hevc').file))) {
      expect(segments.map((_, s) => fragmentBytes(track, track.cuts[s], track.cuts[s + 1], form))).toEqual(segments.map(({ length }) => length));
    }
  });

  it.each(['cbc', 'cbcs'] as const)('%s: muxed segments are refused when their streams differ in key, or one is clear', (scheme) => {
    const other = new ContentKey(parseGuid('10112233-4455-6677-8899-aabbccddeeff'), Buffer.alloc(16, 5));
    for (const keyOf of [({ kind }: SwitchingSet) => (kind === 'audio' ? other : KEY), ({ kind }: SwitchingSet) => (kind === 'audio' ? KEY : null), ({ kind }: SwitchingSet) => (kind === 'audio' ? null : KEY)]) {
      const presentation = protectPresentation(assetOf('avc').presentation, { scheme, keyOf, systems: SYSTEMS });
      const [set] = presentation.switchingSets.filter(({ kind }) => kind === 'video');
      expect(() => formatOf('hls-v3').planSegment(presentation, set, set.tracks[0], 0, parameters)).toThrow(/in muxed segments/);
      expect(() => formatOf('hls-v4').planSegment(presentation, set, set.tracks[0], 0, parameters)).not.toThrow();
    }
  });

  it.each([['hls-v3', 'cenc'], ['hls-v4', 'cenc'], ['hls-v4', 'piff'], ['dash-csf', 'piff'], ['smooth', 'cbcs']] as const)('%s refuses %s', (id, scheme) => {
    const presentation = protect('avc', scheme);
    const [set] = presentation.switchingSets;
    expect(() => formatOf(id).planSegment(presentation, set, set.tracks[0], 0, parameters)).toThrow(/does not exist with this encryption/);
  });
});
