/**
 * Manifests against the asset and the literal forms of the original service (spec/mapping-*.md): what the standards leave free and
 * old clients rely on.
 */
import { inapplicable, type AssetCheck, type FormatCheck, type FormatContext } from '../model.ts';
import { coreOf, WITH_SBR } from '../oracle/sound.ts';
import { truthOfTrack, type TruthTrackView } from '../oracle/truth.ts';
import { childrenOf } from '../oracle/xml.ts';
import { fullTracks, trackName, type TrackView } from '../view.ts';
import { judged, problem } from './helpers.ts';

export const SHAPE_SMOOTH_CHECKS: readonly FormatCheck[] = [
  {
    id: 'smooth/level-values',
    requirements: ['MSS-018', 'MSS-019', 'MSS-043'],
    title: 'levels tell the size, rate and channels that are stored, and the constants of the original service',
    level: 'must',
    scope: 'format',
    formats: ['smooth'],
    run(context) {
      if (context.truth === null) return [inapplicable('manifest', 'the content is unknown')];
      const literal = context.profile === 'ams';
      return fullTracks(context.view).flatMap((track) => {
        const real = realOf(context, track);
        if (real === null || track.source.kind !== 'smooth') return [];
        const { attributes, line } = track.source.quality.node;
        const { width, height, sampleRate, channels, sampleEntry, rfc6381, config } = real.codec;
        // [MS-SSTR] does not say whether SBR and PS count: encoders and clients take the core's values, AudioTag 255 is of those after them elsewhere.
        const core = WITH_SBR.test(rfc6381) ? coreOf(Buffer.from(config, 'hex')) : null;
        const wanted: Record<string, readonly (number | null | undefined)[]> =
          track.kind === 'video'
            ? { MaxWidth: [width], MaxHeight: [height] }
            : { SamplingRate: [sampleRate, core?.sampleRate], Channels: [channels, core?.channels], ...(literal && sampleEntry === 'mp4a' ? { BitsPerSample: [16], PacketSize: [4], AudioTag: [255] } : {}) };
        const different = Object.entries(wanted).filter(([name, values]) => values[0] !== null && !values.some((value) => plain(attributes[name] ?? '') === String(value)));
        const path = `level/${trackName(track)}`;
        return judged(path, different.map(([name, values]) => problem(path, `${name} is not what is stored`, { wanted: values.filter((value) => value !== undefined).join(' or '), actual: attributes[name] ?? '', at: context.view.manifest, pointer: `line ${line}` })));
      });
    },
  },
  {
    id: 'smooth/literal-names',
    requirements: ['MSS-044'],
    title: 'streams have the names of the asset, but for a lone video, and their first fragment says its time',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: ['smooth'],
    run({ view }) {
      if (view.document?.kind !== 'smooth') return [];
      const { streams } = view.document.smooth;
      const videos = streams.filter(({ type }) => type === 'video').length;
      return streams.flatMap(({ node, name, type }) => {
        const silent = type === 'video' && videos === 1 && name === 'video';
        const faults = silent || node.attributes['Name'] !== undefined ? [] : ['the stream has no Name'];
        if (childrenOf(node, 'c')[0]?.attributes['t'] === undefined) faults.push('the first fragment has no time');
        return judged(`stream/${name}`, faults.map((fault) => problem(`stream/${name}`, fault, { at: view.manifest, pointer: `line ${node.line}` })));
      });
    },
  },
];

export const ORDER_CHECK: AssetCheck = {
  id: 'cross/set-order',
  requirements: ['XPROT-005'],
  title: 'MPD and Smooth manifest list the sets in the order of the asset',
  level: 'must',
  amsOnly: true,
  scope: 'asset',
  run({ truth, views }) {
    if (truth === null) return [inapplicable('all', 'the content is unknown')];
    const stored = [...new Set([...truth.tracks, ...truth.texts].map(({ name }) => name))];
    return [...views.values()].flatMap((view) => {
      if (view.document === null || view.document.kind === 'hls') return [];
      const listed = [...new Set(view.tracks.map(({ set }) => set))];
      const wanted = stored.filter((name) => listed.includes(name));
      return judged(view.format, wanted.join(' ') === listed.join(' ') ? [] : [problem(view.format, 'sets stand in another order', { wanted: wanted.join(' '), actual: listed.join(' '), at: view.manifest })]);
    });
  },
};

/** A number without zeros in front: the same value to a schema. */
export function plain(told: string): string {
  return /^\d+$/.test(told) ? String(BigInt(told)) : told;
}

export function realOf({ truth, profile }: FormatContext, track: TrackView): TruthTrackView | null {
  return truth === null ? null : truthOfTrack(truth, track, profile);
}
