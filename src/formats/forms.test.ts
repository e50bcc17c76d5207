/** Sample forms of rare but valid media, from the opened asset to the bytes of segments. */
import { describe, expect, it } from 'vitest';
import { openAsset, type Asset } from '../asset/open.ts';
import { createMovieReader } from '../asset/reader.ts';
import { concatBytes } from '../bytes.ts';
import { readAvcConfiguration } from '../codec/avc.ts';
import { IsomerError } from '../errors.ts';
import { findFormat, type Format, type SegmentPlan } from '../formats.ts';
import { readMovie } from '../isobmff/movie.ts';
import { audioTrack, avcEntry, mp4File, nalSample, videoTrack, type TrackFixture } from '../isobmff/testing.ts';
import { childBoxes } from '../isobmff/walk.ts';
import { box, u16, u32 } from '../isobmff/write.ts';
import { planBody, sendBody } from '../origin/body.ts';
import { createPool } from '../origin/pool.ts';
import { samplePosition } from '../model/samples.ts';
import { parseUrl } from '../origin/url.ts';
import { createMemoryStorage } from '../storage/memory.ts';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const openFile = (tracks: readonly TrackFixture[], ism: string | null = null): Promise<Asset> =>
  openAsset(createMemoryStorage({ 'a/x.mp4': mp4File({ tracks }), ...(ism === null ? {} : { 'a/x.ism': utf8(`<smil><body><switch>${ism}</switch></body></smil>`) }) }), 'a', 'x', { segmentSeconds: 2, readMovie: createMovieReader(null) });
const formatOf = (tag: string): Format => {
  const format = findFormat(tag);
  if (format === undefined) throw new Error(tag);
  return format;
};
const codeOf = async (work: () => unknown): Promise<string> => {
  try {
    await work();
    return 'none';
  } catch (error) {
    if (error instanceof IsomerError) return error.code;
    throw error;
  }
};

async function bytesOf(asset: Asset, plan: SegmentPlan): Promise<Buffer> {
  const parts: Buffer[] = [];
  const pool = createPool();
  await sendBody(await planBody(plan, { sources: asset.sources, pool, release: () => undefined }), { write: (chunk) => Promise.resolve(void parts.push(Buffer.from(chunk))), abort: () => undefined }, pool);
  return Buffer.concat(parts);
}

async function segmentOf(asset: Asset, tag: string, kind: 'video' | 'audio' = 'video'): Promise<Buffer> {
  const set = asset.presentation.switchingSets.find((other) => other.kind === kind);
  if (set === undefined) throw new Error(`no ${kind}`);
  return bytesOf(asset, formatOf(tag).planSegment(asset.presentation, set, set.tracks[0], 0, { format: tag, extra: [], audioOnly: false }));
}

/** Samples of an initialization segment and a fragment, by our own reader. */
async function samplesOf(asset: Asset, tag: string): Promise<{ readonly entry: Uint8Array; readonly samples: readonly Buffer[] }> {
  const [set] = asset.presentation.switchingSets;
  const file = Buffer.concat([formatOf(tag).writeInit?.(set, set.tracks[0]) ?? new Uint8Array(), await segmentOf(asset, tag)]);
  const { tracks } = await readMovie((offset, length) => Promise.resolve(file.subarray(offset, offset + length)), file.length);
  const [{ samples, sampleEntries }] = tracks;
  return { entry: Buffer.from(sampleEntries[0]), samples: Array.from({ length: samples.count }, (_, i) => file.subarray(samplePosition(samples, i), samplePosition(samples, i) + samples.sizes[i])) };
}

const recordOf = (entry: Uint8Array): Uint8Array => entry.subarray(Buffer.from(entry).indexOf('avcC') + 4);
const STORED = readAvcConfiguration(recordOf(avcEntry()));
const SETS = [...STORED.sequenceParameterSets, ...STORED.pictureParameterSets];

/** An entry whose record holds no parameter sets. */
function emptyEntry(type: string): Uint8Array {
  const full = avcEntry(type);
  const record = Buffer.from(recordOf(full).subarray(0, 7));
  record.set([0xe0, 0], 5);
  return box(type, full.subarray(8, 86), box('avcC', record));
}

const inBand = (track: TrackFixture, sets: readonly Uint8Array[] = SETS): TrackFixture => ({
  ...track,
  samples: track.samples.map((sample, i) => (track.sync?.includes(i) === true ? concatBytes([...sets.map((set) => concatBytes([u32(set.length), set])), sample]) : sample)),
});

describe('parameter sets that only the samples hold', () => {
  it('complete the codec, the CMAF entry and transport streams; stored forms stay as they are', async () => {
    const asset = await openFile([inBand(videoTrack(60, 30, { entry: emptyEntry('avc3') }))]);
    const [{ codec, inBandSets }] = asset.presentation.switchingSets[0].tracks;
    expect(codec).toMatchObject({ width: 320, height: 180, rfc6381: 'avc3.64000d', parameterSets: SETS.map((set) => Uint8Array.from(set)) });
    expect(inBandSets).toBe(true);
    const cmaf = await samplesOf(asset, 'mpd-time-cmaf');
    expect([Buffer.from(cmaf.entry).toString('latin1', 4, 8), readAvcConfiguration(recordOf(cmaf.entry)).sequenceParameterSets]).toEqual(['avc1', STORED.sequenceParameterSets.map((set) => Buffer.from(set))]);
    expect(cmaf.samples[0]).toEqual(Buffer.from(nalSample(0x65, 20, 0)));
    const csf = await samplesOf(asset, 'mpd-time-csf');
    expect([Buffer.from(csf.entry).toString('latin1', 4, 8), csf.samples[0].length > 40]).toEqual(['avc3', true]);
    expect((await segmentOf(asset, 'm3u8-aapl')).includes(Buffer.from(SETS[0]))).toBe(true);
    await asset.close();
  });

  it('are refused where there are none at all, and where they change', async () => {
    expect(await codeOf(async () => samplesOf(await openFile([videoTrack(60, 30, { entry: emptyEntry('avc3') })]), 'mpd-time-cmaf'))).toBe('ISOMER_PARAMETER_SETS_CHANGE');
    const changing = inBand(videoTrack(60, 30, { entry: emptyEntry('avc3') }));
    const other = Buffer.from(changing.samples[30]);
    other[4 + SETS[0].length - 1] ^= 1;
    const asset = await openFile([{ ...changing, samples: changing.samples.map((sample, i) => (i === 30 ? other : sample)) }]);
    expect(await codeOf(() => segmentOf(asset, 'mpd-time-cmaf'))).toBe('ISOMER_PARAMETER_SETS_CHANGE');
  });
});

describe('NAL unit length fields', () => {
  it.each([1, 2])('of %i bytes become 4 in CMAF form and stay as they are in stored form', async (lengthSize) => {
    const entry = Buffer.from(avcEntry());
    entry[entry.indexOf('avcC') + 8] = 0xfc | (lengthSize - 1);
    const long = videoTrack(60, 30);
    const asset = await openFile([{ ...long, entry, samples: long.samples.map((sample) => sample.subarray(4 - lengthSize)) }]);
    const cmaf = await samplesOf(asset, 'mpd-time-cmaf');
    expect(readAvcConfiguration(recordOf(cmaf.entry)).nalLengthSize).toBe(4);
    expect(cmaf.samples).toEqual(long.samples.map((sample) => Buffer.from(sample)));
    const csf = await samplesOf(asset, 'mpd-time-csf');
    expect([readAvcConfiguration(recordOf(csf.entry)).nalLengthSize, csf.samples[0].length]).toEqual([lengthSize, long.samples[0].length - 4 + lengthSize]);
    expect(childBoxes(await segmentOf(asset, 'm3u8-cmaf'), '', 0).map(({ type }) => type)).toEqual(['styp', 'moof', 'mdat']);
    await asset.close();
  });
});

describe('decoding stamps of transport streams', () => {
  it('are as far before the pictures in every track of a set', async () => {
    const plain = videoTrack(60, 30);
    const reordering = videoTrack(60, 30, { samples: plain.samples.map((sample) => concatBytes([sample, sample])), compositions: plain.durations.map((_, i) => (i % 2 === 0 ? 2002 : 1001)), edits: [[60_060, 2002]] });
    const asset = await openFile([plain, reordering]);
    const [set] = asset.presentation.switchingSets;
    const delays = await Promise.all(
      set.tracks.map(async (track) => {
        const bytes = await bytesOf(asset, formatOf('m3u8-aapl').planSegment(asset.presentation, set, track, 0, { format: 'm3u8-aapl', extra: [], audioOnly: false }));
        // The first PES packet of the video (ISO/IEC 13818-1 2.4.3.7): both stamps, PTS first.
        const pes = bytes.indexOf(Buffer.from([0, 0, 1, 0xe0]));
        expect(bytes[pes + 7] >> 6).toBe(3);
        return stampAt(bytes, pes + 9) - stampAt(bytes, pes + 14);
      }),
    );
    expect(delays).toEqual([6006, 6006]);
    await asset.close();
  });
});

function stampAt(bytes: Buffer, at: number): number {
  return ((bytes[at] >> 1) & 7) * 2 ** 30 + (bytes.readUInt16BE(at + 1) >> 1) * 2 ** 15 + (bytes.readUInt16BE(at + 3) >> 1);
}

describe('names that no URL can carry', () => {
  it.each([
    ['Commentary (director)', 'Commentary _director_'],
    ['a,b=c', 'a_b_c'],
    ['left/right#1', 'left_right_1'],
    ['語'.repeat(200), '語'.repeat(66)],
    ['Français & Co', 'Français & Co'],
  ])('%s becomes %s, with a note, and can be asked for', async (title, name) => {
    const asset = await openFile([videoTrack(60, 30), audioTrack(90)], `<video src="x.mp4"/><audio src="x.mp4" title="${title.replace('&', '&amp;')}"/>`);
    const [, audio] = asset.presentation.switchingSets;
    expect([audio.name, audio.label]).toEqual([name, title]);
    expect(asset.notes.some((note) => note.includes('cannot stand in a URL'))).toBe(name !== title);
    const playlist = formatOf('m3u8-aapl-v3').writeManifest(asset.presentation, { format: 'm3u8-aapl-v3', extra: [], audioOnly: true });
    const urls = playlist.split('\n').filter((line) => line.startsWith('QualityLevels'));
    const asked = urls.map((url) => parseUrl(`/a/x.ism/${url}`)).map(({ resource, audioTrack: wanted }) => (resource.kind === 'playlist' ? [resource.track, wanted] : []));
    expect(asked).toEqual([['video', name], [name, null]]);
    await asset.close();
  });
});

/** ETSI TS 102 366 F.5 and F.6. */
const EAC3 = box('ec-3', new Uint8Array(6), u16(1), u32(0, 0), u16(2, 16, 0, 0), u32(48000 * 65536), box('dec3', Uint8Array.of(6, 0, 0x20, 4, 0)));

describe('transport streams', () => {
  it('carry the audio that their manifest names: the first that they can hold', async () => {
    const asset = await openFile([videoTrack(60, 30), audioTrack(90, { entry: EAC3, language: 'fra' }), audioTrack(90)], '<video src="x.mp4"/><audio src="x.mp4" title="Dolby"><param name="trackID" value="2"/></audio><audio src="x.mp4" title="Plain"><param name="trackID" value="3"/></audio>');
    expect(formatOf('m3u8-aapl-v3').writeManifest(asset.presentation, { format: 'm3u8-aapl-v3', extra: [], audioOnly: false })).toContain('audiotrack=Plain');
    const segment = await segmentOf(asset, 'm3u8-aapl-v3');
    expect(segment.includes(Buffer.from(audioTrack(1).samples[0]))).toBe(true);
    await asset.close();
    const dolby = await openFile([videoTrack(60, 30), audioTrack(90, { entry: EAC3 })]);
    expect((await segmentOf(dolby, 'm3u8-aapl-v3')).length).toBeGreaterThan(1000);
    await dolby.close();
  });

  it('refuse an audio frame that no ADTS header can count', async () => {
    const asset = await openFile([audioTrack(90, { samples: audioTrack(90).samples.map((sample, i) => (i === 3 ? new Uint8Array(8185) : sample)) })]);
    expect(await codeOf(() => segmentOf(asset, 'm3u8-aapl', 'audio'))).toBe('MPE_AUDIO_ENCODING_NOT_SUPPORTED');
    await asset.close();
  });
});
