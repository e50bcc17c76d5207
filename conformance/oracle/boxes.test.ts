import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aacEntry, avcConfiguration, fragment, fullBox, initSegment, u32, visualEntry } from '../mutants/bytes.ts';
import { QUALITIES } from '../mutants/content.ts';
import { readBoxes, readInit } from './boxes.ts';
import { soundOf } from './sound.ts';
import { audioSpecificConfig, codecString, isParameterSet, nalUnits, parameterSets } from './codecs.ts';
import { durationOf, isSync, presentationTimes, readSegment } from './fragments.ts';
import { normalisedHash, shortHash } from './truth.ts';

const [quality] = QUALITIES;
const init = initSegment({ brand: 'cmfc', kind: 'video', timescale: 30_000, language: 'eng', width: 1280, height: 720, entry: visualEntry('avc1', 1280, 720, avcConfiguration(quality.sps, quality.pps)) });
const sample = (size: number, composition: number, sync: boolean): { bytes: Buffer; duration: number; composition: number; sync: boolean } => ({ bytes: Buffer.alloc(size, size), duration: 1001, composition, sync });
const segment = fragment({ sequence: 7, time: 2n ** 40n, samples: [sample(10, 0, true), sample(20, 2002, false), sample(30, -1001, false)] });

describe('initialization segments', () => {
  it('tell brand, track, entry and defaults', () => {
    const { brands, tracks, defaults, tree } = readInit(init);
    expect(tree.problems).toEqual([]);
    expect(brands).toEqual(['cmfc', 'cmfc', 'iso6']);
    expect(tracks).toMatchObject([{ id: 1, handler: 'vide', timescale: 30_000, language: 'eng', edits: 0, storedSamples: 0 }]);
    expect(defaults.get(1)).toEqual({ duration: 0, size: 0, flags: 0 });
    const [entry] = tracks[0].entries;
    expect([entry.type, entry.width, entry.height, codecString(entry)]).toEqual(['avc1', 1280, 720, 'avc1.640020']);
    expect(parameterSets(entry)?.units.map((unit) => Buffer.from(unit).toString('hex'))).toEqual([quality.sps.toString('hex'), quality.pps.toString('hex')]);
  });

  it('tell the AudioSpecificConfig', () => {
    const { tracks } = readInit(initSegment({ brand: 'cmfc', kind: 'audio', timescale: 48_000, language: 'und', width: 0, height: 0, entry: aacEntry(48_000, 2, Buffer.from('1190', 'hex')) }));
    const [entry] = tracks[0].entries;
    expect([entry.channels, entry.sampleRate, soundOf(entry)?.codec]).toEqual([2, 48_000, 'mp4a.40.2']);
    expect(Buffer.from(audioSpecificConfig(entry) ?? []).toString('hex')).toBe('1190');
  });

  it('HEVC strings reverse the compatibility flags and drop trailing zeros', () => {
    const config = Buffer.from('0101600000009000000000005d', 'hex');
    expect(codecString({ type: 'hvc1', width: 0, height: 0, channels: 0, sampleRate: 0, config: () => config })).toBe('hvc1.1.6.L93.90');
  });
});

describe('fragments', () => {
  it('tell where samples lie and when they are presented', () => {
    const { fragments: [read], problems } = readSegment(segment);
    expect(problems).toEqual([]);
    expect(read).toMatchObject({ trackId: 1, sequence: 7, defaultBaseIsMoof: true, decodeTime: 2n ** 40n, trunVersion: 1, leansOnTrex: false });
    expect(read.samples.map(isSync)).toEqual([true, false, false]);
    expect(presentationTimes(read).map((time) => Number(time - 2n ** 40n))).toEqual([0, 3003, 1001]);
    expect(durationOf(read)).toBe(3003n);
    expect(read.samples.map(({ offset, size }) => segment.subarray(offset, offset + size).every((byte) => byte === size))).toEqual([true, true, true]);
  });

  it('take what trun leaves out from tfhd, then trex', () => {
    const trun = fullBox('trun', 0, 0x201, u32(2, 80), u32(4, 5));
    const body = Buffer.concat([u32(8 + 16 + trun.length), Buffer.from('traf'), fullBox('tfhd', 0, 0x20008, u32(3, 512)), trun]);
    const moof = Buffer.concat([u32(8 + body.length), Buffer.from('moof'), body]);
    moof.writeUInt32BE(body.length - 0, 8);
    const { fragments: [read] } = readSegment(moof, new Map([[3, { duration: 1, size: 2, flags: 0x10000 }]]));
    expect(read.samples).toMatchObject([{ offset: 80, size: 4, duration: 512, flags: 0x10000 }, { offset: 84, size: 5 }]);
    expect(read.leansOnTrex).toBe(true);
  });

  it('refuse a sample count that does not fit the box', () => {
    const broken = Buffer.from(segment);
    broken.writeUInt32BE(1_000_000, broken.indexOf('trun') + 8);
    expect(readSegment(broken).problems[0]).toContain('sample_count 1000000 does not fit');
  });
});

describe('hostile bytes', () => {
  it('never make the readers throw', () => {
    const property = fc.property(fc.constantFrom(init, segment), fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 12 }), fc.nat(2000), (base, changes, length) => {
      const bytes = Buffer.from(base);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      const cut = bytes.subarray(0, length % (bytes.length + 1));
      for (const { entries } of readInit(cut).tracks) for (const entry of entries) [codecString(entry), parameterSets(entry)].forEach(() => undefined);
      for (const read of readSegment(cut).fragments) presentationTimes(read);
      nalUnits(cut, 4);
    });
    expect(() => fc.assert(property, { seed: 20261124, numRuns: 400 })).not.toThrow();
  });

  it('are told where a box does not fit', () => {
    const broken = Buffer.from(segment);
    broken.writeUInt32BE(9999, 24);
    expect(readBoxes(broken).problems).toEqual([expect.stringContaining('/moof/traf at 24: size 9999 does not fit')]);
    expect(readBoxes(Buffer.concat([segment, Buffer.from([0, 0, 0])])).problems).toEqual([': 3 bytes after the last box']);
  });
});

describe('normalised hashes', () => {
  it('do not see delimiters and parameter sets, and see everything else', () => {
    const sps = Buffer.from([0x67, 1]);
    const slice = Buffer.from([0x65, 1, 2, 3]);
    const frame = (...units: Buffer[]): Buffer => Buffer.concat(units.flatMap((unit) => [u32(unit.length), unit]));
    const plain = normalisedHash(frame(slice), 4, 'avc');
    expect(normalisedHash(frame(Buffer.from([0x09, 0xf0]), sps, slice), 4, 'avc')).toBe(plain);
    expect(plain).toBe(shortHash(slice));
    expect(normalisedHash(frame(Buffer.from([0x06, 5]), slice), 4, 'avc')).not.toBe(plain);
    expect(normalisedHash(Buffer.from([0, 0, 0, 9, 1]), 4, 'avc')).toBeNull();
    expect(isParameterSet(sps, 'avc')).toBe(true);
    expect(isParameterSet(Buffer.from([0x40, 1]), 'hevc')).toBe(true);
  });
});
