/** Captions inside the pictures of a stored track, read whole: every sample is looked at, in the order of presentation. */
import { linePairs } from '../codec/captions.ts';
import { IsomerError } from '../errors.ts';
import type { MovieTrack } from '../isobmff/movie.ts';
import { readSampleEntry } from '../isobmff/sampleentry.ts';
import { editShift } from '../model/edits.ts';
import { endOf, presentationTime, samplePositions, type SampleTable } from '../model/samples.ts';
import type { Source } from '../storage/storage.ts';
import { decodeLine21, fieldOf, type LineChannel, type LinePair } from '../text/cea608.ts';
import { textLimit, type Milliseconds } from '../text/document.ts';
import type { TextInput } from './text.ts';

/** Samples that lie one behind the other are read together, up to this. */
const READ_BYTES = 1024 * 1024;
/** Of one track: half a day of its lowest quality. Reading it is the price of opening such an asset. */
const MAX_TRACK_BYTES = 2 * 1024 * 1024 * 1024;

type Wanted = { readonly file: string; readonly channel: LineChannel };

export async function readCaptions({ samples, timescale, movieTimescale, edits, sampleEntries }: MovieTrack, source: Source | undefined, { file, channel }: Wanted): Promise<TextInput['content']> {
  const [entry] = sampleEntries;
  if (sampleEntries.length !== 1 || samples.count === 0) throw new IsomerError('ISOMER_MP4_UNSUPPORTED', { what: 'captions', where: file, expected: 'a track with samples and one sample entry', found: `${samples.count} and ${sampleEntries.length}` });
  const { codec } = readSampleEntry(entry);
  if (codec.kind !== 'video') throw new IsomerError('MPE_MEDIA_TYPE_NOT_SUPPORTED', { what: 'captions', where: file, expected: 'pictures', found: codec.rfc6381 });
  const table: SampleTable = { ...samples, shift: editShift({ kind: 'video', file, timescale, movieTimescale, edits, samples }) };
  const total = table.sizes.reduce((sum, size) => sum + size, 0);
  if (total > MAX_TRACK_BYTES) throw textLimit('bytes of the track that captions are in', file, MAX_TRACK_BYTES, total);
  const milliseconds = (ticks: number): Milliseconds => Math.round(Number((10_000n * (table.base + BigInt(ticks))) / BigInt(timescale)) / 10);
  const pairs: (LinePair & { readonly tick: number })[] = [];
  for await (const { index, bytes } of storedSamples(table, source)) {
    const tick = presentationTime(table, index);
    for (const pair of linePairs(bytes, codec.nalLengthSize, codec.family, fieldOf(channel))) pairs.push({ tick, time: milliseconds(tick), bytes: pair });
  }
  // Those of one picture keep their order.
  pairs.sort((a, b) => a.tick - b.tick);
  return { form: 'cea608', cues: decodeLine21(pairs, channel, milliseconds(endOf(table)), file) };
}

/** All samples in the order of decoding; each is good until the next is asked for. */
async function* storedSamples(table: SampleTable, source: Source | undefined): AsyncGenerator<{ readonly index: number; readonly bytes: Uint8Array }> {
  const { count, sizes } = table;
  const offsets = samplePositions(table, 0, count);
  for (let first = 0, end = 0; first < count; first = end) {
    let length = 0;
    for (end = first; end < count && offsets[end] === offsets[first] + length && (end === first || length + sizes[end] <= READ_BYTES); end++) length += sizes[end];
    const bytes = new Uint8Array(length);
    await source?.read(offsets[first], bytes);
    for (let index = first, at = 0; index < end; at += sizes[index++]) yield { index, bytes: bytes.subarray(at, at + sizes[index]) };
  }
}
