/** A stored sample entry, opened: its fields and the boxes behind them. */
import { readAvcConfiguration, type AvcConfiguration } from '../codec/avc.ts';
import { readNode, type Box } from './box.ts';
import { REGISTRY } from './boxes.ts';
import type { AudioSampleEntry, VisualSampleEntry } from './entryboxes.ts';
import { childBoxes, findBox, malformed, needBox, type RawBox } from './walk.ts';

export type Entry<T> = { readonly type: string; readonly raw: RawBox; readonly fields: T; readonly children: readonly RawBox[] };

export function openVisual(box: Uint8Array): Entry<VisualSampleEntry> {
  return openEntry(box);
}

/** The boxes of QuickTime's wave box count as the entry's own. */
export function openAudio(box: Uint8Array): Entry<AudioSampleEntry> {
  const entry = openEntry<AudioSampleEntry>(box);
  const wave = findBox(entry.children, 'wave');
  return wave === undefined ? entry : { ...entry, children: [...entry.children, ...childBoxes(wave.body, wave.path, wave.bodyPosition)] };
}

export function openEntry<T>(box: Uint8Array): Entry<T> {
  const raw = onlyBox(box);
  const { box: node, inner } = readNode(REGISTRY, raw, 'stsd');
  return { type: raw.type, raw, fields: (node as Box<T>).fields, children: inner };
}

export function onlyBox(box: Uint8Array): RawBox {
  const [entry] = childBoxes(box, 'stsd', 0);
  if (entry === undefined) throw malformed('sample entry', 'stsd', 'a box', 'nothing');
  return entry;
}

export function avcRecord({ children, raw }: Entry<VisualSampleEntry>): AvcConfiguration {
  return readAvcConfiguration(needBox(children, 'avcC', raw.path).body);
}

/** Sequence parameter sets, their extensions, picture parameter sets. */
export function avcSets(record: AvcConfiguration): readonly Uint8Array[] {
  return [...record.sequenceParameterSets, ...(record.high?.sequenceParameterSetExtensions ?? []), ...record.pictureParameterSets];
}
