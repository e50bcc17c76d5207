/** Good assets of a few kilobytes, which the tables damage. The movie box stands last, so that it can be cut off. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { MalformedCase } from '../../spec/malformed.ts';
import { FFMPEG } from '../encode.ts';

const run = promisify(execFile);

export type Files = Readonly<Record<string, Buffer>>;
export type BaseName = MalformedCase['base'];

/** Name of every asset's server manifest. */
export const MANIFEST = 'film.ism';

const manifest = (elements: string): Buffer =>
  Buffer.from(`<?xml version="1.0" encoding="utf-8"?>\n<smil xmlns="http://www.w3.org/2001/SMIL20/Language"><head><meta name="formats" content="mp4-v3"/></head><body><switch>\n${elements}\n</switch></body></smil>\n`);

const LADDER = '<video src="v.mp4" systemBitrate="300000"><param name="trackID" value="1" valuetype="data"/></video>\n<video src="w.mp4" systemBitrate="200000"/>\n<audio src="v.mp4"/>';
const PAIR = '<video src="v.mp4" systemBitrate="300000"/>\n<audio src="v.mp4"/>';

const picture = (size: string, seconds: number): readonly string[] => ['-f', 'lavfi', '-i', `testsrc2=s=${size}:r=10:d=${seconds}`];
const sound = (seconds: number): readonly string[] => ['-f', 'lavfi', '-i', `sine=f=440:r=48000:d=${seconds}`, '-c:a', 'aac', '-b:a', '32k'];
const x264 = (gop: number): readonly string[] => ['-c:v', 'libx264', '-profile:v', 'main', '-bf', '2', '-crf', '45', '-x264-params', `keyint=${gop}:min-keyint=${gop}:scenecut=0:threads=1:asm=SSE2`];
const X265 = ['-c:v', 'libx265', '-preset', 'ultrafast', '-crf', '45', '-tag:v', 'hvc1', '-x265-params', 'keyint=20:min-keyint=20:scenecut=0:open-gop=0:pools=none:frame-threads=1:info=0:log-level=error'];
const FRAGMENTS = ['-movflags', '+frag_keyframe+empty_moov+default_base_moof'];

/** All bases, made once in an empty folder. */
export async function makeBases(folder: string): Promise<Readonly<Record<BaseName, Files>>> {
  const make = async (file: string, ...args: readonly (readonly string[])[]): Promise<Buffer> => {
    const path = join(folder, file);
    await run(FFMPEG, ['-v', 'error', '-nostdin', '-y', ...args.flat(), '-fflags', '+bitexact', '-threads', '1', path]);
    return readFile(path);
  };
  const [both, small, hevc, slow, unaligned] = await Promise.all([
    make('both.mp4', picture('64x36', 8), sound(8), x264(20)),
    make('small.mp4', picture('48x28', 8), x264(20)),
    make('hevc.mp4', picture('64x64', 4), X265),
    make('slow.mp4', picture('64x36', 25), x264(1000)),
    make('unaligned.mp4', picture('48x28', 8), x264(15)),
  ]);
  const from = (file: string): readonly string[] => ['-i', join(folder, file)];
  const [video, audio, delayed] = await Promise.all([
    make('v-frag.mp4', from('both.mp4'), ['-map', '0:v', '-c', 'copy'], FRAGMENTS),
    make('a-frag.mp4', from('both.mp4'), ['-map', '0:a', '-c', 'copy', '-frag_duration', '2000000'], FRAGMENTS),
    make('delayed.mp4', from('both.mp4'), ['-itsoffset', '0.75'], from('both.mp4'), ['-map', '0:v', '-map', '1:a', '-c', 'copy']),
  ]);
  return {
    film: { [MANIFEST]: manifest(LADDER), 'v.mp4': both, 'w.mp4': small },
    fragmented: { [MANIFEST]: manifest('<video src="v.mp4" systemBitrate="300000"/>\n<audio src="a.mp4" systemBitrate="32000"/>'), 'v.mp4': video, 'a.mp4': audio },
    delayed: { [MANIFEST]: manifest(PAIR), 'v.mp4': delayed },
    slow: { [MANIFEST]: manifest('<video src="v.mp4" systemBitrate="300000"/>'), 'v.mp4': slow },
    unaligned: { [MANIFEST]: manifest(LADDER), 'v.mp4': both, 'w.mp4': unaligned },
    hevc: { [MANIFEST]: manifest('<video src="v.mp4" systemBitrate="300000"/>'), 'v.mp4': hevc },
  };
}
