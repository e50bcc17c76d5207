import { expect, it } from 'vitest';
import { FORMAT_IDS } from '../spec/requirement.ts';
import { isRefused } from './outputs.ts';

const coded = (kind: string, rfc6381: string): { kind: string; codec: { rfc6381: string } } => ({ kind, codec: { rfc6381 } });

it.each([
  ['H.264 and AAC', [coded('video', 'avc1.64001f'), coded('audio', 'mp4a.40.2')], []],
  ['HEVC and AAC', [coded('video', 'hev1.1.6.L60.90'), coded('audio', 'mp4a.40.2')], ['hls-v3', 'hls-v4']],
  ['HEVC and H.264', [coded('video', 'hvc1.1.6.L60.90'), coded('video', 'avc1.64001f')], []],
  ['H.264 and E-AC-3', [coded('video', 'avc1.64001f'), coded('audio', 'ec-3')], ['smooth']],
  ['H.264 and AC-3', [coded('video', 'avc1.64001f'), coded('audio', 'ac-3')], [...FORMAT_IDS]],
  ['H.264, DTS and AAC', [coded('video', 'avc1.64001f'), coded('audio', 'dtsc'), coded('audio', 'mp4a.40.2')], []],
])('%s: refused where nothing of a kind is left', (_, tracks, refused) => {
  expect(FORMAT_IDS.filter((id) => isRefused(id, tracks))).toEqual(refused);
});
