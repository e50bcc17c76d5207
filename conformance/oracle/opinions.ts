/** Other people's parsers as second opinions. They never make a pass by themselves: each is lenient in its own way. */
import { createRequire } from 'node:module';
import hls from 'hls-parser';
import { createFile, Log, MP4BoxBuffer } from 'mp4box';
import { messageOf } from '../fault.ts';
import type { Box } from './boxes.ts';

type Parser = { push(text: string): void; end(): void; on(name: 'warn' | 'info', listener: (event: { message: string }) => void): void };
// The package's types are missing and its ES build needs a bundler; the CommonJS one is complete.
const m3u8Parser = createRequire(import.meta.url)('m3u8-parser') as { Parser: new () => Parser };

/** hls-parser in strict mode: null when it accepts the playlist, else what it says. */
export function hlsParserComplaint(text: string): string | null {
  hls.setOptions({ strictMode: true, silent: true });
  try {
    hls.parse(text);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** m3u8-parser never rejects; its warnings are its opinion. An exception inside it is one too. */
export function m3u8ParserWarnings(text: string): readonly string[] {
  const warnings: string[] = [];
  const parser = new m3u8Parser.Parser();
  parser.on('warn', ({ message }) => warnings.push(message));
  try {
    parser.push(text);
    parser.end();
  } catch (error) {
    warnings.push(error instanceof Error ? error.message : String(error));
  }
  return warnings;
}

export type ForeignBox = { readonly type: string; readonly start: number; readonly size: number; readonly parent: string };

type Mp4boxNode = { type: string; start: number; size: number; boxes?: Mp4boxNode[] };

export type ForeignReading = { readonly boxes: readonly ForeignBox[]; readonly complaints: readonly string[] };

let complaints: string[] = [];
// mp4box tells of broken boxes in its error log only, which goes to the console: here it is the opinion that was asked for.
Object.assign(Log, {
  error(_module: string, message?: string): void {
    complaints.push(message ?? '');
  },
});

/** All boxes that mp4box sees, in document order, and what it complains of. Box parse only: it needs neither media nor header. */
export function readWithMp4box(bytes: Uint8Array): ForeignReading {
  complaints = [];
  const file = createFile(false);
  const copy = new ArrayBuffer(bytes.length);
  new Uint8Array(copy).set(bytes);
  // An exception inside it is its opinion too.
  try {
    file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(copy, 0), true);
    file.flush();
  } catch (error) {
    complaints.push(messageOf(error));
  }
  const boxes: ForeignBox[] = [];
  const visit = (nodes: readonly Mp4boxNode[], parent: string): void => {
    for (const { type, start, size, boxes: children } of nodes) {
      boxes.push({ type, start, size, parent });
      visit(children ?? [], type);
    }
  };
  visit(file.boxes as unknown as Mp4boxNode[], '');
  return { boxes, complaints };
}

/** RFC 6381 strings of a header's sample entries, as mp4box makes them. */
export function codecsByMp4box(header: Uint8Array): readonly string[] {
  const file = createFile(false);
  const copy = new ArrayBuffer(header.length);
  new Uint8Array(copy).set(header);
  try {
    file.appendBuffer(MP4BoxBuffer.fromArrayBuffer(copy, 0), true);
    file.flush();
    return file.moov === undefined ? [] : file.moov.traks.flatMap(({ mdia }) => mdia.minf.stbl.stsd.entries.map((entry) => entry.getCodec()));
  } catch {
    return [];
  }
}

/** Containers that both look inside. */
const PARENTS = new Set(['', 'moov', 'trak', 'mdia', 'minf', 'stbl', 'mvex', 'moof', 'traf']);

/** What mp4box complains of, or the first place where our walk and its differ; null when both see the same boxes as far as both look inside. */
export function differenceFromMp4box(ours: readonly Box[], { boxes: theirs, complaints: [complaint] }: ForeignReading): string | null {
  if (complaint !== undefined) return complaint;
  const mine = new Map<string, Box>();
  const visit = (boxes: readonly Box[]): void => {
    for (const box of boxes) {
      mine.set(`${box.type}@${box.start}`, box);
      visit(box.children);
    }
  };
  visit(ours);
  const other = new Set(theirs.map(({ type, start, size }) => `${type}@${start}+${size}`));
  for (const box of ours) if (!other.has(`${box.type}@${box.start}+${box.size}`)) return `mp4box sees no ${box.type} of ${box.size} bytes at ${box.start}`;
  for (const { type, start, size, parent } of theirs) {
    const match = mine.get(`${type}@${start}`);
    if (match === undefined && PARENTS.has(parent)) return `mp4box sees ${type} of ${size} bytes at ${start}`;
    if (match !== undefined && match.size !== size) return `mp4box gives ${type} at ${start} ${size} bytes, not ${match.size}`;
  }
  return null;
}
