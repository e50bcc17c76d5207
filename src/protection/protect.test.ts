import { describe, expect, it } from 'vitest';
import type { Presentation, SwitchingSet, Track } from '../model/presentation.ts';
import { constantTable } from '../model/testing.ts';
import { timelineOf } from '../model/timeline.ts';
import { ContentKey } from './contentkey.ts';
import { parseGuid } from './guid.ts';
import { protectPresentation, type ProtectionPolicy } from './protect.ts';
import { NO_SYSTEMS } from './urls.ts';

const key = (n: number): ContentKey => new ContentKey(parseGuid(`0000000${n}-0000-0000-0000-000000000000`), Buffer.alloc(16, n));
const track = (bitrate: number): Track =>
  ({ bitrate, codec: { kind: 'text', family: 'ttml', sampleEntry: 'stpp', rfc6381: 'stpp' }, timescale: 1, sampleEntry: new Uint8Array(0), samples: constantTable(2, 1, 1), cuts: Uint32Array.of(0, 2), frameRate: null, inBandSets: false, source: 'x' }) satisfies Track;
const set = (name: string, kind: SwitchingSet['kind'], ...bitrates: number[]): SwitchingSet => ({ name, kind, language: '', label: null, roles: [], accessibility: [], timeline: timelineOf(BigInt64Array.of(0n, 2n), 1), tracks: bitrates.map(track) });
const PRESENTATION: Presentation = { asset: 'a', version: '1', switchingSets: [set('video', 'video', 2, 1), set('audio', 'audio', 1), set('text', 'text', 1)] };
const policy = (more: Partial<ProtectionPolicy> = {}): ProtectionPolicy => ({ scheme: 'cenc', keyOf: () => key(1), systems: NO_SYSTEMS, ...more });
const prefixesOf = (presentation: Presentation): number[] => presentation.switchingSets.flatMap(({ tracks }) => tracks.flatMap(({ protection }) => (protection === undefined ? [] : Object.values(protection.ivPrefixes))));

describe('protectPresentation', () => {
  it('protects pictures and sound; text in the envelope only', () => {
    const kinds = (scheme: ProtectionPolicy['scheme']): boolean[] => protectPresentation(PRESENTATION, policy({ scheme })).switchingSets.map(({ tracks }) => tracks.every(({ protection }) => protection?.scheme === scheme));
    expect(kinds('cenc')).toEqual([true, true, false]);
    expect(kinds('cbc')).toEqual([true, true, true]);
    expect(PRESENTATION.switchingSets[0].tracks[0].protection).toBeUndefined();
  });

  it('gives each track and form its own prefix, the same every time, another one for other bytes', () => {
    const prefixes = prefixesOf(protectPresentation(PRESENTATION, policy()));
    expect(new Set(prefixes).size).toBe(6);
    expect(prefixesOf(protectPresentation(PRESENTATION, policy()))).toEqual(prefixes);
    const others = [{ ...PRESENTATION, version: '2' }, { ...PRESENTATION, asset: 'b' }].flatMap((other) => prefixesOf(protectPresentation(other, policy())));
    expect(new Set([...prefixes, ...others]).size).toBe(18);
  });

  it('chooses keys by track and leaves tracks clear', () => {
    const chosen = protectPresentation(PRESENTATION, policy({ keyOf: ({ kind }, { bitrate }) => (kind === 'audio' ? null : key(bitrate)) }));
    expect(chosen.switchingSets.map(({ tracks }) => tracks.map(({ protection }) => protection?.keyId[3]))).toEqual([[2, 1], [undefined], [undefined]]);
  });

  it('refuses two tracks with one key and one prefix, and vectors of another length', () => {
    const twins = { ...PRESENTATION, switchingSets: [set('video', 'video', 1), set('video', 'video', 1)] };
    expect(() => protectPresentation(twins, policy())).toThrow(/same initialization vectors/);
    let count = 0;
    expect(prefixesOf(protectPresentation(twins, policy({ keyOf: () => key(++count) })))).toHaveLength(4);
    expect(() => protectPresentation(PRESENTATION, policy({ iv: new Uint8Array(8) }))).toThrow(/16 bytes/);
  });
});
