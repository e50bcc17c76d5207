/** Closed captions inside the pictures, and what manifests say of them. */
import { DASH, HLS, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { captionChannels } from '../oracle/captions.ts';
import { childrenOf } from '../oracle/xml.ts';
import { attributeOf } from '../oracle/m3u8.ts';
import { fullTracks, type TrackView } from '../view.ts';
import { judged, problem } from './helpers.ts';
import { picturesOf } from './video.ts';

const channels = new WeakMap<TrackView, readonly string[]>();

/** Sorted, of all delivered pictures of the track. */
function channelsOf(context: FormatContext, track: TrackView): readonly string[] {
  const known = channels.get(track);
  if (known !== undefined) return known;
  const found = new Set(picturesOf(context, track).flatMap(({ codec, pictures }) => pictures.flatMap(({ units }) => captionChannels(units(), codec))));
  const sorted = [...found].toSorted();
  channels.set(track, sorted);
  return sorted;
}

function inVideo(context: FormatContext): readonly string[] {
  return [...new Set(fullTracks(context.view).filter(({ kind }) => kind === 'video').flatMap((track) => channelsOf(context, track)))].toSorted();
}

/** A playlist of this version may name channels of CEA-708 (RFC 8216 7). */
const SERVICES_VERSION = 7;

export const CAPTION_CHECKS: readonly FormatCheck[] = [
  {
    id: 'captions/hls',
    requirements: ['CAP-001'],
    title: 'CLOSED-CAPTIONS renditions are the channels of the pictures, and video variants name them',
    level: 'must',
    scope: 'format',
    formats: HLS,
    run(context) {
      const { view } = context;
      if (view.document?.kind !== 'hls' || view.document.hls.kind !== 'multivariant') return [];
      const { hls } = view.document;
      const version = Number(hls.tags.find(({ name }) => name === 'EXT-X-VERSION')?.value ?? '1');
      const told = hls.media.filter((tag) => attributeOf(tag, 'TYPE') === 'CLOSED-CAPTIONS');
      const real = inVideo(context).filter((channel) => channel.startsWith('CC') || version >= SERVICES_VERSION);
      if (told.length === 0 && real.length === 0) return [];
      const names = told.map((tag) => attributeOf(tag, 'INSTREAM-ID') ?? '').toSorted();
      const problems: Finding[] = names.join() === real.join() ? [] : [problem('captions', 'the renditions are not the channels of the pictures', { wanted: real.join(), actual: names.join(), at: view.manifest })];
      const groups = new Set(told.map((tag) => attributeOf(tag, 'GROUP-ID')));
      for (const { tag } of hls.variants) {
        const group = attributeOf(tag, 'CLOSED-CAPTIONS');
        const wants = attributeOf(tag, 'RESOLUTION') !== null && real.length > 0;
        if (wants ? !groups.has(group) : group !== null && real.length > 0) problems.push(problem('captions', 'a variant names another group of captions', { actual: group ?? 'none', at: view.manifest, pointer: `line ${tag.line}` }));
      }
      return judged('captions', problems);
    },
  },
  {
    id: 'captions/dash',
    requirements: ['CAP-002'],
    title: 'Accessibility of CEA-608 and CEA-708 lists the channels that the pictures carry',
    level: 'must',
    scope: 'format',
    formats: DASH,
    run(context) {
      const sets = new Map<object, { readonly told: readonly string[]; readonly path: string; readonly real: Set<string> }>();
      for (const track of fullTracks(context.view)) {
        if (track.kind !== 'video' || track.source.kind !== 'dash') continue;
        const { node, index } = track.source.representation.adaptationSet;
        const set = sets.get(node) ?? { told: childrenOf(node, 'Accessibility').flatMap(({ attributes }) => toldChannels(attributes['schemeIdUri'] ?? '', attributes['value'] ?? '')), path: `set/${index + 1}`, real: new Set<string>() };
        for (const channel of channelsOf(context, track)) set.real.add(channel);
        sets.set(node, set);
      }
      return [...sets.values()].flatMap(({ told, path, real }) => {
        const [wanted, actual] = [[...real].toSorted().join(), [...told].toSorted().join()];
        if (wanted === '' && actual === '') return [];
        return judged(path, wanted === actual ? [] : [problem(path, 'the descriptors are not the channels of the pictures', { wanted, actual, at: context.view.manifest })]);
      });
    },
  },
];

/** SCTE 214-1: `CC1=eng;CC3=swe`, or languages alone in the order of the odd channels; `1=lang:eng;2=lang:deu`. */
function toldChannels(scheme: string, value: string): readonly string[] {
  const parts = value.split(';').map((part) => part.trim()).filter((part) => part !== '');
  if (scheme === 'urn:scte:dash:cc:cea-708:2015') return parts.map((part) => `SERVICE${part.split('=')[0]}`);
  if (scheme !== 'urn:scte:dash:cc:cea-608:2015') return [];
  return parts.length === 0 ? ['CC1'] : parts.map((part, i) => (part.includes('=') ? part.split('=')[0] : `CC${2 * i + 1}`));
}
