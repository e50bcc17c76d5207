/** MPDs against the asset and the literal forms of the original service (spec/mapping-dash.md). */
import { allDelivered, sampleEntryOf } from '../media.ts';
import { DASH, type FormatCheck } from '../model.ts';
import { nalType, parameterSets } from '../oracle/codecs.ts';
import { readSps } from '../oracle/sps.ts';
import type { TruthTrackView } from '../oracle/truth.ts';
import { childrenOf, type XmlNode } from '../oracle/xml.ts';
import { fullTracks, trackName } from '../view.ts';
import { judged, problem } from './helpers.ts';
import { plain, realOf } from './shape.ts';

const ROLE_SCHEME = 'urn:mpeg:dash:role:2011';
const CHANNEL_SCHEMES = new Set(['urn:mpeg:mpegB:cicp:ChannelConfiguration', 'urn:mpeg:dash:23003:3:audio_channel_configuration:2011', 'tag:dolby.com,2014:dash:audio_channel_configuration:2011', 'urn:dolby:dash:audio_channel_configuration:2011', 'tag:dts.com,2014:dash:audio_channel_configuration:2012']);

export const SHAPE_MPD_CHECKS: readonly FormatCheck[] = [
  {
    id: 'mpd/frame-rate',
    requirements: ['DASH-034', 'DASH-013'],
    title: 'frameRate is the stored rate, and maxFrameRate the largest',
    level: 'must',
    scope: 'format',
    formats: DASH,
    run: (context) =>
      fullTracks(context.view).flatMap((track) => {
        if (track.source.kind !== 'dash' || track.kind !== 'video') return [];
        const { node, adaptationSet } = track.source.representation;
        const [told, most] = [node.attributes['frameRate'] ?? adaptationSet.node.attributes['frameRate'], adaptationSet.node.attributes['maxFrameRate']];
        const real = realOf(context, track)?.codec.frameRate ?? null;
        if (real === null || (told === undefined && most === undefined)) return [];
        const path = `representation/${trackName(track)}`;
        // What maxFrameRate alone leaves open, the original service told.
        const open = told === undefined && context.profile !== 'ams';
        const problems = open || (told !== undefined && sameRate(told, real)) ? [] : [problem(path, 'frameRate is not the stored rate', { wanted: real.join('/'), actual: told ?? 'none', at: context.view.manifest })];
        if (most !== undefined && !(rateOf(most) >= real[0] / real[1] - 1e-9)) problems.push(problem(path, 'maxFrameRate is below a rate of the set', { wanted: real.join('/'), actual: most, at: context.view.manifest }));
        return judged(path, problems);
      }),
  },
  {
    id: 'mpd/pixel-shape',
    requirements: ['DASH-034'],
    title: 'sar is the pixel shape of the stream, and par the shape of its pictures',
    level: 'must',
    scope: 'format',
    formats: DASH,
    run: (context) =>
      fullTracks(context.view).flatMap((track) => {
        if (track.source.kind !== 'dash' || track.kind !== 'video') return [];
        const { node, adaptationSet } = track.source.representation;
        const entry = sampleEntryOf(context.reader, track);
        const unit = entry === null ? undefined : parameterSets(entry)?.units.find((each) => nalType(each, 'avc') === 7);
        const sps = entry !== null && /^avc/.test(entry.type) && unit !== undefined ? readSps(unit) : null;
        const [sar, par] = [ratioOf(node.attributes['sar'] ?? adaptationSet.node.attributes['sar']), ratioOf(adaptationSet.node.attributes['par'])];
        if (sps === null || (sar === null && par === null)) return [];
        const real = sps.pixelShape === null ? 1 : sps.pixelShape[0] / sps.pixelShape[1];
        const path = `representation/${trackName(track)}`;
        const problems = sar === null || Math.abs(sar - real) < 1e-6 ? [] : [problem(path, 'sar is not the pixel shape of the stream', { wanted: String(real), actual: String(sar), at: context.view.manifest })];
        // par belongs to the best quality; lower ones round their sizes.
        const shape = (real * sps.width) / sps.height;
        if (par !== null && Math.abs(par - shape) / shape > 0.02) problems.push(problem(path, 'par is not the shape of the pictures', { wanted: String(shape), actual: String(par), at: context.view.manifest }));
        return judged(path, problems);
      }),
  },
  {
    id: 'mpd/measured-bandwidth',
    requirements: ['DASH-065'],
    title: 'bandwidth of the CMAF MPD is at most a tenth above the measured peak',
    level: 'should',
    amsOnly: true,
    scope: 'format',
    formats: ['dash-cmaf'],
    run: (context) =>
      fullTracks(context.view).flatMap((track) => {
        if (track.source.kind !== 'dash' || !allDelivered(track)) return [];
        const path = `representation/${trackName(track)}`;
        const told = track.source.representation.bandwidth ?? 0;
        const most = 1.1 * Math.max(...track.segments.map(({ exchange, duration, timescale }) => (8 * (exchange?.body?.size ?? 0) * timescale) / Math.max(1, Number(duration))));
        return judged(path, told <= most + 1 ? [] : [problem(path, 'bandwidth is far above the measured peak', { wanted: `${Math.ceil(most)} or less`, actual: String(told), at: context.view.manifest })]);
      }),
  },
  {
    id: 'mpd/channels',
    requirements: ['DASH-036'],
    title: 'AudioChannelConfiguration has a scheme of its codec and the channels of the media',
    level: 'must',
    scope: 'format',
    formats: DASH,
    run: (context) =>
      fullTracks(context.view).flatMap((track) => {
        if (track.source.kind !== 'dash' || track.kind !== 'audio') return [];
        const { node, adaptationSet } = track.source.representation;
        const path = `representation/${trackName(track)}`;
        const all = [node, adaptationSet.node].flatMap((level) => childrenOf(level, 'AudioChannelConfiguration'));
        return all.flatMap(({ attributes, line }, i) => {
          if (all.slice(0, i).some((before) => before.attributes['schemeIdUri'] === attributes['schemeIdUri'])) return [problem(path, 'AudioChannelConfiguration of one scheme stands twice', { at: context.view.manifest, pointer: `line ${line}` })];
          const [scheme, value] = [attributes['schemeIdUri'] ?? '', attributes['value'] ?? ''];
          const channels = realOf(context, track)?.codec.channels ?? null;
          // Both MPEG schemes count 1 and 2 channels as 1 and 2; beyond that they number layouts.
          const right = CHANNEL_SCHEMES.has(scheme) && value !== '' && (!scheme.startsWith('urn:mpeg') || channels === null || channels > 2 || plain(value) === String(channels));
          return judged(path, right ? [] : [problem(path, 'AudioChannelConfiguration does not fit', { wanted: channels === null ? 'a known scheme' : String(channels), actual: `${scheme} ${value}`, at: context.view.manifest, pointer: `line ${line}` })]);
        });
      }),
  },
  {
    id: 'mpd/literal-ids',
    requirements: ['DASH-064'],
    title: 'ids, groups, profiles and descriptors of the MPD are the ones that the asset gives',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: DASH,
    run(context) {
      const { view, format } = context;
      if (view.document?.kind !== 'dash') return [];
      const { adaptationSets, representations } = view.document.dash;
      return adaptationSets.flatMap((set, index) => {
        const path = `set/${index + 1}`;
        const members = view.tracks.filter(({ source }) => source.kind === 'dash' && source.representation.adaptationSet === set);
        const name = members[0]?.set ?? '';
        const real = members[0] === undefined ? null : realOf(context, members[0]);
        const [group, letter] = { audio: ['5', 'A'], text: ['3', 'T'], video: ['1', 'V'], other: ['', ''] }[set.kind];
        const csf = format === 'dash-csf';
        const own = representations.filter(({ adaptationSet }) => adaptationSet === set);
        const wanted: [string, string, string][] = [['@id', String(index + 1), set.node.attributes['id'] ?? '']];
        if (csf) wanted.push(['@group', group, set.node.attributes['group'] ?? ''], ['@profiles', 'ccff', set.node.attributes['profiles'] ?? '']);
        if (set.kind === 'video') {
          for (const [most, name] of [['maxWidth', 'width'], ['maxHeight', 'height']]) wanted.push([`@${most}`, String(Math.max(...own.map(({ node }) => Number(node.attributes[name] ?? '0')))), set.node.attributes[most] ?? '']);
        }
        const rates = own.map(({ node }) => node.attributes['frameRate'] ?? '');
        // Where a rate varies nobody can tell the largest.
        if (!csf && set.kind === 'video' && !rates.includes('')) wanted.push(['@maxFrameRate', rates.reduce((most, rate) => (rateOf(rate) > rateOf(most) ? rate : most)), set.node.attributes['maxFrameRate'] ?? '']);
        const access = set.node.attributes['startWithSAP'] ?? '';
        // Of pictures, video/access-points judges which type it is.
        if (set.kind === 'video' ? access === '' : !csf) wanted.push(['@startWithSAP', '1', access]);
        if (set.kind === 'audio' && real?.codec.sampleRate != null) {
          const rate = String(real.codec.sampleRate);
          for (const { node } of own) wanted.push(['@audioSamplingRate', rate, node.attributes['audioSamplingRate'] ?? '']);
        }
        if (real !== null) {
          wanted.push(['Role', rolesOf(real, !csf).join(' '), descriptorsOf(set.node, 'Role')], ['Accessibility', real.accessibility.join(' '), descriptorsOf(set.node, 'Accessibility')]);
          wanted.push(['Label', real.label ?? '', childrenOf(set.node, 'Label').map(({ text }) => text.trim()).join(' ')]);
        }
        members.forEach(({ source, bitrate }, i) => {
          const id = source.kind === 'dash' ? source.representation.id : '';
          wanted.push(['Representation@id', csf ? `${group}_${letter}_${name}_${i + 1}` : `${name}_${bitrate}`, decoded(id)]);
        });
        if (index === 0 && representations.length !== view.tracks.length) wanted.push(['Representation', String(view.tracks.length), String(representations.length)]);
        const different = wanted.filter(([, should, is]) => should !== plain(is));
        return judged(path, different.map(([what, should, is]) => problem(path, `${what} is another`, { wanted: should, actual: is, at: view.manifest, pointer: `line ${set.node.line}` })));
      });
    },
  },
];

function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

/** `16:9` as a number; null when it is absent or of another form, which the schema judges. */
function ratioOf(told: string | undefined): number | null {
  const match = /^([1-9]\d*):([1-9]\d*)$/.exec(told ?? '');
  return match === null ? null : Number(match[1]) / Number(match[2]);
}

function rateOf(told: string): number {
  const match = /^(\d+)(?:\/([1-9]\d*))?$/.exec(told);
  return match === null ? Number.NaN : Number(match[1]) / Number(match[2] ?? '1');
}

function sameRate(told: string, [numerator, denominator]: readonly [number, number]): boolean {
  return Math.abs(rateOf(told) - numerator / denominator) < 1e-6;
}

function descriptorsOf(node: XmlNode, name: string): string {
  return childrenOf(node, name).filter(({ attributes }) => attributes['schemeIdUri'] === ROLE_SCHEME).map(({ attributes }) => attributes['value'] ?? '').join(' ');
}

/** CMAF says `main` of what says nothing. */
function rolesOf({ roles, accessibility }: TruthTrackView, strict: boolean): readonly string[] {
  return strict && roles.length === 0 && accessibility.length === 0 ? ['main'] : roles;
}
