/** Sample forms by the letter, all at once in memory: what the forms that go window by window must equal. */
import { equalBytes } from '../bytes.ts';
import { IsomerError } from '../errors.ts';
import { isAccessUnitDelimiter, isParameterSet, nalEnd, nalType, type NalFamily } from './nal.ts';

/**
 * Samples without parameter sets and access unit delimiters. `payload` holds the samples one after the other.
 * Returns the same payload when there is nothing to remove. With `known`, a parameter set that is not one of them is
 * refused: the sample entry could not describe it.
 */
export function withoutSets(
  payload: Uint8Array,
  sizes: Uint32Array,
  lengthSize: number,
  family: NalFamily,
  known: readonly Uint8Array[] | null = null,
): { readonly payload: Uint8Array; readonly sizes: Uint32Array } {
  const kept = new Uint32Array(sizes.length);
  let total = 0;
  let start = 0;
  for (let i = 0; i < sizes.length; i++) {
    const end = start + sizes[i];
    if (end > payload.length) throw new IsomerError('MPE_INVALID_NALU_SIZE', { where: `byte ${start} of the payload`, expected: `${sizes[i]} bytes of sample ${i + 1}`, found: String(payload.length - start) });
    for (let at = start, next = 0; at < end; at = next) {
      next = nalEnd(payload, at, end, lengthSize);
      const type = nalType(family, payload[at + lengthSize]);
      if (!isRemoved(family, type)) kept[i] += next - at;
      else if (known !== null && isParameterSet(family, type)) checkKnown(payload.subarray(at + lengthSize, next), known, i);
    }
    total += kept[i];
    start = end;
  }
  if (total === payload.length) return { payload, sizes };

  const filtered = new Uint8Array(total);
  let to = 0;
  start = 0;
  for (let i = 0; i < sizes.length; i++) {
    const end = start + sizes[i];
    // Neighbouring NAL units that stay are copied together.
    let run = start;
    for (let at = start, next = 0; at < end; at = next) {
      next = nalEnd(payload, at, end, lengthSize);
      if (!isRemoved(family, nalType(family, payload[at + lengthSize]))) continue;
      filtered.set(payload.subarray(run, at), to);
      to += at - run;
      run = next;
    }
    filtered.set(payload.subarray(run, end), to);
    to += end - run;
    start = end;
  }
  return { payload: filtered, sizes: kept };
}

/** The reverse of `unescapeNal`; the same array when nothing is to be put in. Looks from zero to zero, which are rare. */
export function escapeNal(raw: Uint8Array): Uint8Array {
  const places: number[] = [];
  for (let at = raw.indexOf(0); at >= 0 && at + 2 < raw.length; ) {
    if (raw[at + 1] !== 0) at = raw.indexOf(0, at + 2);
    else if (raw[at + 2] > 3) at = raw.indexOf(0, at + 3);
    else {
      places.push(at + 2);
      at = raw.indexOf(0, at + 2);
    }
  }
  if (places.length === 0) return raw;
  const nal = new Uint8Array(raw.length + places.length);
  let from = 0;
  places.forEach((place, i) => {
    nal.set(raw.subarray(from, place), from + i);
    nal[place + i] = 3;
    from = place;
  });
  nal.set(raw.subarray(from), from + places.length);
  return nal;
}

function isRemoved(family: NalFamily, type: number): boolean {
  return isAccessUnitDelimiter(family, type) || isParameterSet(family, type);
}

function checkKnown(set: Uint8Array, known: readonly Uint8Array[], sample: number): void {
  if (known.some((candidate) => equalBytes(candidate, set))) return;
  throw new IsomerError('ISOMER_PARAMETER_SETS_CHANGE', { where: `sample ${sample + 1} of the segment`, expected: 'the parameter sets of the first sample', found: `another one of ${set.length} bytes` });
}

export type Samples = { readonly payload: Uint8Array; readonly sizes: Uint32Array };

/** `payload` holds the samples one after the other; the same object comes back when the fields are 4 bytes already. */
export function withFourByteLengths(samples: Samples, lengthSize: number): Samples {
  if (lengthSize === 4) return samples;
  const { payload, sizes } = samples;
  const grown = new Uint32Array(sizes.length);
  let start = 0;
  for (let i = 0; i < sizes.length; i++) {
    const end = start + sizes[i];
    grown[i] = sizes[i];
    for (let at = start; at < end; at = nalEnd(payload, at, end, lengthSize)) grown[i] += 4 - lengthSize;
    start = end;
  }
  const out = new Uint8Array(grown.reduce((sum, size) => sum + size, 0));
  const view = new DataView(out.buffer);
  let to = 0;
  start = 0;
  for (let i = 0; i < sizes.length; i++) {
    const end = start + sizes[i];
    for (let at = start; at < end; ) {
      const next = nalEnd(payload, at, end, lengthSize);
      view.setUint32(to, next - at - lengthSize);
      out.set(payload.subarray(at + lengthSize, next), to + 4);
      to += 4 + next - at - lengthSize;
      at = next;
    }
    start = end;
  }
  return { payload: out, sizes: grown };
}
