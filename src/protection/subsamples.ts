/** Subsample maps (ISO/IEC 23001-7:2023 9.5): which bytes of a video sample are protected. */

/** One entry per subsample in `clear` and `protectedBytes`, samples in order. */
export type SubsampleMap = {
  /** Subsamples of each sample. */
  readonly counts: Uint32Array;
  /** BytesOfClearData. */
  readonly clear: Uint16Array;
  /** BytesOfProtectedData. */
  readonly protectedBytes: Uint32Array;
};

/** Parts of samples in order: `leads` bytes of each part must stay clear, the whole `sizes` where nothing may be protected. */
export type Spans = { readonly counts: Uint32Array; readonly sizes: Uint32Array; readonly leads: Uint32Array };

export const BLOCK_BYTES = 16;
/** BytesOfClearData is a 16-bit field. */
const MAX_CLEAR = 0xffff;

/**
 * `aligned`: protected ranges are whole blocks that end with their NAL unit, as `cenc` demands (9.5.2.2); what is left
 * over stays clear in front. Otherwise (`cbcs`) they reach from the slice header to the end. Ranges without a whole
 * block stay clear in both, so that no subsample promises what no block holds.
 */
export function mapSubsamples({ counts, sizes, leads }: Spans, aligned: boolean): SubsampleMap {
  const perSample = new Uint32Array(counts.length);
  const clear: number[] = [];
  const protectedBytes: number[] = [];
  let span = 0;
  for (let i = 0; i < counts.length; i++) {
    let pending = 0;
    const emit = (bytes: number): void => {
      for (; pending > MAX_CLEAR; pending -= MAX_CLEAR) {
        clear.push(MAX_CLEAR);
        protectedBytes.push(0);
        perSample[i]++;
      }
      clear.push(pending);
      protectedBytes.push(bytes);
      perSample[i]++;
      pending = 0;
    };
    for (const end = span + counts[i]; span < end; span++) {
      const rest = sizes[span] - leads[span];
      const bytes = rest < BLOCK_BYTES ? 0 : aligned ? rest - (rest % BLOCK_BYTES) : rest;
      pending += sizes[span] - bytes;
      if (bytes > 0) emit(bytes);
    }
    if (pending > 0) emit(0);
  }
  return { counts: perSample, clear: Uint16Array.from(clear), protectedBytes: Uint32Array.from(protectedBytes) };
}
