/**
 * From edit lists to one presentation timeline for all tracks (media-rules 1.1 and 1.2).
 * PT = DTS + composition offset + shift, exact, in each track's own timescale.
 */
import { IsomerError } from '../errors.ts';
import { decodeTime, withoutLeading, type SampleTable } from './samples.ts';

/** One entry of an edit list (ISO/IEC 14496-12:2022 8.6.6). */
export type Edit = {
  /** In the movie's timescale; 0 means to the end in fragmented files. */
  readonly segmentDuration: bigint;
  /** In the track's timescale; -1 marks an empty edit. */
  readonly mediaTime: bigint;
  readonly rate: number;
};

export type EditedTrack = {
  readonly kind: 'video' | 'audio' | 'text';
  /** Named in messages. */
  readonly file: string;
  readonly timescale: number;
  readonly movieTimescale: number;
  readonly edits: readonly Edit[];
  /** As stored, with shift 0. */
  readonly samples: SampleTable;
};

export type ResolvedTimes = {
  /** One table per track, in order: shifted, and without the samples that are edited out. */
  readonly tables: readonly SampleTable[];
  /** Samples left out at the start of each track. */
  readonly editedOut: readonly number[];
  /** How much later everything is presented than the edit lists say, in seconds: ticks over timescale. */
  readonly moved: { readonly ticks: number; readonly timescale: number };
  /** What was done beyond the edit lists' letter, for the log. */
  readonly notes: readonly string[];
};

/** Ticks to add to DTS + composition offset. A trailing trim is not applied: every stored sample is delivered. */
export function editShift(track: EditedTrack): number {
  let empty = 0n;
  let media: Edit | null = null;
  for (const edit of track.edits) {
    if (edit.rate !== 1 && edit.mediaTime >= 0n) {
      throw new IsomerError('ISOMER_EDIT_LIST_UNSUPPORTED', { where: `${track.file}: elst`, expected: 'media_rate 1', found: String(edit.rate) });
    }
    if (edit.mediaTime < 0n && media === null) empty += edit.segmentDuration;
    else if (edit.mediaTime >= 0n && media === null) media = edit;
    else {
      throw new IsomerError('ISOMER_EDIT_LIST_UNSUPPORTED', { where: `${track.file}: elst`, expected: 'leading empty edits, then one media edit', found: `${track.edits.length} edits` });
    }
  }
  if (media === null && track.edits.length > 0) {
    throw new IsomerError('ISOMER_EDIT_LIST_UNSUPPORTED', { where: `${track.file}: elst`, expected: 'one media edit', found: 'empty edits only' });
  }
  const movie = BigInt(track.movieTimescale);
  const delay = movie === 0n ? 0n : (2n * empty * BigInt(track.timescale) + movie) / (2n * movie);
  return Number(delay - (media?.mediaTime ?? 0n));
}

/** Applies the edit lists of all tracks of a presentation together, since a start inside a GOP moves every track. */
export function resolveTimes(tracks: readonly EditedTrack[]): ResolvedTimes {
  const notes: string[] = [];
  const shifted = tracks.map((track) => ({ ...track.samples, shift: editShift(track) }));
  const starts = tracks.map((track, i) => (track.kind === 'video' ? videoStart(track, shifted[i]) : null));

  // The largest move back, as the fraction ticks/timescale: all tracks take it, so A/V offsets stay as stored.
  let move = { ticks: 0, timescale: 1 };
  tracks.forEach((track, i) => {
    const back = starts[i]?.back ?? 0;
    if (back * move.timescale > move.ticks * track.timescale) move = { ticks: back, timescale: track.timescale };
    if (back > 0) notes.push(`${track.file}: the edit list starts inside a GOP; the presentation starts at that GOP's key frame, ${back}/${track.timescale} s earlier`);
  });

  const editedOut: number[] = [];
  const tables = tracks.map((track, i) => {
    const moved = Math.round((move.ticks * track.timescale) / move.timescale);
    const table = { ...shifted[i], shift: shifted[i].shift + moved };
    const drop = starts[i]?.first ?? leadingEdited(table);
    if (drop >= table.count && table.count > 0) {
      throw new IsomerError('ISOMER_EDIT_LIST_UNSUPPORTED', { where: `${track.file}: elst`, expected: 'an edit that keeps samples', found: 'every sample is edited out' });
    }
    editedOut.push(drop);
    return withoutLeading(table, drop);
  });
  return { tables, editedOut, moved: move, notes };
}

/** The key frame at which a video track starts, and how far before 0 it is presented, in ticks. */
function videoStart(track: EditedTrack, table: SampleTable): { first: number; back: number } {
  if (table.count === 0) return { first: 0, back: 0 };
  if (table.sync !== null && table.sync[0] !== 0) {
    throw new IsomerError('ISOMER_NO_KEY_FRAME', { where: track.file, expected: 'sample 1 to be a sync sample', found: table.sync.length === 0 ? 'no sync sample at all' : `the first one is sample ${table.sync[0] + 1}` });
  }
  const count = table.sync === null ? table.count : table.sync.length;
  let first = 0;
  let back = 0;
  for (let k = 0; k < count; k++) {
    const sample = table.sync === null ? k : table.sync[k];
    const time = unclampedTime(table, sample);
    if (k > 0 && time <= -back) {
      throw new IsomerError('ISOMER_MP4_MALFORMED', { what: 'presentation times of key frames', where: track.file, expected: 'ascending', found: `sample ${sample + 1} is not after sample ${first + 1}` });
    }
    if (time > 0) break;
    first = sample;
    back = -time;
  }
  return { first, back };
}

/** Frames that end at or before 0: encoder priming (media-rules 1.2). */
function leadingEdited(table: SampleTable): number {
  let drop = 0;
  while (drop < table.count && unclampedTime(table, drop) + decodeTime(table, drop + 1) - decodeTime(table, drop) <= 0) drop++;
  return drop;
}

function unclampedTime(table: SampleTable, index: number): number {
  return decodeTime(table, index) + (table.composition === null ? 0 : table.composition[index]) + table.shift;
}
