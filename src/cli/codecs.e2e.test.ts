/** The seed's codecs over the real origin: every output that carries one gives its stored frames, decoded alike; every other refuses it and spares the rest. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readMovie } from '../isobmff/movie.ts';
import { mp4File } from '../isobmff/testing.ts';
import { box, fullBox, u16, u32 } from '../isobmff/write.ts';
import { samplePosition } from '../model/samples.ts';
import { emptyFolder, exportAll, ffmpeg, framesOf, picturesOf, soundOf, type Exported } from './testing/decode.ts';

const SECONDS = 6;
const FRAGMENTS = ['hls-cmaf', 'dash-csf', 'dash-cmaf'];
const TRANSPORT = ['hls-v3', 'hls-v4'];
const FORMATS: Readonly<Record<string, string>> = {
  'hls-v3': 'manifest(format=m3u8-aapl-v3)', 'hls-v4': 'manifest(format=m3u8-aapl)', 'hls-cmaf': 'manifest(format=m3u8-cmaf)',
  'dash-csf': 'manifest(format=mpd-time-csf)', 'dash-cmaf': 'manifest(format=mpd-time-cmaf)', smooth: 'manifest',
};

let folder: string;
let server: ChildProcess;
let origin: string;
const at = (asset: string, file = `${asset}.mp4`): string => join(folder, 'root', asset, file);

const picture = (rate = '25', size = '320x180'): readonly string[] => ['-f', 'lavfi', '-i', `testsrc2=s=${size}:r=${rate}:d=${SECONDS}`];
const SPEAKERS: Readonly<Record<string, number>> = { stereo: 2, quad: 4, '5.1': 6, '5.1(side)': 6, '7.1': 8 };
/** A tone of its own in every channel. */
const sound = (layout = 'stereo', rate = 48000): readonly string[] => ['-f', 'lavfi', '-i', `aevalsrc='${Array.from({ length: SPEAKERS[layout] }, (_, i) => `0.2*sin(${2 * Math.PI * (220 + 110 * i)}*t)`).join('|')}':c=${layout}:s=${rate}:d=${SECONDS}`];
const x264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-bf', '2', '-g', '50', '-sc_threshold', '0', '-threads', '1'];
const x265 = (more: string): readonly string[] => ['-c:v', 'libx265', '-preset', 'ultrafast', '-x265-params', `keyint=50:min-keyint=50:scenecut=0:open-gop=0:bframes=3:pools=none:frame-threads=1:log-level=none${more}`];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isomer-codecs-'));
  await emptyFolder(join(folder, 'root'));
  server = spawn(process.execPath, [join(import.meta.dirname, '../cli.ts'), 'serve', '--root', join(folder, 'root'), '--port', '0', '--revalidate-ms', '0', '--segment-seconds', '2'], { stdio: ['ignore', 'pipe', 'inherit'] });
  origin = await new Promise((resolve) => server.stdout?.on('data', (text: Buffer) => resolve(/http:\S+/.exec(text.toString())?.[0] ?? '')));
});
afterAll(async () => {
  server.kill();
  await rm(folder, { recursive: true });
});

async function make(asset: string, ...args: readonly string[]): Promise<string> {
  await emptyFolder(join(folder, 'root', asset));
  await ffmpeg(...args, at(asset));
  return at(asset);
}

const exported = async (asset: string, ids: readonly string[]): Promise<readonly Exported[]> => exportAll(join(folder, 'root'), asset, await emptyFolder(join(folder, `out-${asset}`)), 2, ids);

type Answer = { readonly status: number; readonly body: string };

async function get(asset: string, path: string): Promise<Answer> {
  const response = await fetch(`${origin}/${asset}/${asset}.ism/${path}`);
  return { status: response.status, body: await response.text() };
}

const manifest = (asset: string, id: string): Promise<Answer> => get(asset, FORMATS[id]);

/** Returns how many refused. */
async function expectRefused(asset: string, ids: readonly string[], code: string): Promise<number> {
  for (const id of ids) expect([id, await manifest(asset, id)]).toEqual([id, { status: 415, body: expect.stringContaining(code) as string }]);
  return ids.length;
}

/** Pictures and frames of each output are those of the source. */
async function expectEqual(asset: string, ids: readonly string[], { pictures = true, audio = 0 }: { readonly pictures?: boolean; readonly audio?: number } = {}): Promise<readonly Exported[]> {
  const outputs = await exported(asset, ids);
  const wanted = pictures ? (await picturesOf(at(asset))).map(({ hash }) => hash) : [];
  const sounds = await Promise.all(Array.from({ length: audio }, () => soundOf(at(asset))));
  const frames = audio === 0 ? [] : (await framesOf(at(asset))).map(({ hash }) => hash);
  for (const output of outputs.filter(({ id }) => ids.includes(id))) {
    if (pictures) expect([output.id, (await picturesOf(output.video[0])).map(({ hash }) => hash)]).toEqual([output.id, wanted]);
    for (const [i, sound] of sounds.entries()) {
      const file = output.muxed && pictures ? output.video[0] : output.audio[i];
      expect([output.id, (await framesOf(file)).map(({ hash }) => hash)]).toEqual([output.id, frames]);
      expect([output.id, await soundOf(file)]).toEqual([output.id, sound]);
    }
  }
  expect(outputs.map(({ id }) => id).toSorted()).toEqual([...ids].toSorted());
  return outputs;
}

describe('HEVC', () => {
  const HDR = ':hdr10=1:repeat-headers=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc';
  test.each([
    ['main', 'hvc1', '', 'main', 'hvc1.1.6.L60.90', 'SDR'],
    ['open-gop', 'hvc1', ':open-gop=1', 'main', 'hvc1.1.6.L60.90', 'SDR'],
    ['inband', 'hev1', ':repeat-headers=1', 'main', 'hvc1.1.6.L60.90', 'SDR'],
    ['hdr', 'hvc1', HDR, 'main10', 'hvc1.2.4.L60.90', 'PQ'],
    ['hlg', 'hev1', ':repeat-headers=1:colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc', 'main10', 'hvc1.2.4.L60.90', 'HLG'],
  ])('%s, %s', async (asset, entry, more, profile, codecs, range) => {
    await make(asset, ...picture(), ...sound(), ...x265(more), '-profile:v', profile, '-pix_fmt', profile === 'main' ? 'yuv420p' : 'yuv420p10le', '-tag:v', entry, '-c:a', 'aac');
    await expectEqual(asset, [...FRAGMENTS, 'smooth']);
    await expectRefused(asset, TRANSPORT, 'MPE_OUTPUT_FORMAT_NOT_SUPPORTED');
    const stored = codecs.replace('hvc1', entry);
    const master = (await manifest(asset, 'hls-cmaf')).body;
    expect(master).toContain(`CODECS="${codecs},mp4a.40.2"`);
    expect(master).toContain(`VIDEO-RANGE=${range}`);
    expect((await manifest(asset, 'dash-cmaf')).body).toContain(`codecs="${codecs}"`);
    expect((await manifest(asset, 'dash-csf')).body).toContain(`codecs="${stored}"`);
    const smooth = (await manifest(asset, 'smooth')).body;
    expect(smooth).toContain(`FourCC="${entry}"`);
    expect(smooth).toContain(`<Attribute Name="codecs" Value="${stored}" />`);
    expect(smooth).toMatch(/CodecPrivateData="00000001420[0-9A-F]+00000001440[0-9A-F]+"/);
  });
});

describe('E-AC-3', () => {
  test.each([['two', 'stereo', 'A000', '2'], ['six', '5.1(side)', 'F801', '6']])('%s channels', async (asset, layout, mask, channels) => {
    await make(asset, ...picture(), ...sound(layout), ...x264, '-c:a', 'eac3', '-b:a', '256k');
    await expectEqual(asset, [...TRANSPORT, ...FRAGMENTS], { audio: 1 });
    await expectRefused(asset, ['smooth'], 'MPE_OUTPUT_FORMAT_NOT_SUPPORTED');
    expect((await manifest(asset, 'hls-cmaf')).body).toMatch(new RegExp(`CHANNELS="${channels}"[\\s\\S]*CODECS="avc1\\.[0-9a-f]{6},ec-3"`));
    expect((await manifest(asset, 'hls-v4')).body).toMatch(/CODECS="avc1\.[0-9a-f]{6},ec-3"/);
    for (const id of ['dash-csf', 'dash-cmaf']) expect((await manifest(asset, id)).body).toContain('codecs="ec-3"');
    const dolby = `<AudioChannelConfiguration schemeIdUri="tag:dolby.com,2014:dash:audio_channel_configuration:2011" value="${mask}" />`;
    for (const id of ['dash-csf', 'dash-cmaf']) expect([id, (await manifest(asset, id)).body]).toEqual([id, expect.stringContaining(dolby) as string]);
  });

  test('beside AAC: a group per codec, AAC in muxed segments, and Smooth without it', async () => {
    await make('both', ...picture(), ...sound(), ...sound('5.1(side)'), '-map', '0:v', '-map', '2:a', '-map', '1:a', ...x264, '-c:a:0', 'eac3', '-c:a:1', 'aac');
    for (const id of ['hls-v4', 'hls-cmaf']) {
      const master = (await manifest('both', id)).body;
      const groups = [...master.matchAll(/#EXT-X-STREAM-INF:.*CODECS="avc1\.\w+,([^"]+)".*AUDIO="([^"]+)"/g)].map(([, codec, group]) => [codec, group]);
      expect([id, groups]).toEqual([id, expect.arrayContaining([['mp4a.40.2', 'audio'], ['ec-3', 'audio-2']]) as unknown]);
    }
    expect((await manifest('both', 'hls-v3')).body).toContain('mp4a.40.2');
    const smooth = await manifest('both', 'smooth');
    expect([smooth.status, smooth.body.match(/Type="audio"/g)?.length]).toEqual([200, 1]);
    const name = /Type="audio" Url="[^"]*Fragments\(([^=]*)=/.exec(smooth.body)?.[1];
    expect(name).toBe('audio_2');
    const bitrate = /QualityLevels\((\d+)\)\/Manifest\(audio,/.exec((await manifest('both', 'hls-v4')).body)?.[1] ?? '';
    expect(await get('both', `QualityLevels(${bitrate})/Fragments(audio=0)`)).toEqual({ status: 415, body: expect.stringContaining('MPE_OUTPUT_FORMAT_NOT_SUPPORTED') as string });
  });
});

describe('DTS', () => {
  test.each([['two', 'stereo', 2], ['six', '5.1(side)', 6]])('core, %s channels, stored as mp4a with object type 0xA9', async (name, layout, channels) => {
    const asset = `dts-${name}`;
    await make(asset, ...picture(), ...sound(layout), ...x264, '-c:a', 'dca', '-strict', '-2', '-b:a', '768k');
    const outputs = await expectEqual(asset, [...TRANSPORT, ...FRAGMENTS], { audio: 1 });
    await expectRefused(asset, ['smooth'], 'MPE_OUTPUT_FORMAT_NOT_SUPPORTED');
    for (const id of ['hls-v4', 'hls-cmaf']) expect((await manifest(asset, id)).body).toMatch(/CODECS="avc1\.\w+,dtsc"/);
    for (const id of ['dash-csf', 'dash-cmaf']) expect((await manifest(asset, id)).body).toContain('codecs="dtsc"');
    for (const id of ['dash-csf', 'dash-cmaf']) expect((await manifest(asset, id)).body).toContain(`<AudioChannelConfiguration schemeIdUri="tag:dts.com,2014:dash:audio_channel_configuration:2012" value="${channels}" />`);
    for (const { id, audio } of outputs.filter((output) => FRAGMENTS.includes(output.id))) {
      const bytes = await readFile(audio[0]);
      expect([id, bytes.includes('dtsc'), bytes.includes('ddts'), bytes.includes('mp4a')]).toEqual([id, true, true, false]);
    }
  });
});

/** The samples of an encoded file, or others, under another sample entry: what no encoder at hand writes. */
async function rewrite(asset: string, entry: Uint8Array, { timescale, duration, samples }: { readonly timescale: number; readonly duration: number; readonly samples: readonly Uint8Array[] }): Promise<void> {
  await emptyFolder(join(folder, 'root', asset));
  await writeFile(at(asset), mp4File({ tracks: [{ kind: 'audio', timescale, durations: samples.map(() => duration), samples, entry, language: 'eng' }] }));
}

async function storedSamples(file: string): Promise<readonly Uint8Array[]> {
  const bytes = await readFile(file);
  const { tracks } = await readMovie((offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)), bytes.length);
  const { samples } = tracks[tracks.length - 1];
  return Array.from(samples.sizes, (size, i) => bytes.subarray(samplePosition(samples, i), samplePosition(samples, i) + size));
}

const soundEntry = (type: string, rate: number, ...boxes: readonly Uint8Array[]): Uint8Array => box(type, new Uint8Array(6), u16(1), u32(0, 0), u16(2, 16, 0, 0), u32(rate * 65536), ...boxes);

function esds(objectType: number, config: string): Uint8Array {
  const specific = Buffer.from(config, 'hex');
  const decoder = Buffer.concat([Uint8Array.of(objectType, 0x15, 0, 0, 0), u32(0, 0), ...(config === '' ? [] : [Uint8Array.of(5, specific.length), specific])]);
  const descriptor = Buffer.concat([Uint8Array.of(0, 1, 0, 4, decoder.length), decoder, Uint8Array.of(6, 1, 2)]);
  return fullBox('esds', 0, 0, Uint8Array.of(3, descriptor.length), descriptor);
}

/** The bytes of every sample, one after the other, in what an output sends. */
async function expectCarried(outputs: readonly Exported[], samples: readonly Uint8Array[]): Promise<number> {
  const whole = Buffer.concat(samples);
  for (const { id, audio } of outputs) {
    const bytes = await readFile(audio[0]);
    const carried = audio[0].endsWith('.ts') ? Buffer.concat(framesIn(bytes)) : mediaOf(bytes);
    expect([id, carried.equals(whole)]).toEqual([id, true]);
  }
  return outputs.length;
}

/** All mdat content of a fragmented file. */
function mediaOf(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let from = 0; from < bytes.length; from += bytes.readUInt32BE(from)) if (bytes.toString('latin1', from + 4, from + 8) === 'mdat') parts.push(bytes.subarray(from + 8, from + bytes.readUInt32BE(from)));
  return Buffer.concat(parts);
}

/** The payloads of the PES packets of the audio PID; a PES header may lie across several packets. */
function framesIn(bytes: Buffer): readonly Buffer[] {
  const units: Buffer[][] = [];
  for (let from = 0; from < bytes.length; from += 188) {
    if ((bytes.readUInt16BE(from + 1) & 0x1fff) !== 0x101 || (bytes[from + 3] & 0x10) === 0) continue;
    const start = from + 4 + ((bytes[from + 3] & 0x20) === 0 ? 0 : 1 + bytes[from + 4]);
    if ((bytes[from + 1] & 0x40) !== 0) units.push([]);
    units.at(-1)?.push(bytes.subarray(start, from + 188));
  }
  return units.map((parts) => Buffer.concat(parts)).map((unit) => unit.subarray(9 + unit[8]));
}

describe('the DTS family', () => {
  const extension = Buffer.from('64582025000360067800808005c1205f0169e00080017000000046b7655e315e30001d000000008d63000002493fffe000000000', 'hex');
  const lossless = Buffer.from('64582025000360087880808009c1605f0070808013c0000000000af141a2954700eb8000138140c0c086ac0207bdf0258000bfcb21112ac8000000000000000000000000', 'hex');
  const express = Buffer.from('645820250002e0057b80808004c0e05f007081002600d69c0a801921020c02000008150000fa00fa04000000', 'hex');
  const lbr = Array.from({ length: 71 }, () => express);
  const xll = Array.from({ length: 282 }, () => lossless);

  test.each([['dtsh', 512, 6, null], ['dtsl', 1024, 2, xll], ['dtse', 4096, 2, lbr]] as const)('%s: ddts from the first frame, frames as stored, decoded alike', async (entry, duration, channels, given) => {
    await make('core', ...sound('5.1(side)'), '-c:a', 'dca', '-strict', '-2', '-b:a', '768k');
    const samples = given ?? (await storedSamples(at('core'))).map((core) => Buffer.concat([core, extension]));
    await rewrite(entry, soundEntry('mp4a', 48000, esds(0xa9, '')), { timescale: 48000, duration, samples });
    const outputs = await exported(entry, [...TRANSPORT, ...FRAGMENTS]);
    expect(await expectCarried(outputs, samples)).toBe(5);
    const wanted = await soundOf(at(entry));
    for (const { id, audio } of outputs) expect([id, await soundOf(audio[0])]).toEqual([id, wanted]);
    for (const id of ['hls-v3', 'hls-v4', 'hls-cmaf', 'dash-csf', 'dash-cmaf']) expect((await manifest(entry, id)).body).toMatch(new RegExp(`(CODECS|codecs)="${entry}"`));
    expect((await manifest(entry, 'dash-cmaf')).body).toContain(`2014:dash:audio_channel_configuration:2012" value="${channels}"`);
    expect(await expectRefused(entry, ['smooth'], 'MPE_OUTPUT_FORMAT_NOT_SUPPORTED')).toBe(1);
  });
});

describe('Dolby Atmos', () => {
  test('what dec3 says of joint object coding is in every manifest that can say it, and in the header', async () => {
    await make('bed', ...sound('5.1(side)'), '-c:a', 'eac3', '-b:a', '256k');
    const samples = await storedSamples(at('bed'));
    const dec3 = Buffer.from('0808200f000110', 'hex');
    await rewrite('joc', soundEntry('ec-3', 48000, box('dec3', dec3)), { timescale: 48000, duration: 1536, samples });
    const outputs = await exported('joc', FRAGMENTS);
    expect(await expectCarried(outputs, samples)).toBe(3);
    for (const { audio } of outputs) expect((await readFile(audio[0])).includes(Buffer.concat([Buffer.from('dec3'), dec3]))).toBe(true);
    expect((await manifest('joc', 'hls-cmaf')).body).toContain('CHANNELS="16/JOC"');
    for (const id of ['dash-csf', 'dash-cmaf']) {
      const { body } = await manifest('joc', id);
      expect(body).toContain('<SupplementalProperty schemeIdUri="tag:dolby.com,2018:dash:EC3_ExtensionType:2018" value="JOC" />');
      expect(body).toContain('<SupplementalProperty schemeIdUri="tag:dolby.com,2018:dash:EC3_ExtensionComplexityIndex:2018" value="16" />');
    }
  });

  test('7.1 by a dependent substream', async () => {
    const samples = await storedSamples(at('bed'));
    await rewrite('seven', soundEntry('ec-3', 48000, box('dec3', Buffer.from('0800200f0202', 'hex'))), { timescale: 48000, duration: 1536, samples });
    expect((await manifest('seven', 'hls-cmaf')).body).toContain('CHANNELS="8"');
    for (const id of ['dash-csf', 'dash-cmaf']) expect((await manifest('seven', id)).body).toContain('channel_configuration:2011" value="FA01"');
  });
});

describe('HE-AAC', () => {
  // Core 24 kHz, output 48 kHz: ISO/IEC 14496-3 1.6.2.1, hierarchical, backward compatible, implicit.
  test.each([
    ['hierarchical', 2, '2b118800', 'mp4a.40.5', 'AACH', 48000],
    ['compatible', 2, '131056e598', 'mp4a.40.5', 'AACH', 48000],
    ['compatible-two', 1, '130856e59d4880', 'mp4a.40.29', 'AACH', 48000],
    ['hierarchical-two', 1, 'eb098800', 'mp4a.40.29', 'AACH', 48000],
    ['implicit', 2, '1310', 'mp4a.40.2', 'AACL', 24000],
  ])('%s', async (asset, channels, config, codec, fourCC, rate) => {
    await make('core-24', '-f', 'lavfi', '-i', `sine=r=24000:d=${SECONDS}`, '-ac', String(channels), '-c:a', 'aac', '-b:a', '48k');
    const samples = await storedSamples(at('core-24'));
    await rewrite(asset, soundEntry('mp4a', 24000, esds(0x40, config)), { timescale: 24000, duration: 1024, samples });
    const outputs = await exported(asset, Object.keys(FORMATS));
    expect(await expectCarried(outputs.filter(({ audio }) => audio[0].endsWith('.mp4')), samples)).toBe(4);
    for (const { id, audio } of outputs) expect([id, (await framesOf(audio[0])).length]).toEqual([id, samples.length]);
    for (const id of Object.keys(FORMATS)) {
      const { status, body } = await manifest(asset, id);
      expect([id, status, id === 'smooth' || body.includes(`"${codec}"`)]).toEqual([id, 200, true]);
    }
    expect((await manifest(asset, 'dash-cmaf')).body).toContain(`audioSamplingRate="${rate}"`);
    expect((await manifest(asset, 'smooth')).body).toContain(`FourCC="${fourCC}" CodecPrivateData="${config.toUpperCase()}" Channels="${channels}" PacketSize="4" SamplingRate="24000"`);
    const wanted = await soundOf(at(asset));
    for (const { id, audio } of outputs.filter(({ audio }) => audio[0].endsWith('.mp4'))) expect([id, await soundOf(audio[0])]).toEqual([id, wanted]);
  });
});

describe('AC-3', () => {
  test('is left out of every output and the rest is served', async () => {
    await make('ac3', ...picture(), ...sound(), ...sound('5.1(side)'), '-map', '0:v', '-map', '1:a', '-map', '2:a', ...x264, '-c:a:0', 'aac', '-c:a:1', 'ac3');
    for (const id of Object.keys(FORMATS)) {
      const { status, body } = await manifest('ac3', id);
      expect([id, status, body.includes('ac-3')]).toEqual([id, 200, false]);
    }
    await expectEqual('ac3', Object.keys(FORMATS));
  });

  test('alone is refused with its own code', async () => {
    expect.hasAssertions();
    await make('lone', ...sound('5.1(side)'), '-c:a', 'ac3');
    expect(await expectRefused('lone', Object.keys(FORMATS), 'MPE_AUDIO_ENCODING_NOT_SUPPORTED')).toBe(6);
  });
});

describe('AAC', () => {
  test.each([
    ['surround', '5.1', '6', '6'],
    ['eight', '7.1', '7', '8'],
    ['four', 'quad', '9', '4'],
  ])('%s: %s, whose sample entry says 2 channels', async (asset, layout, cicp, channels) => {
    await make(asset, ...picture(), ...sound(layout), ...x264, '-c:a', 'aac', '-b:a', '384k');
    const outputs = await expectEqual(asset, Object.keys(FORMATS));
    const [first, ...others] = await Promise.all(outputs.map(({ audio, video, muxed }) => soundOf(muxed ? video[0] : audio[0])));
    for (const other of others) expect(other).toBe(first);
    expect((await manifest(asset, 'dash-cmaf')).body).toContain(`<AudioChannelConfiguration schemeIdUri="urn:mpeg:mpegB:cicp:ChannelConfiguration" value="${cicp}" />`);
    expect((await manifest(asset, 'hls-cmaf')).body).toContain(`CHANNELS="${channels}"`);
    expect((await manifest(asset, 'smooth')).body).toContain(`Channels="${channels}"`);
  });
});

describe('H.264', () => {
  const forms: readonly (readonly [string, readonly string[]])[] = [
    ['film', [...picture('24000/1001'), ...x264]],
    ['pal-fast', [...picture('50'), ...x264, '-g', '100']],
    ['ntsc-fast', [...picture('60000/1001'), ...x264, '-g', '120']],
    ['sixty', [...picture('60'), ...x264, '-g', '120']],
    ['interlaced', [...picture('50'), '-vf', 'interlace=scan=tff', ...x264, '-flags', '+ildct+ilme', '-x264-params', 'tff=1']],
    ['slices', [...picture(), ...x264, '-slices', '4']],
    ['variable', [...picture('30'), '-vf', "select='not(eq(mod(n,7),3))'", '-fps_mode', 'vfr', '-video_track_timescale', '90000', ...x264]],
  ];
  test.each(forms)('%s', async (asset, args) => {
    expect.hasAssertions();
    await make(asset, ...args);
    expect(await expectEqual(asset, Object.keys(FORMATS))).toHaveLength(6);
  });
});
