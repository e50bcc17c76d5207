/** How much a replay may leave behind; plain values, because the recorder in the page reads them too. */

/** What is more than this is thinned out while it is recorded, so that a long replay costs what a short one does. */
export const EVIDENCE_LIMITS = {
  /** Thumbnails evenly spread, and thumbnails of moments at which the picture jumped. */
  pictures: 12,
  jumps: 8,
  imageBytes: 12_000,
  buffer: 240,
  requests: 150,
  pathLength: 200,
};
