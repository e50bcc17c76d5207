/** MPDs as documents (ISO/IEC 23009-1:2022), and against the media that they announce. */
import { cantTell, DASH, inapplicable, pass, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { expandTimeline, identifiersOf, type DashDocument, type DashRepresentation } from '../oracle/dash.ts';
import { codecString } from '../oracle/codecs.ts';
import { mayBeCalled, mayHaveRate, soundOf } from '../oracle/sound.ts';
import type { EditionJudge } from '../oracle/mpd.ts';
import { childrenOf, descendants } from '../oracle/xml.ts';
import { allDelivered, headerTrack, initOf, sampleEntryOf } from '../media.ts';
import { trackName, type TrackView } from '../view.ts';
import { judged, problem } from './helpers.ts';

const NANOSECONDS = 1_000_000_000n;
const READABLE = 'mpd/readable';
const KNOWN_PROFILES = new Set([
  'urn:mpeg:dash:profile:full:2011',
  'urn:mpeg:dash:profile:isoff-on-demand:2011',
  'urn:mpeg:dash:profile:isoff-live:2011',
  'urn:mpeg:dash:profile:isoff-main:2011',
  'urn:mpeg:dash:profile:isoff-ext-live:2014',
  'urn:mpeg:dash:profile:cmaf:2019',
  'http://dashif.org/guidelines/dash',
  'http://dashif.org/guidelines/dash264',
]);
const ROLES = new Set('caption subtitle main alternate supplementary commentary dub description sign metadata enhanced-audio-intelligibility emergency forced-subtitle easyreader karaoke'.split(' '));
/** 23009-1 5.3.7: they may stand at AdaptationSet or at Representation. */
const COMMON_ATTRIBUTES = ['mimeType', 'codecs', 'width', 'height', 'frameRate', 'sar', 'audioSamplingRate', 'profiles', 'startWithSAP', 'scanType'];

export const MPD_CHECKS: readonly FormatCheck[] = [
  {
    id: 'mpd/schema',
    requirements: ['DASH-001', 'DASH-040'],
    title: 'the MPD is valid to the official schema, in the opinion of every engine',
    level: 'must',
    scope: 'format',
    formats: DASH,
    async run({ view, judges }) {
      const { editions, notes } = judges.mpd;
      if (view.manifest === null || view.text === '') return [];
      if (editions.length === 0) return [cantTell('manifest', 'no official schema is at hand', { actual: notes.join('; ') })];
      const findings = await Promise.all(editions.map((edition) => judgeSchema(edition, view)));
      return findings;
    },
  },
  {
    id: 'mpd/own-schema',
    requirements: ['DASH-063'],
    title: 'the MPD holds exactly what the profile of the packager lists, in its order',
    level: 'must',
    amsOnly: true,
    scope: 'format',
    formats: DASH,
    async run({ view, judges, reader }) {
      if (reader.trace.target.kind !== 'self') return [inapplicable('manifest', 'the profile is the packager\'s own')];
      if (view.text === '') return [];
      if (judges.ownMpd === null) return [cantTell('manifest', 'the schema engine is not at hand', { actual: judges.notes.join('; ') })];
      const verdict = await judges.ownMpd.validate(view.text);
      if (verdict.valid === null) return [cantTell('manifest', 'the schema engine gives no verdict', { actual: verdict.reason })];
      return judged('manifest', verdict.valid ? [] : verdict.complaints.slice(0, 5).map(({ line, text }) => problem('manifest', 'the MPD leaves the profile', { actual: text, at: view.manifest, pointer: `line ${line}` })));
    },
  },
  documentCheck(READABLE, ['DASH-001'], 'the MPD is well-formed and every part of it can be read', (dash, say) => {
    for (const { line, message } of dash.problems) say(line, message);
  }),
  documentCheck('mpd/presentation-duration', ['DASH-003', 'DASH-028'], 'mediaPresentationDuration reaches the end of the longest track', (dash, say) => {
    if (dash.root.attributes['type'] === 'dynamic') return;
    if (dash.duration === null) return say(dash.root.line, 'a static MPD has no readable mediaPresentationDuration');
    for (const { segments, timescale, presentationTimeOffset, node } of dash.representations) {
      const last = segments.at(-1);
      if (last === undefined) continue;
      const end = ((last.time + last.duration - presentationTimeOffset) * NANOSECONDS) / BigInt(timescale);
      if (end > dash.duration) say(node.line, 'a track ends after mediaPresentationDuration', String(end), String(dash.duration));
    }
  }),
  documentCheck('mpd/duration-not-beyond', ['DASH-028'], 'mediaPresentationDuration is at most a millisecond behind the longest track', (dash, say) => {
    if (dash.duration === null || dash.representations.some(({ timeline }) => timeline === null)) return;
    const ends = dash.representations.map(({ segments, timescale, presentationTimeOffset }) => {
      const last = segments.at(-1);
      return last === undefined ? 0n : ((last.time + last.duration - presentationTimeOffset) * NANOSECONDS) / BigInt(timescale);
    });
    const longest = ends.reduce((most, end) => (end > most ? end : most), 0n);
    if (dash.duration - longest > 1_000_000n) say(dash.root.line, 'mediaPresentationDuration lies behind the end of every track', String(longest), String(dash.duration));
  }),
  documentCheck('mpd/static', ['DASH-004'], 'an on-demand MPD is static and announces no updates', (dash, say) => {
    const { attributes, line } = dash.root;
    if ((attributes['type'] ?? 'static') !== 'static') say(line, 'MPD@type is not static');
    for (const name of ['minimumUpdatePeriod', 'timeShiftBufferDepth']) if (attributes[name] !== undefined) say(line, `a static MPD has ${name}`);
  }),
  documentCheck('mpd/profiles', ['DASH-005'], 'MPD@profiles names known profiles', (dash, say) => {
    for (const profile of (dash.root.attributes['profiles'] ?? '').split(',')) if (!KNOWN_PROFILES.has(profile.trim())) say(dash.root.line, 'MPD@profiles names an unknown profile', undefined, profile);
  }),
  {
    ...documentCheck('mpd/cmaf-profile', ['DASH-006'], 'the CMAF MPD names the CMAF profile and no containerProfiles', (dash, say) => {
      if (!(dash.root.attributes['profiles'] ?? '').split(',').includes('urn:mpeg:dash:profile:cmaf:2019')) say(dash.root.line, 'MPD@profiles lacks the CMAF profile');
      for (const node of descendants(dash.root)) if (node.attributes['containerProfiles'] !== undefined) say(node.line, 'containerProfiles is an attribute of the 5th edition only');
    }),
    formats: ['dash-cmaf'],
    level: 'should',
  },
  documentCheck('mpd/unique-ids', ['DASH-007', 'DASH-009', 'DASH-010'], 'ids of periods, adaptation sets and representations are unique', (dash, say) => {
    for (const [name, nodes] of [
      ['Period', childrenOf(dash.root, 'Period')],
      ['AdaptationSet', dash.adaptationSets.map(({ node }) => node)],
      ['Representation', dash.representations.map(({ node }) => node)],
    ] as const) {
      const seen = new Set<string>();
      for (const { attributes, line } of nodes) {
        const id = attributes['id'];
        if (id === undefined) continue;
        if (seen.has(id)) say(line, `two elements ${name} have the same id`, undefined, id);
        if (/\s/.test(id)) say(line, `the id of a ${name} holds white space`, undefined, id);
        seen.add(id);
      }
    }
  }),
  documentCheck('mpd/timeline', ['DASH-020'], 'segment timelines have positive durations, no overlap and no gap', (dash, say) => {
    for (const { timeline } of uniqueTimelines(dash)) {
      if (timeline.length === 0) say(dash.root.line, 'SegmentTimeline is empty');
      for (const { d, r, line } of timeline) {
        if (d <= 0n) say(line, 'S has no positive @d');
        if (r < -1n) say(line, 'S@r is less than -1');
      }
      const segments = expandTimeline(timeline, null, []);
      segments.forEach(({ time, line }, i) => {
        if (i === 0) return;
        const end = segments[i - 1].time + segments[i - 1].duration;
        if (time < end) say(line, 'S overlaps the one before', String(end), String(time));
        if (time > end) say(line, 'there is a gap before S', String(end), String(time));
      });
    }
  }),
  {
    ...documentCheck('mpd/timeline-merged', ['DASH-021'], 'neighbours of equal duration are one S with @r', (dash, say) => {
      for (const { timeline } of uniqueTimelines(dash)) {
        timeline.forEach(({ d, t, line }, i) => {
          if (i > 0 && t === null && d === timeline[i - 1].d) say(line, 'S repeats the duration of the one before');
        });
      }
    }),
    level: 'should',
  },
  documentCheck('mpd/template', ['DASH-016', 'DASH-017', 'DASH-018'], 'template identifiers are known and fit their place', (dash, say) => {
    for (const { media, initialization, node } of dash.representations) {
      const inMedia = identifiersOf(media ?? '');
      const inInit = identifiersOf(initialization ?? '');
      for (const identifier of [...inMedia, ...inInit]) if (identifier.startsWith('$')) say(node.line, 'a template has an unknown identifier', undefined, identifier);
      if (inMedia.includes('Time') && inMedia.includes('Number')) say(node.line, 'media has $Time$ and $Number$');
      if (!inMedia.includes('Time') && !inMedia.includes('Number')) say(node.line, 'media has neither $Time$ nor $Number$');
      if (inInit.includes('Time') || inInit.includes('Number')) say(node.line, 'initialization has $Time$ or $Number$');
    }
  }),
  documentCheck('mpd/one-addressing', ['DASH-014', 'DASH-015'], 'each level has one kind of segment information, with a duration or a timeline', (dash, say) => {
    for (const node of descendants(dash.root)) {
      const kinds = node.children.filter(({ name }) => /^Segment(Base|List|Template)$/.test(name));
      if (kinds.length > 1) say(node.line, 'a level has several kinds of segment information');
      for (const template of childrenOf(node, 'SegmentTemplate')) if (template.attributes['duration'] !== undefined && childrenOf(template, 'SegmentTimeline').length > 0) say(template.line, 'SegmentTemplate has duration and a timeline');
    }
  }),
  documentCheck('mpd/bandwidth-addresses', ['DASH-019'], 'where $Bandwidth$ addresses, no two representations of a set share a bandwidth', (dash, say) => {
    for (const set of dash.adaptationSets) {
      const members = dash.representations.filter(({ adaptationSet, media }) => adaptationSet === set && identifiersOf(media ?? '').includes('Bandwidth'));
      const seen = new Set<number | null>();
      for (const { bandwidth, node } of members) {
        if (bandwidth === null) say(node.line, 'Representation has no bandwidth');
        else if (seen.has(bandwidth)) say(node.line, 'two representations have the same bandwidth', undefined, String(bandwidth));
        seen.add(bandwidth);
      }
    }
  }),
  documentCheck('mpd/attributes-once', ['DASH-011'], 'an attribute stands at the set or at the representation, not at both', (dash, say) => {
    for (const { node, adaptationSet } of dash.representations) {
      for (const name of COMMON_ATTRIBUTES) if (node.attributes[name] !== undefined && adaptationSet.node.attributes[name] !== undefined) say(node.line, `${name} stands at both levels`);
    }
  }),
  documentCheck('mpd/mime-type', ['DASH-012', 'DASH-042'], 'every representation has a mimeType, one media type per set', (dash, say) => {
    for (const { mimeType, node, adaptationSet } of dash.representations) {
      if (!/^[\w.+-]+\/[\w.+-]+$/.test(mimeType)) say(node.line, 'no mimeType of the form type/subtype', undefined, mimeType);
      const contentType = adaptationSet.node.attributes['contentType'];
      if (contentType !== undefined && contentType !== 'text' && mimeType !== '' && !mimeType.startsWith(`${contentType}/`)) say(node.line, 'mimeType and contentType differ', contentType, mimeType);
    }
  }),
  documentCheck('mpd/maxima', ['DASH-013'], 'maximum sizes of a set are not below those of its representations', (dash, say) => {
    for (const { node, adaptationSet } of dash.representations) {
      for (const name of ['width', 'height', 'bandwidth']) {
        const most = adaptationSet.node.attributes[`max${name[0].toUpperCase()}${name.slice(1)}`];
        if (most !== undefined && Number(node.attributes[name] ?? '0') > Number(most)) say(node.line, `${name} exceeds the maximum of the set`, most, node.attributes[name]);
      }
    }
  }),
  documentCheck('mpd/max-segment-duration', ['DASH-022'], 'no segment is longer than maxSegmentDuration', (dash, say) => {
    const most = dash.root.attributes['maxSegmentDuration'];
    const limit = /^PT(\d+(?:\.\d+)?)S$/.exec(most ?? '')?.[1];
    if (limit === undefined) return;
    for (const { segments, timescale } of dash.representations) for (const { duration, line } of segments) if (Number(duration) / timescale > Number(limit)) say(line, 'S is longer than maxSegmentDuration', limit, String(Number(duration) / timescale));
  }),
  documentCheck('mpd/roles', ['DASH-038'], 'values of the DASH role scheme are known', (dash, say) => {
    for (const { name, attributes, line } of descendants(dash.root)) {
      if ((name === 'Role' || name === 'Accessibility') && attributes['schemeIdUri'] === 'urn:mpeg:dash:role:2011' && !ROLES.has(attributes['value'] ?? '')) say(line, 'the role is unknown', undefined, attributes['value']);
    }
  }),
  {
    ...documentCheck('mpd/seed-shape', ['DASH-061'], 'the CSF MPD has the attributes, templates and ids of the original service', (dash, say) => {
      for (const { node } of dash.adaptationSets) for (const name of ['id', 'group', 'contentType', 'mimeType', 'segmentAlignment', 'bitstreamSwitching']) if (node.attributes[name] === undefined) say(node.line, `AdaptationSet has no ${name}`);
      for (const { node, timescale, media, initialization, id } of dash.representations) {
        if (timescale !== 10_000_000) say(node.line, 'the timescale is not 10000000', '10000000', String(timescale));
        if (!/^QualityLevels\(\$Bandwidth\$\)\/Fragments\([^=]+=\$Time\$,format=mpd-time-csf(,encryption=[a-z-]+)?\)$/.test(media ?? '')) say(node.line, 'the media template has another form', undefined, media ?? '');
        if (!/^QualityLevels\(\$Bandwidth\$\)\/Fragments\([^=]+=i,format=mpd-time-csf(,encryption=[a-z-]+)?\)$/.test(initialization ?? '')) say(node.line, 'the initialization template has another form', undefined, initialization ?? '');
        if (!/^\d+_[AVT]_.+_\d+$/.test(id)) say(node.line, 'the Representation id has another form', '<group>_<A|V|T>_<name>_<n>', id);
      }
    }),
    formats: ['dash-csf'],
    amsOnly: true,
  },
  {
    ...documentCheck('mpd/video-attributes', ['DASH-034'], 'video sets tell shape and rate of their pictures', (dash, say) => {
      for (const { node } of dash.adaptationSets.filter(({ kind }) => kind === 'video')) {
        for (const [name, most] of [['width', 'maxWidth'], ['height', 'maxHeight'], ['par', 'par']]) if (node.attributes[name] === undefined && node.attributes[most] === undefined) say(node.line, `the video set has neither ${name} nor ${most}`);
      }
      for (const { node, adaptationSet } of dash.representations.filter(({ adaptationSet: { kind } }) => kind === 'video')) {
        for (const name of ['width', 'height', 'sar']) if (node.attributes[name] === undefined && adaptationSet.node.attributes[name] === undefined) say(node.line, `the video representation has no ${name}`);
      }
    }),
    level: 'should',
  },
  {
    ...documentCheck('mpd/audio-attributes', ['DASH-035'], 'audio representations tell sampling rate and channels', (dash, say) => {
      for (const { node, adaptationSet } of dash.representations.filter(({ adaptationSet: { kind } }) => kind === 'audio')) {
        if (node.attributes['audioSamplingRate'] === undefined && adaptationSet.node.attributes['audioSamplingRate'] === undefined) say(node.line, 'no audioSamplingRate');
        if (childrenOf(node, 'AudioChannelConfiguration').length + childrenOf(adaptationSet.node, 'AudioChannelConfiguration').length === 0) say(node.line, 'no AudioChannelConfiguration');
      }
    }),
    level: 'should',
  },
  mediaCheck('mpd/codecs', ['DASH-030'], 'codecs says what the sample entry says', ({ reader }, track, { codecs }) => {
    const entry = sampleEntryOf(reader, track);
    const sound = entry === null ? null : soundOf(entry);
    const actual = entry === null ? null : (sound?.codec ?? codecString(entry));
    if (actual === null) return null;
    return codecs?.toLowerCase() === actual.toLowerCase() || (sound !== null && mayBeCalled(sound, codecs ?? '')) ? [] : [problem(`representation/${trackName(track)}`, 'codecs differs from the sample entry', { wanted: actual, actual: codecs ?? '', at: track.init?.exchange ?? null, pointer: 'moov/trak/mdia/minf/stbl/stsd' })];
  }),
  mediaCheck('mpd/picture-size', ['DASH-030', 'ISO-020'], 'width, height and sampling rate are those of the sample entry', ({ reader }, track, { node, adaptationSet }) => {
    const entry = sampleEntryOf(reader, track);
    if (entry === null) return null;
    const sound = soundOf(entry);
    return [
      ['width', entry.width],
      ['height', entry.height],
      ['audioSamplingRate', sound?.sampleRate ?? entry.sampleRate],
    ].flatMap(([name, actual]) => {
      const told = node.attributes[name] ?? adaptationSet.node.attributes[name];
      return told === undefined || actual === 0 || Number(told) === actual || (sound !== null && name === 'audioSamplingRate' && mayHaveRate(sound, Number(told))) ? [] : [problem(`representation/${trackName(track)}`, `${name} differs from the sample entry`, { wanted: String(actual), actual: told, at: track.init?.exchange ?? null })];
    });
  }),
  mediaCheck('mpd/media-timescale', ['DASH-025', 'ISO-003'], 'CSF media count 100 ns; CMAF media keep their own timescale', ({ reader, format, truth }, track) => {
    const actual = headerTrack(initOf(reader, track))?.timescale;
    if (actual === undefined) return null;
    const own = truth?.tracks.find(({ kind, name, bitrate }) => kind === track.kind && name === track.set && bitrate === track.bitrate)?.timescale;
    const wanted = format === 'dash-csf' ? 10_000_000 : own;
    if (wanted === undefined) return null;
    return actual === wanted ? [] : [problem(`representation/${trackName(track)}`, 'mdhd has another timescale', { wanted: String(wanted), actual: String(actual), at: track.init?.exchange ?? null, pointer: 'moov/trak/mdia/mdhd' })];
  }, true),
  mediaCheck('mpd/leaky-bucket', ['DASH-029'], 'with minBufferTime filled first, bandwidth delivers every segment in time', ({ view }, track, { bandwidth }) => {
    const dash = view.document?.kind === 'dash' ? view.document.dash : null;
    if (dash?.minBufferTime == null || bandwidth === null || !allDelivered(track)) return null;
    return starves(track, bandwidth, Number(dash.minBufferTime) / 1e9) ? [problem(`representation/${trackName(track)}`, 'a client that fills minBufferTime at bandwidth runs dry', { actual: String(bandwidth) })] : [];
  }),
];

async function judgeSchema(edition: EditionJudge, view: FormatContext['view']): Promise<Finding> {
  const path = `manifest/${edition.edition}`;
  const verdict = await edition.validate(view.text);
  if (verdict.valid === true) return pass(path);
  if (verdict.valid === null) return cantTell(path, 'the schema engines give no verdict', { actual: verdict.reason });
  const [first] = verdict.complaints;
  return problem(path, 'the MPD is invalid', { actual: first?.text ?? '', at: view.manifest, pointer: `line ${first?.line ?? 0}` });
}

type Say = (line: number, message: string, wanted?: string, actual?: string) => void;

/** One check owns the fault that a document cannot be read at all; to the others there is nothing to see. */
function unreadable(view: FormatContext['view'], owner: boolean): Finding {
  const [first] = view.problems;
  if (!owner) return cantTell('manifest', 'the MPD cannot be read');
  return problem('manifest', 'the MPD cannot be read', { actual: first?.message ?? '', at: view.manifest, pointer: `line ${first?.line ?? 0}` });
}

/** A check of the document alone: one verdict for the manifest. */
function documentCheck(id: string, requirements: readonly string[], title: string, judge: (dash: DashDocument, say: Say) => void): FormatCheck {
  return {
    id,
    requirements,
    title,
    level: 'must',
    scope: 'format',
    formats: DASH,
    run({ view }) {
      if (view.document?.kind !== 'dash') return view.text === '' ? [] : [unreadable(view, id === READABLE)];
      const problems: Finding[] = [];
      judge(view.document.dash, (line, message, wanted, actual) => {
        problems.push(problem('manifest', message, { ...(wanted === undefined ? {} : { wanted }), ...(actual === undefined ? {} : { actual }), at: view.manifest, pointer: `line ${line}` }));
      });
      return judged('manifest', problems);
    },
  };
}

/** A check of each representation against its media; null where it has nothing to compare. */
function mediaCheck(id: string, requirements: readonly string[], title: string, judge: (context: FormatContext, track: TrackView, representation: DashRepresentation) => readonly Finding[] | null, amsOnly = false): FormatCheck {
  return {
    id,
    requirements,
    title,
    level: 'must',
    amsOnly,
    scope: 'format',
    formats: DASH,
    run(context) {
      const findings = context.view.tracks.flatMap((track) => {
        if (track.source.kind !== 'dash') return [];
        const problems = judge(context, track, track.source.representation);
        return problems === null ? [] : judged(`representation/${trackName(track)}`, problems);
      });
      return findings.length === 0 ? [inapplicable('manifest', 'no representation has what is compared')] : findings;
    },
  };
}

/** Representations of a set share a timeline: each is judged once. */
function uniqueTimelines(dash: DashDocument): readonly { readonly timeline: NonNullable<DashRepresentation['timeline']> }[] {
  const byLine = new Map<string, { timeline: NonNullable<DashRepresentation['timeline']> }>();
  for (const { timeline, adaptationSet } of dash.representations) if (timeline !== null) byLine.set(`${adaptationSet.index} ${timeline[0]?.line ?? 0}`, { timeline });
  return [...byLine.values()];
}

/**
 * 23009-1 5.3.5.4: a buffer that receives `bandwidth` bits a second and begins to play when minBufferTime worth of them are in,
 * always holds the segment that is due. From every segment on, as a client may start anywhere.
 */
function starves(track: TrackView, bandwidth: number, minBuffer: number): boolean {
  const bits = track.segments.map(({ exchange }) => 8 * (exchange?.body?.size ?? 0));
  const seconds = track.segments.map(({ duration, timescale }) => Number(duration) / timescale);
  let debt = 0;
  for (const [i, size] of bits.entries()) {
    // The worst run that ends here: what it needs beyond what arrives while its earlier segments play.
    debt = size + (i === 0 ? 0 : Math.max(0, debt - bandwidth * seconds[i - 1]));
    if (debt > bandwidth * minBuffer * (1 + 1e-9) + 8) return true;
  }
  return false;
}
