/** Samples whose NAL length fields are 1 or 2 bytes, rewritten with 4 bytes: the only form that the writers know. */
import { nalEnd } from './nal.ts';

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
