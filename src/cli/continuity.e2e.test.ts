/** Transport stream segments are made alone; put together they are one stream. Read here packet by packet, and by ffmpeg. */
import { readdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emptyFolder, exportAll, ffmpeg, framesOf, picturesOf } from './testing/decode.ts';

const CORPUS = join(import.meta.dirname, '../../corpus/.assets');
/** Several qualities and languages, edit lists, negative composition offsets, fragments and PIFF. */
const ASSETS = ['h264-aac-mbr3', 'h264-multiaudio', 'elst-delay', 'elst-midgop', 'negative-cts', 'fragmented', 'smooth-ismv', 'live-archive', 'muxed-mbr'];

const PACKET = 188;
/** ISO/IEC 13818-1:2019 2.7.2, in the 27 MHz clock. */
const MAX_CLOCK_DISTANCE = 2_700_000;

/** Bytes up to the end of a PTS: the header of a PES packet that is stretched over many packets may lie across them. */
const WHOLE_HEADER = 14;

type Facts = { readonly packets: number; readonly faults: readonly string[]; readonly pids: ReadonlySet<number>; readonly programs: number };

/** Plain reading of ISO/IEC 13818-1:2019 2.4.3: counters, clocks, and time stamps against the clock. */
function readStream(bytes: Buffer): Facts {
  const counters = new Map<number, number>();
  const faults: string[] = [];
  let clock = -1;
  let programs = 0;
  for (let at = 0; at < bytes.length; at += PACKET) {
    const where = `packet ${at / PACKET}`;
    if (bytes[at] !== 0x47) return { packets: at / PACKET, faults: [...faults, `${where}: no sync byte`], pids: new Set(counters.keys()), programs };
    const pid = bytes.readUInt16BE(at + 1) & 0x1fff;
    const [hasField, hasPayload, counter] = [(bytes[at + 3] & 0x20) !== 0, (bytes[at + 3] & 0x10) !== 0, bytes[at + 3] & 15];
    if (pid === 0) programs++;
    const before = counters.get(pid);
    const wanted = before === undefined ? counter : (before + (hasPayload ? 1 : 0)) & 15;
    if (counter !== wanted) faults.push(`${where}: counter of PID ${pid} is ${counter}, not ${wanted}`);
    counters.set(pid, counter);
    const fieldBytes = hasField ? bytes[at + 4] : 0;
    if (hasField && fieldBytes > 0) {
      if ((bytes[at + 5] & 0x80) !== 0) faults.push(`${where}: discontinuity_indicator`);
      if ((bytes[at + 5] & 0x10) !== 0) {
        const now = (bytes.readUInt32BE(at + 6) * 2 + (bytes[at + 10] >> 7)) * 300 + (((bytes[at + 10] & 1) << 8) | bytes[at + 11]);
        if (clock >= 0 && (now <= clock || now - clock > MAX_CLOCK_DISTANCE)) faults.push(`${where}: clock goes from ${clock} to ${now}`);
        clock = now;
      }
    }
    const payload = at + 4 + (hasField ? 1 + fieldBytes : 0);
    if ((bytes[at + 1] & 0x40) !== 0 && hasPayload && at + PACKET - payload >= WHOLE_HEADER && bytes.readUIntBE(payload, 3) === 1) {
      const stamp = stampAt(bytes, payload + 9);
      if (clock >= 0 && stamp * 300 < clock) faults.push(`${where}: presented at ${stamp}, after the clock ${Math.floor(clock / 300)}`);
    }
  }
  return { packets: bytes.length / PACKET, faults, pids: new Set(counters.keys()), programs };
}

function stampAt(bytes: Buffer, at: number): number {
  return ((bytes[at] >> 1) & 7) * 2 ** 30 + (bytes.readUInt16BE(at + 1) >> 1) * 2 ** 15 + (bytes.readUInt16BE(at + 3) >> 1);
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isomer-continuity-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function checkStreams(root: string, asset: string): Promise<number> {
  const outputs = await exportAll(root, asset, await emptyFolder(join(folder, asset)), 2, ['hls-v3', 'hls-v4']);
  let streams = 0;
  for (const { id, video, audio, muxed } of outputs) {
    for (const file of [...video, ...audio]) {
      const { faults, packets, pids, programs } = readStream(await readFile(file));
      expect([asset, id, file.split('/').at(-1), faults.slice(0, 5)]).toEqual([asset, id, file.split('/').at(-1), []]);
      expect(packets).toBeGreaterThan(100);
      expect(programs).toBeGreaterThan(1);
      expect(pids.size).toBe(muxed && video.includes(file) && audio.length > 0 ? 4 : 3);
      // Both throw at the first word of ffmpeg, whose demuxer reports each counter that is out of step.
      const units = video.includes(file) ? await picturesOf(file, '-err_detect', 'explode+crccheck') : await framesOf(file, '-err_detect', 'explode+crccheck');
      expect(units.length).toBeGreaterThan(20);
      streams++;
    }
  }
  return streams;
}

describe('segments joined', () => {
  test.each(ASSETS)('%s', async (asset) => {
    expect(await readdir(join(CORPUS, asset))).toContain('truth.json');
    expect(await checkStreams(CORPUS, asset)).toBeGreaterThan(1);
  });

  test('sound before the first picture and after the last one', async () => {
    const own = await emptyFolder(join(folder, 'root/apart'));
    const coded = ['-c:v', 'libx264', '-preset', 'veryfast', '-g', '25', '-threads', '1', '-c:a', 'aac'];
    await ffmpeg('-itsoffset', '2', '-f', 'lavfi', '-i', 'testsrc2=s=160x90:r=25:d=3', '-f', 'lavfi', '-i', 'sine=r=48000:d=9', ...coded, join(own, 'apart.mp4'));
    expect(await checkStreams(join(folder, 'root'), 'apart')).toBe(4);
  });

  test('the reader above sees what is wrong', async () => {
    const stream = await readFile(join(folder, 'apart/hls-v3-0.ts'));
    const lost = Buffer.concat([stream.subarray(0, 40 * PACKET), stream.subarray(41 * PACKET)]);
    expect(readStream(lost).faults.length).toBeGreaterThan(0);
    expect(readStream(stream.subarray(1)).faults[0]).toMatch(/sync byte/);
  });
});
