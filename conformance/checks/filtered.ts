/** Manifests under filters (spec/filters.md): every output leaves the same tracks and times, and children remember what was asked for. */
import { carriesCodec, readAmsUrl } from '../outputs.ts';
import { ALL, DASH, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { truthOfTrack, type TruthTrackView } from '../oracle/truth.ts';
import { childrenOf } from '../oracle/xml.ts';
import { fullTracks, trackName, type View } from '../view.ts';
import { judged, problem, trackPath } from './helpers.ts';

const HNS = 10_000_000n;

export const FILTERED_CHECKS: readonly FormatCheck[] = [
  {
    id: 'filtered/selection',
    requirements: ['XPROT-003'],
    title: 'a filtered manifest lists the tracks and the times that its filters leave, and no others',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: ALL,
    run: (context) => (isFiltered(context.view) ? selectionFindings(context) : []),
  },
  {
    id: 'filtered/nothing-empty',
    requirements: ['DASH-062'],
    title: 'a filtered MPD has no Period, AdaptationSet or SegmentTimeline without content',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: DASH,
    run({ view }) {
      if (!isFiltered(view) || view.document?.kind !== 'dash') return [];
      const { root, adaptationSets, representations } = view.document.dash;
      const empty = [
        ...childrenOf(root, 'Period').filter((node) => childrenOf(node, 'AdaptationSet').length === 0),
        ...adaptationSets.map(({ node }) => node).filter((node) => childrenOf(node, 'Representation').length === 0),
        ...representations.filter(({ segments }) => segments.length === 0).map(({ node }) => node),
      ];
      return judged('manifest', empty.map(({ name, line }) => problem('manifest', 'an element has no content', { actual: name, at: view.manifest, pointer: `line ${line}` })));
    },
  },
  {
    id: 'filtered/child-urls',
    requirements: ['HLS-074'],
    title: 'children carry the encryption that was asked for, media playlists the filter, and media never that',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: ALL,
    run({ view }) {
      const asked = parametersOf(view.url);
      const [encryption, filter] = [asked.get('encryption'), asked.get('filter')];
      if (encryption === undefined && filter === undefined) return [];
      const children = [
        ...(view.document?.kind === 'hls' ? view.playlists.map(({ url }) => ({ url, path: `playlist/${readAmsUrl(url)?.track}`, wanted: filter })) : []),
        ...view.tracks.flatMap((track) => [...(track.init === null ? [] : [track.init.url]), ...track.segments.slice(0, 1).map(({ url }) => url)].map((url) => ({ url, path: trackPath(track), wanted: undefined }))),
      ];
      return children.flatMap(({ url, path, wanted }) => {
        const own = readAmsUrl(url)?.parameters;
        if (own === undefined) return [];
        const faults = [...(own.get('encryption') === encryption ? [] : [`encryption=${own.get('encryption')}`]), ...(own.get('filter') === wanted ? [] : [`filter=${own.get('filter')}`])];
        return judged(path, faults.map((actual) => problem(path, 'a child URL forgets or adds a parameter', { actual, at: view.manifest })));
      });
    },
  },
];

/** Parameters of a manifest's URL, names in lower case. */
function parametersOf(url: string): ReadonlyMap<string, string> {
  const [, list = ''] = /\/manifest\(([^()]*)\)$/i.exec(decodeURIComponent(new URL(url).pathname)) ?? [];
  return new Map(list.split(',').map((pair) => [pair.split('=')[0].trim().toLowerCase(), pair.slice(pair.indexOf('=') + 1).trim()] as const));
}

function isFiltered({ url }: View): boolean {
  return parametersOf(url).has('filter');
}

function selectionFindings({ view, truth, profile }: FormatContext): readonly Finding[] {
  if (truth === null) return [];
  // text/offered and text/cuts judge what is left of text.
  const served = fullTracks(view).filter(({ kind }) => kind !== 'text');
  const wanted = truth.tracks.filter(({ kind, codec }) => carriesCodec(view.format, codec.rfc6381) && (view.format !== 'hls-v3' || kind === 'video'));
  const missing = wanted.filter((real) => !served.some((track) => truthOfTrack(truth, track, profile) === real)).map(({ name, bitrate }) => problem('tracks', 'a track that the filters leave is not listed', { wanted: `${name}@${bitrate}`, at: view.manifest }));
  const listed = served.flatMap((track) => {
    const real = truthOfTrack(truth, track, profile);
    if (real === null) return [problem(trackPath(track), 'a track that the filters remove is listed', { actual: trackName(track), at: view.manifest })];
    const [first, last] = [track.segments[0]?.time ?? null, track.segments.at(-1)?.time ?? null];
    const [from, to] = [nameOf(real, real.samples.reduce((least, { time }) => (time < least ? time : least), real.samples[0]?.time ?? 0n)), nameOf(real, real.samples.at(-1)?.time ?? 0n)];
    return judged(trackPath(track), first === from && last !== null && last <= to ? [] : [problem(trackPath(track), 'the list begins or ends elsewhere than the filters say', { wanted: `${from} to ${to}`, actual: `${first} to ${last}`, at: view.manifest })]);
  });
  return [...missing, ...listed];
}

function nameOf({ timescale }: TruthTrackView, time: bigint): bigint {
  return (time * HNS) / BigInt(timescale);
}
