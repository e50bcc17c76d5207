import { execFileSync, spawnSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { adtsFrames, annexBUnits, clockDistance, joinFaults, readTs } from './ts.ts';

const ffmpeg = process.env['FFMPEG_PATH'] ?? 'ffmpeg';
const hasFfmpeg = spawnSync(ffmpeg, ['-version']).status === 0;

describe.skipIf(!hasFfmpeg)('a stream that ffmpeg wrote (skipped: no ffmpeg)', () => {
  let good: Buffer;
  beforeAll(() => {
    const args = '-v error -f lavfi -i testsrc2=s=160x90:r=25:d=1 -f lavfi -i sine=d=1 -c:v libx264 -bf 2 -c:a aac -f mpegts -mpegts_flags +resend_headers -';
    good = execFileSync(ffmpeg, args.split(' '), { maxBuffer: 1e8 });
  });

  const mutant = (change: (bytes: Buffer) => void): ReturnType<typeof readTs> => {
    const bytes = Buffer.from(good);
    change(bytes);
    return readTs(bytes);
  };
  const packetOf = (wanted: (bytes: Buffer, at: number) => boolean): number => {
    for (let at = 0; at < good.length; at += 188) if (wanted(good, at)) return at;
    throw new Error('no such packet');
  };
  const pesStart = (bytes: Buffer): number => {
    const at = packetOf((b, packet) => pidAt(b, packet) === 0x101 && (b[packet + 1] & 0x40) !== 0);
    return (bytes[at + 3] & 0x20) !== 0 ? at + 5 + bytes[at + 4] : at + 4;
  };
  const pidAt = (bytes: Buffer, at: number): number => bytes.readUInt16BE(at + 1) & 0x1fff;

  it('has no fault, 25 pictures and all its audio', () => {
    const ts = readTs(good);
    // ffmpeg sends service tables on PID 17 that no PMT lists.
    expect(ts.faults.filter(({ pid }) => pid !== 17)).toEqual([]);
    expect(ts.streams.map(({ streamType }) => streamType)).toEqual([0x1b, 0x0f]);
    const video = ts.pes.filter(({ pid }) => pid === ts.streams[0].pid);
    expect(video).toHaveLength(25);
    expect(video.filter(({ payload }) => annexBUnits(payload).some((unit) => (unit[0] & 31) === 5))).toHaveLength(1);
    const audio = adtsFrames(Buffer.concat(ts.pes.filter(({ pid }) => pid === ts.streams[1].pid).map(({ payload }) => payload)));
    expect(typeof audio).not.toBe('string');
    expect(audio.length).toBeGreaterThanOrEqual(43);
  });

  it.each([
    ['a lost packet', 'continuity', (bytes: Buffer) => bytes.copy(bytes, 188 * 6, 188 * 7)],
    ['a wrong sync byte', 'sync-byte', (bytes: Buffer) => (bytes[188 * 5] = 0x48)],
    ['a set error indicator', 'transport-error', (bytes: Buffer) => (bytes[188 * 5 + 1] |= 0x80)],
    ['scrambling', 'scrambled', (bytes: Buffer) => (bytes[188 * 5 + 3] |= 0xc0)],
    ['a reserved adaptation control', 'adaptation', (bytes: Buffer) => (bytes[188 * 5 + 3] &= 0xcf)],
    ['a damaged PAT', 'section-crc', (bytes: Buffer) => (bytes[packetOf((b, at) => pidAt(b, at) === 0) + 15] ^= 1)],
    ['a damaged PES start code', 'pes', (bytes: Buffer) => (bytes[pesStart(bytes) + 2] = 2)],
  ])('names %s', (_, kind, change) => {
    expect(mutant(change).faults.map((fault) => fault.kind)).toContain(kind);
  });

  it('names a file that is cut inside a packet', () => {
    expect(readTs(good.subarray(0, good.length - 7)).faults.map(({ kind }) => kind)).toContain('length');
  });

  it('finds joints whose counters or clocks do not go on', () => {
    const [a, b] = [readTs(good.subarray(0, 188 * 40)), readTs(good.subarray(188 * 40))];
    const lost = readTs(good.subarray(188 * 41));
    expect(joinFaults([a, { ...b, faults: [] }])).toEqual([]);
    expect(joinFaults([a, lost]).length).toBeGreaterThan(0);
    expect(joinFaults([b, a]).length).toBeGreaterThan(0);
  });
});

describe('small readers', () => {
  it('survive any bytes', () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(187), Buffer.alloc(188), Buffer.alloc(376, 0x47), Buffer.alloc(1880, 0xff)]) expect(readTs(bytes).faults.length).toBeGreaterThan(0);
  });

  it('measure distances on the 33-bit circle', () => {
    expect(clockDistance(2 ** 33 - 5, 10)).toBe(15);
    expect(clockDistance(10, 2 ** 33 - 5)).toBe(-15);
  });

  it('say where ADTS breaks', () => {
    expect(adtsFrames(Uint8Array.of(0xff, 0xf1, 0x4c, 0x80, 1, 0x1f, 0xfc, 9))).toHaveLength(1);
    expect(adtsFrames(Uint8Array.of(0xff, 0xf1, 0x4c, 0x80, 1, 0x1f, 0xfc, 9, 9))).toMatch(/byte 8/);
    expect(adtsFrames(Uint8Array.of(0xff, 0xf1, 0x4c, 0x80, 2, 0x1f, 0xfc, 9))).toMatch(/leaves/);
  });
});
