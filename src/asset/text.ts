/** Text tracks of an asset: read whole, cut at the video's cuts, and kept in memory in the forms that outputs carry. */
import { createHash } from 'node:crypto';
import { concatBytes } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import { box, readBox, writeBoxes } from '../isobmff/box.ts';
import { MIME, STPP, VTTC } from '../isobmff/entryboxes.ts';
import { openEntry } from '../isobmff/entry.ts';
import type { MovieTrack } from '../isobmff/movie.ts';
import { readSampleEntry } from '../isobmff/sampleentry.ts';
import { findBox } from '../isobmff/walk.ts';
import { editShift } from '../model/edits.ts';
import { languageTag } from '../model/languages.ts';
import type { HeldText, Presentation, SwitchingSet, Track } from '../model/presentation.ts';
import { presentationTime, sampleDuration, samplePosition, type SampleTable } from '../model/samples.ts';
import { measuredBitrate, uniqueNames } from '../model/sets.ts';
import { extent, timelineOf, type Timeline } from '../model/timeline.ts';
import { outOfRange } from '../storage/paths.ts';
import type { Source } from '../storage/storage.ts';
import { writeSegments } from '../text/cut.ts';
import { MAX_CUES, MAX_TEXT_BYTES, textLimit, type Milliseconds, type TextDocument } from '../text/document.ts';
import { captionDocument, readStppSamples, readTextFile, type TextForm, type TextSample } from '../text/read.ts';
import type { VttCue } from '../text/webvtt.ts';
import { readWvttSamples } from '../text/wvtt.ts';
import type { IsmTrack } from './ism.ts';
import { addressable } from './names.ts';

export type TextInput = {
  readonly want: IsmTrack;
  readonly content:
    | { readonly form: TextForm; readonly bytes: Uint8Array }
    | { readonly form: 'cea608'; readonly cues: readonly VttCue[] }
    | { readonly form: 'stpp' | 'wvtt'; readonly samples: readonly TextSample[]; readonly shift: Milliseconds; readonly configuration: string; readonly language: string };
};

const FORMS: Readonly<Record<string, TextForm>> = { vtt: 'webvtt', webvtt: 'webvtt', ttml: 'ttml', dfxp: 'ttml', xml: 'ttml' };

/** By the file's suffix; null: a movie file (.ismt, .cmft, .mp4). */
export function textFormOf(file: string): TextForm | null {
  const suffix = file.slice(file.lastIndexOf('.') + 1).toLowerCase();
  return Object.hasOwn(FORMS, suffix) ? FORMS[suffix] : null;
}

/** The samples of a stpp or wvtt track, with their times after the track's edit list. */
export async function readTextSamples(track: MovieTrack, source: Source, file: string): Promise<TextInput['content']> {
  const [sampleEntry] = track.sampleEntries;
  if (track.sampleEntries.length !== 1) throw new IsomerError('ISOMER_MP4_UNSUPPORTED', { what: 'stsd', where: file, expected: 'one sample entry', found: String(track.sampleEntries.length) });
  const { type } = readSampleEntry(sampleEntry);
  if (type !== 'stpp' && type !== 'wvtt') throw new IsomerError('MPE_MEDIA_TYPE_NOT_SUPPORTED', { what: 'sample entry', where: file, expected: 'stpp or wvtt', found: type });
  const { timescale } = track;
  const shift = editShift({ kind: 'text', file, timescale, movieTimescale: track.movieTimescale, edits: track.edits, samples: track.samples });
  const table: SampleTable = { ...track.samples, shift };
  if (table.count > MAX_CUES) throw textLimit('samples', file, MAX_CUES, table.count);
  const total = table.sizes.reduce((sum, size) => sum + size, 0);
  if (total > MAX_TEXT_BYTES) throw textLimit('bytes', file, MAX_TEXT_BYTES, total);
  const milliseconds = (ticks: number): Milliseconds => Number((1000n * (table.base + BigInt(ticks))) / BigInt(timescale));
  const samples: TextSample[] = [];
  for (let i = 0; i < table.count; i++) {
    const bytes = new Uint8Array(table.sizes[i]);
    await source.read(samplePosition(table, i), bytes);
    const start = presentationTime(table, i);
    samples.push({ start: milliseconds(start), end: milliseconds(start + sampleDuration(table, i)), bytes });
  }
  const vttC = type === 'wvtt' ? findBox(openEntry(sampleEntry).children, 'vttC') : undefined;
  const configuration = vttC === undefined ? '' : readBox(VTTC, vttC).fields.text;
  return { form: type, samples, shift: Math.round((1000 * shift) / timescale), configuration, language: track.language === 'und' ? '' : track.language };
}

type Added = { readonly presentation: Presentation; readonly sources: ReadonlyMap<string, Source>; readonly notes: readonly string[]; readonly bytes: number };
type Options = { readonly moved: Milliseconds; readonly segmentSeconds: number };

/** The presentation with its text sets behind the others. Text that cannot be cut is left out, with a note. */
export function addText(media: Presentation, inputs: readonly TextInput[], { moved, segmentSeconds }: Options): Added {
  const notes: string[] = [];
  const sets: SwitchingSet[] = [];
  const sources = new Map<string, Source>();
  let bytes = 0;
  if (inputs.length === 0) return { presentation: media, sources, notes, bytes };
  const timeline = textTimeline(media, segmentSeconds);
  const edges = Array.from(timeline.names, (name) => Number(name) / 10_000);
  for (const input of inputs) {
    const { want } = input;
    try {
      const document = openDocument(input, moved);
      for (const note of document.notes) notes.push(`${want.src}: ${note}`);
      const last = edges[edges.length - 1];
      const outside = document.cues.filter(({ start, end }) => end <= edges[0] || start >= last).length;
      if (outside > 0) notes.push(`${want.src}: ${outside} cues lie outside of the presentation; left out`);
      const language = want.language ?? document.language ?? ('language' in input.content ? input.content.language : '');
      const { ttml, relative, webvtt } = writeSegments(document, edges, languageTag(language) ?? '', want.src);
      const set = textSet(want, language, timeline, { ttml: hold(ttml, sources), relative: hold(relative, sources), webvtt: hold(webvtt, sources) });
      bytes += [...ttml, ...relative, ...webvtt].reduce((sum, { length }) => sum + length, 0);
      sets.push(set);
    } catch (error) {
      if (!(error instanceof IsomerError) || (error.code !== 'ISOMER_TEXT_MALFORMED' && error.code !== 'ISOMER_TEXT_LIMIT')) throw error;
      notes.push(`${want.src}: ${error.message}; left out`);
    }
  }
  const names = uniqueNames([...media.switchingSets, ...sets].map(({ name }) => name)).slice(media.switchingSets.length);
  return { presentation: { ...media, switchingSets: [...media.switchingSets, ...sets.map((set, i) => ({ ...set, name: names[i] }))] }, sources, notes, bytes };
}

/** The first video's; without video a cut every so many seconds of what there is. */
function textTimeline({ switchingSets }: Presentation, segmentSeconds: number): Timeline {
  const video = switchingSets.find(({ kind }) => kind === 'video');
  if (video !== undefined) return video.timeline;
  const extents = switchingSets.map(({ timeline }) => extent(timeline));
  const start = extents.map((each) => each.start).reduce((a, b) => (b < a ? b : a)) / 10_000n;
  const end = (extents.map((each) => each.end).reduce((a, b) => (b > a ? b : a)) + 9999n) / 10_000n;
  const step = BigInt(Math.round(segmentSeconds * 1000));
  const boundaries: bigint[] = [];
  for (let time = start; time < end; time += step) boundaries.push(time);
  return timelineOf(BigInt64Array.from([...boundaries, end]), 1000);
}

function openDocument({ want, content }: TextInput, moved: Milliseconds): TextDocument {
  if ('bytes' in content) return readTextFile(content.form, content.bytes, want.src, moved);
  if (content.form === 'cea608') return captionDocument(content.cues, moved);
  const samples = content.samples.map((sample) => ({ ...sample, start: sample.start + moved, end: sample.end + moved }));
  return content.form === 'wvtt' ? readWvttSamples(samples, content.configuration, want.src) : readStppSamples(samples, content.shift + moved, want.src);
}

/** The segments one behind the other, as a source. No file has such a name: it would be a URL. */
function hold(segments: readonly Uint8Array[], sources: Map<string, Source>): HeldText {
  const bytes = concatBytes(segments);
  const source = `text:${sources.size}`;
  sources.set(source, memorySource(bytes, source));
  const sizes = Uint32Array.from(segments, ({ length }) => length);
  const offsets = new Float64Array(segments.length);
  for (let i = 1; i < segments.length; i++) offsets[i] = offsets[i - 1] + sizes[i - 1];
  return { source, sizes, offsets };
}

function memorySource(bytes: Uint8Array, name: string): Source {
  return {
    size: bytes.length,
    version: createHash('sha256').update(bytes).digest('hex').slice(0, 16),
    read(offset, target) {
      if (offset < 0 || offset + target.length > bytes.length) return Promise.reject(outOfRange(name, offset + target.length, bytes.length));
      target.set(bytes.subarray(offset, offset + target.length));
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}

const NAMESPACE = 'http://www.w3.org/ns/ttml';
/** W3C TTML Media Type Definition and Profile Registry: IMSC1 text. */
const PROFILE = 'im1t';

function textSet(want: IsmTrack, language: string, timeline: Timeline, { ttml, relative, webvtt }: Readonly<Record<'ttml' | 'relative' | 'webvtt', HeldText>>): SwitchingSet {
  const { boundaries, timescale } = timeline;
  const count = ttml.sizes.length;
  const first = Uint32Array.from({ length: count }, (_, i) => i);
  const samples: SampleTable = {
    count,
    base: boundaries[0],
    sizes: ttml.sizes,
    // Each segment its own: the other form of the text lies elsewhere.
    chunks: { first, offset: ttml.offsets },
    decode: {
      first,
      time: Float64Array.from({ length: count }, (_, i) => Number(boundaries[i] - boundaries[0])),
      delta: Uint32Array.from({ length: count }, (_, i) => Number(boundaries[i + 1] - boundaries[i])),
    },
    composition: null,
    sync: null,
    shift: 0,
  };
  const entry = box(STPP, { data_reference_index: 1, namespace: NAMESPACE, schema_location: '', auxiliary_mime_types: '' }, { children: [box(MIME, { text: `application/ttml+xml;codecs=${PROFILE}` })] });
  const track: Track = {
    bitrate: want.bitrate ?? Math.max(1, measuredBitrate({ samples, timescale })),
    codec: { kind: 'text', family: 'ttml', sampleEntry: 'stpp', rfc6381: `stpp.ttml.${PROFILE}` },
    timescale,
    sampleEntry: writeBoxes([entry]),
    samples,
    cuts: Uint32Array.from({ length: count + 1 }, (_, i) => i),
    frameRate: null,
    inBandSets: false,
    source: ttml.source,
    webvtt,
    relative,
  };
  const characteristics = want.text?.characteristics ?? null;
  const isCaption = characteristics?.includes('transcribes-spoken-dialog') === true || (want.text?.channel ?? null) !== null;
  const roles = want.roles.length > 0 ? want.roles : [isCaption ? 'caption' : 'subtitle'];
  return {
    name: want.trackName ?? addressable(language === '' ? 'subt' : `subt_${language}`) ?? 'subt',
    kind: 'text',
    language,
    label: want.text?.displayName ?? want.title,
    roles,
    accessibility: want.accessibility,
    hls: { isDefault: want.text?.isDefault ?? false, characteristics },
    timeline,
    tracks: [track],
  };
}
