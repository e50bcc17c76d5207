/** Where the NAL units of length-prefixed samples lie and where slice headers end: what encryption may touch, what CMAF leaves out. */
import { equalBytes } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import { AvcSlices } from './avcslice.ts';
import { HevcSlices } from './hevcslice.ts';
import { isAccessUnitDelimiter, isParameterSet, nalEnd, nalType, type NalFamily } from './nal.ts';

/** The NAL units of a run of samples, in their order; one entry per NAL unit in `sizes` and `leads`. */
export type NalSpans = {
  /** NAL units of each sample. */
  readonly counts: Uint32Array;
  /** Bytes of each NAL unit with its length field. */
  readonly sizes: Uint32Array;
  /** Bytes of length field, NAL unit header and slice header; the whole size where there is no slice. */
  readonly leads: Uint32Array;
};

export type SliceSource = { readonly family: NalFamily; readonly parameterSets: readonly Uint8Array[]; readonly nalLengthSize: number };

/** A slice that holds no whole block behind its first byte stays clear: its header need not be known. */
const CIPHER_BLOCK_BYTES = 16;
/** Of a NAL unit as much as must be seen at once: parameter sets and slice headers are far shorter. */
const NAL_HEAD_BYTES = 64 * 1024;
/** In one segment: 20 seconds of 60 pictures with 160 slices each. */
const MAX_NAL_UNITS = 200_000;

type Kind = 'slice' | 'other' | 'refused';

/** ISO/IEC 14496-10:2022 table 7-1: data partitions, auxiliary pictures and the slices of extensions have no form in ISO/IEC 23001-7. */
const AVC_KINDS: readonly Kind[] = Array.from({ length: 32 }, (_, type) => (type === 1 || type === 5 ? 'slice' : [2, 3, 4, 19, 20, 21].includes(type) ? 'refused' : 'other'));
/** ISO/IEC 23008-2:2020 table 7-1: types 0 to 31 are VCL, some of them reserved. */
const HEVC_KINDS: readonly Kind[] = Array.from({ length: 64 }, (_, type) => (type <= 9 || (type >= 16 && type <= 21) ? 'slice' : type < 32 ? 'refused' : 'other'));
const KINDS: Readonly<Record<NalFamily, readonly Kind[]>> = { avc: AVC_KINDS, hevc: HEVC_KINDS };

/** `slices`: headers of slices are read. `cmaf`: parameter sets and delimiters are left out, length fields become 4 bytes (media-rules 4.2). */
export type WalkOptions = { readonly slices: boolean; readonly cmaf: boolean };

/** NAL units that are sent, and where their bytes without length field lie in the stored samples. */
export type NalLayout = NalSpans & { readonly starts: Float64Array };

/**
 * Walks samples that lie one after the other, seen in windows: each begins at `position`, and holds `NAL_HEAD_BYTES` and a
 * length field or ends with the samples. Parameter sets in the samples replace those of the source.
 */
export class NalWalk {
  /** Of the next byte that must be seen; at the end the bytes of all samples. */
  position = 0;
  readonly total: number;
  readonly #sampleSizes: Uint32Array;
  readonly #source: SliceSource;
  readonly #options: WalkOptions;
  readonly #slices: AvcSlices | HevcSlices;
  readonly #counts: Uint32Array;
  readonly #sizes: number[] = [];
  readonly #leads: number[] = [];
  readonly #starts: number[] = [];
  #sample = -1;
  #sampleEnd = 0;

  constructor(sampleSizes: Uint32Array, source: SliceSource, options: WalkOptions) {
    this.#sampleSizes = sampleSizes;
    this.#source = source;
    this.#options = options;
    this.#slices = source.family === 'avc' ? new AvcSlices() : new HevcSlices();
    if (options.slices) for (const set of source.parameterSets) this.#slices.add(set);
    this.#counts = new Uint32Array(sampleSizes.length);
    this.total = sampleSizes.reduce((sum, size) => sum + size, 0);
  }

  /** Takes as many NAL units as `bytes` shows of. */
  look(bytes: Uint8Array): void {
    const { nalLengthSize } = this.#source;
    const from = this.position;
    while (this.position < this.total) {
      while (this.position === this.#sampleEnd) this.#sampleEnd += this.#sampleSizes[++this.#sample];
      const at = this.position - from;
      if (at + nalLengthSize > bytes.length && at > 0) return;
      const next = nalEnd(bytes, at, this.#sampleEnd - from, nalLengthSize, from);
      const shown = Math.min(next, at + nalLengthSize + NAL_HEAD_BYTES);
      if (shown > bytes.length && at > 0) return;
      this.#take(bytes.subarray(at + nalLengthSize, shown), next - at - nalLengthSize, this.position + nalLengthSize);
      this.position = from + next;
    }
  }

  #take(nal: Uint8Array, length: number, start: number): void {
    const { family, nalLengthSize, parameterSets } = this.#source;
    const { slices, cmaf } = this.#options;
    const type = nalType(family, nal[0]);
    const isSet = isParameterSet(family, type);
    if (cmaf && isSet) this.#checkKnown(nal, parameterSets);
    if (slices && isSet) this.#slices.add(nal);
    if (cmaf && (isSet || isAccessUnitDelimiter(family, type))) return;
    const kind = KINDS[family][type];
    if (slices && kind === 'refused') throw new IsomerError('MPE_INVALID_VIDEO_NAL_UNIT', { where: `sample ${this.#sample + 1} of the segment`, expected: 'slices of the base layer', found: `NAL unit type ${type}` });
    if (this.#sizes.length === MAX_NAL_UNITS) throw new IsomerError('MPE_INVALID_VIDEO_NAL_UNIT', { what: 'NAL units of the segment', where: `sample ${this.#sample + 1}`, expected: `at most ${MAX_NAL_UNITS}`, found: 'more' });
    const field = cmaf ? 4 : nalLengthSize;
    this.#sizes.push(field + length);
    this.#leads.push(slices && kind === 'slice' && length > CIPHER_BLOCK_BYTES ? field + this.#slices.headerBytes(nal) : field + length);
    this.#starts.push(start);
    this.#counts[this.#sample]++;
  }

  /** The sample entry could not describe another one. */
  #checkKnown(set: Uint8Array, known: readonly Uint8Array[]): void {
    if (known.some((candidate) => equalBytes(candidate, set))) return;
    throw new IsomerError('ISOMER_PARAMETER_SETS_CHANGE', { where: `sample ${this.#sample + 1} of the segment`, expected: 'the parameter sets of the first sample', found: `another one of ${set.length} bytes` });
  }

  layout(): NalLayout {
    return { counts: this.#counts, sizes: Uint32Array.from(this.#sizes), leads: Uint32Array.from(this.#leads), starts: Float64Array.from(this.#starts) };
  }
}

/** Samples that lie one after the other in `payload`, as they are. */
export function nalSpans(payload: Uint8Array, sampleSizes: Uint32Array, source: SliceSource): NalSpans {
  const walk = new NalWalk(sampleSizes, source, { slices: true, cmaf: false });
  if (walk.total > payload.length) throw new IsomerError('MPE_INVALID_NALU_SIZE', { where: 'samples of the segment', expected: `${walk.total} bytes`, found: String(payload.length) });
  while (walk.position < walk.total) walk.look(payload.subarray(walk.position));
  return walk.layout();
}
