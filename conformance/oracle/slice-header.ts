/**
 * Where the header of a slice ends (ISO/IEC 14496-10:2022 7.3.3): encryption has to leave it in the clear. Of H.265 only the NAL unit header
 * is measured here, so that its slices have a lower bound and no exact end.
 */
import { sampleEntryOf } from '../media.ts';
import type { TraceReader } from '../trace.ts';
import type { TrackView } from '../view.ts';
import { nalType, parameterSets, type NalCodec } from './codecs.ts';
import { bitsOf, skipScalingList, unescaped, WITH_CHROMA, type Bits } from './sps.ts';
import { annexBUnits } from './ts.ts';

type Sps = { readonly separatePlanes: boolean; readonly chroma: boolean; readonly frameNumBits: number; readonly orderType: number; readonly orderBits: number; readonly deltaAlwaysZero: boolean; readonly framesOnly: boolean };
type Pps = { readonly sps: number; readonly cabac: boolean; readonly bottomOrder: boolean; readonly references: readonly [number, number]; readonly weighted: boolean; readonly weightedB: number; readonly deblocking: boolean; readonly redundant: boolean };

export type SliceParameters = { readonly sps: ReadonlyMap<number, Sps>; readonly pps: ReadonlyMap<number, Pps> };

export type Lead = {
  readonly isSlice: boolean;
  /** Bytes of the NAL unit, as sent, that hold its headers. */
  readonly least: number;
  /** Whether `least` is the end, or a lower bound. */
  readonly exact: boolean;
};

const known = new WeakMap<TrackView, SliceParameters>();

/** Of the sample entry, or of the Smooth manifest. */
export function sliceParameters(reader: TraceReader, track: TrackView): SliceParameters {
  const old = known.get(track);
  if (old !== undefined) return old;
  const entry = sampleEntryOf(reader, track);
  const units = track.source.kind === 'smooth' ? annexBUnits(Buffer.from(track.source.quality.node.attributes['CodecPrivateData'] ?? '', 'hex')) : entry === null ? [] : (parameterSets(entry)?.units ?? []);
  const fresh = parametersOf(units);
  known.set(track, fresh);
  return fresh;
}

export function parametersOf(units: readonly Uint8Array[]): SliceParameters {
  const sps = new Map<number, Sps>();
  const pps = new Map<number, Pps>();
  for (const unit of units) {
    const type = nalType(unit, 'avc');
    try {
      if (type === 7) sps.set(...readSps(bitsOf(unescaped(unit.subarray(1)))));
      if (type === 8) pps.set(...readPps(bitsOf(unescaped(unit.subarray(1)))));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return { sps, pps };
}

/** 7.3.2.1.1 */
function readSps({ u, ue, se }: Bits): [number, Sps] {
  const profile = u(8);
  u(16);
  const id = ue();
  let chromaFormat = 1;
  let separatePlanes = false;
  if (WITH_CHROMA.has(profile)) {
    chromaFormat = ue();
    if (chromaFormat === 3) separatePlanes = u(1) === 1;
    ue();
    ue();
    u(1);
    if (u(1) === 1) for (let i = 0; i < (chromaFormat === 3 ? 12 : 8); i++) if (u(1) === 1) skipScalingList(i < 6 ? 16 : 64, se);
  }
  const frameNumBits = ue() + 4;
  const orderType = ue();
  let orderBits = 0;
  let deltaAlwaysZero = false;
  if (orderType === 0) orderBits = ue() + 4;
  else if (orderType === 1) {
    deltaAlwaysZero = u(1) === 1;
    se();
    se();
    for (let i = Math.min(255, ue()); i > 0; i--) se();
  }
  ue();
  u(1);
  ue();
  ue();
  return [id, { separatePlanes, chroma: chromaFormat !== 0 && !separatePlanes, frameNumBits, orderType, orderBits, deltaAlwaysZero, framesOnly: u(1) === 1 }];
}

/** 7.3.2.2; slice groups are of profiles that nobody streams. */
function readPps({ u, ue, se }: Bits): [number, Pps] {
  const id = ue();
  const sps = ue();
  const [cabac, bottomOrder] = [u(1) === 1, u(1) === 1];
  if (ue() > 0) throw new RangeError('slice groups are not read');
  const references = [ue() + 1, ue() + 1] as const;
  const weighted = u(1) === 1;
  const weightedB = u(2);
  se();
  se();
  se();
  const deblocking = u(1) === 1;
  u(1);
  return [id, { sps, cabac, bottomOrder, references, weighted, weightedB, deblocking, redundant: u(1) === 1 }];
}

export function leadOfUnit(unit: Uint8Array, codec: NalCodec, parameters: SliceParameters): Lead {
  const type = nalType(unit, codec);
  // H.265 table 7-1: VCL types below 32.
  if (codec === 'hevc') return { isSlice: type < 32, least: 3, exact: false };
  if (type !== 1 && type !== 5) return { isSlice: false, least: 0, exact: false };
  try {
    const bits = countingBits(unescaped(unit.subarray(1, 1 + MOST_HEADER)));
    skipHeader(bits, unit[0], parameters);
    return { isSlice: true, least: sentBytes(unit, 1 + Math.ceil(bits.count() / 8)), exact: true };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { isSlice: true, least: 2, exact: false };
  }
}

/** Long headers have weight tables and lists of references: a few hundred bytes at most. */
const MOST_HEADER = 1024;

function countingBits(bytes: Uint8Array): Bits & { count(): number } {
  const bits = bitsOf(bytes);
  let count = 0;
  const u = (length: number): number => {
    count += length;
    return bits.u(length);
  };
  const ue = (): number => {
    const value = bits.ue();
    count += 2 * Math.floor(Math.log2(value + 1)) + 1;
    return value;
  };
  const se = (): number => {
    const value = bits.se();
    count += 2 * Math.floor(Math.log2((value > 0 ? 2 * value - 1 : -2 * value) + 1)) + 1;
    return value;
  };
  return { u, ue, se, count: () => count };
}

/** With the emulation prevention bytes that stand among the first `bytes` of the unit. */
function sentBytes(unit: Uint8Array, bytes: number): number {
  let at = 0;
  for (let left = bytes; left > 0 && at < unit.length; at++) if (!(unit[at] === 3 && at >= 3 && unit[at - 1] === 0 && unit[at - 2] === 0)) left--;
  return at;
}

function skipHeader({ u, ue, se }: Bits, header: number, { sps: allSps, pps: allPps }: SliceParameters): void {
  const isIdr = (header & 31) === 5;
  ue();
  const type = ue() % 5;
  const [isP, isB, isSwitching] = [type === 0 || type === 3, type === 1, type === 3 || type === 4];
  const pps = allPps.get(ue());
  const sps = allSps.get(pps?.sps ?? -1);
  if (pps === undefined || sps === undefined) throw new RangeError('the parameter sets of the slice are missing');
  if (sps.separatePlanes) u(2);
  u(sps.frameNumBits);
  const isField = !sps.framesOnly && u(1) === 1;
  if (isField) u(1);
  if (isIdr) ue();
  if (sps.orderType === 0) {
    u(sps.orderBits);
    if (pps.bottomOrder && !isField) se();
  } else if (sps.orderType === 1 && !sps.deltaAlwaysZero) {
    se();
    if (pps.bottomOrder && !isField) se();
  }
  if (pps.redundant) ue();
  if (isB) u(1);
  let references: readonly [number, number] = pps.references;
  if ((isP || isB) && u(1) === 1) references = [ue() + 1, isB ? ue() + 1 : 0];
  for (let list = 0; list < (isB ? 2 : isP ? 1 : 0); list++) if (u(1) === 1) while (ue() !== 3) ue();
  if ((pps.weighted && isP) || (pps.weightedB === 1 && isB)) skipWeights({ u, ue, se }, references.slice(0, isB ? 2 : 1), sps.chroma);
  if (((header >> 5) & 3) !== 0) skipMarking({ u, ue }, isIdr);
  if (pps.cabac && (isP || isB)) ue();
  se();
  if (isSwitching) {
    if (type === 3) u(1);
    se();
  }
  if (pps.deblocking && ue() !== 1) {
    se();
    se();
  }
}

/** 7.3.3.2 */
function skipWeights({ u, ue, se }: Bits, references: readonly number[], chroma: boolean): void {
  ue();
  if (chroma) ue();
  for (const count of references) {
    for (let i = 0; i < Math.min(32, count); i++) {
      for (const values of chroma ? [2, 4] : [2]) if (u(1) === 1) for (let k = 0; k < values; k++) se();
    }
  }
}

/** 7.3.3.3 */
function skipMarking({ u, ue }: Pick<Bits, 'u' | 'ue'>, isIdr: boolean): void {
  if (isIdr) return void u(2);
  if (u(1) === 0) return;
  for (let operation = ue(); operation !== 0; operation = ue()) for (let k = operation === 3 ? 2 : operation === 5 ? 0 : 1; k > 0; k--) ue();
}
