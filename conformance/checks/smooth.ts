/** Smooth Streaming client manifests (MS-SSTR) as documents, and against the media. */
import { FORMATS } from '../outputs.ts';
import { headerTrack, initOf } from '../media.ts';
import { cantTell, inapplicable, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { hexOf } from '../oracle/boxes.ts';
import { audioSpecificConfig, nalCodecOf, nalType, parameterSets } from '../oracle/codecs.ts';
import type { SmoothDocument } from '../oracle/smooth.ts';
import { childrenOf, integerOf } from '../oracle/xml.ts';
import { trackName, type TrackView } from '../view.ts';
import { canonicalLanguage, judged, problem } from './helpers.ts';

const READABLE = 'smooth/readable';

export const SMOOTH_CHECKS: readonly FormatCheck[] = [
  {
    id: 'smooth/schema',
    requirements: ['MSS-002', 'MSS-003', 'MSS-009', 'MSS-010'],
    title: 'the client manifest is valid to the schema of this suite',
    level: 'must',
    scope: 'format',
    formats: ['smooth'],
    async run({ view, judges }) {
      if (view.text === '') return [];
      if (judges.smooth === null) return [cantTell('manifest', 'the schema engine is not at hand', { actual: judges.notes.join('; ') })];
      const verdict = await judges.smooth.validate(view.text);
      if (verdict.valid === null) return [cantTell('manifest', 'the schema engine gives no verdict', { actual: verdict.reason })];
      return judged('manifest', verdict.valid ? [] : verdict.complaints.slice(0, 5).map(({ line, text }) => problem('manifest', 'the client manifest is invalid', { actual: text, at: view.manifest, pointer: `line ${line}` })));
    },
  },
  documentCheck(READABLE, ['MSS-002', 'MSS-024'], 'the client manifest is well-formed and every part of it can be read', (smooth, say) => {
    for (const { line, message } of smooth.problems) say(line, message);
  }),
  documentCheck('smooth/version', ['MSS-003', 'MSS-025'], 'repeat counts occur with minor version 2 only', (smooth, say) => {
    if (smooth.root.attributes['MajorVersion'] !== '2') say(smooth.root.line, 'MajorVersion is not 2');
    if (smooth.root.attributes['MinorVersion'] === '2') return;
    for (const { node } of smooth.streams) for (const c of childrenOf(node, 'c')) if (c.attributes['r'] !== undefined) say(c.line, 'c@r needs MinorVersion 2');
  }),
  {
    ...documentCheck('smooth/time-scale', ['MSS-005'], 'the manifest says its TimeScale', (smooth, say) => {
      if (smooth.root.attributes['TimeScale'] === undefined) say(smooth.root.line, 'TimeScale is missing');
    }),
    level: 'should',
  },
  documentCheck('smooth/picture-attributes', ['MSS-012'], 'only video streams tell sizes of pictures', (smooth, say) => {
    for (const { node, type } of smooth.streams) {
      if (type === 'video') continue;
      for (const name of ['MaxWidth', 'MaxHeight', 'DisplayWidth', 'DisplayHeight']) if (node.attributes[name] !== undefined) say(node.line, `${name} stands on a stream without pictures`);
    }
  }),
  documentCheck('smooth/chunk-counts', ['MSS-011'], 'Chunks and QualityLevels count what follows', (smooth, say) => {
    for (const { node, fragments, qualities } of smooth.streams) {
      if (integerOf(node, 'Chunks') !== BigInt(fragments.length)) say(node.line, 'Chunks is not the number of fragments', String(fragments.length), node.attributes['Chunks']);
      if (integerOf(node, 'QualityLevels') !== BigInt(qualities.length)) say(node.line, 'QualityLevels is not the number of levels', String(qualities.length), node.attributes['QualityLevels']);
    }
  }),
  documentCheck('smooth/duration', ['MSS-004', 'MSS-027'], 'Duration is the sum of the fragments of the longest stream', (smooth, say) => {
    const longest = smooth.streams
      .map(({ fragments, timescale }) => (fragments.reduce((sum, { duration }) => sum + duration, 0n) * BigInt(smooth.timescale)) / BigInt(timescale))
      .reduce((most, length) => (length > most ? length : most), 0n);
    if (smooth.duration !== longest) say(smooth.root.line, 'Duration is not the length of the longest stream', String(longest), smooth.root.attributes['Duration']);
  }),
  documentCheck('smooth/times', ['MSS-026'], 'fragments follow one another without overlap or gap, and n counts by one', (smooth, say) => {
    for (const { node, fragments } of smooth.streams) {
      fragments.forEach(({ time, line }, i) => {
        if (i === 0) return;
        const end = fragments[i - 1].time + fragments[i - 1].duration;
        if (time < end) say(line, 'c overlaps the one before', String(end), String(time));
        if (time > end) say(line, 'there is a gap before c', String(end), String(time));
      });
      childrenOf(node, 'c').forEach((c, i) => {
        if (c.attributes['n'] !== undefined && integerOf(c, 'n') !== BigInt(i)) say(c.line, 'c@n does not count by one', String(i), c.attributes['n']);
      });
    }
  }),
  documentCheck('smooth/names', ['MSS-013'], 'stream names are unique and stand in the URL template', (smooth, say) => {
    const seen = new Set<string>();
    for (const { node, name, urlTemplate } of smooth.streams) {
      if (seen.has(name)) say(node.line, 'two streams have the same name', undefined, name);
      seen.add(name);
      const told = node.attributes['Name'];
      if (told !== undefined && !urlTemplate.includes(`(${encodeURIComponent(told).replace(/[()]/g, (char) => (char === '(' ? '%28' : '%29'))}=`)) say(node.line, 'Url does not hold the name of the stream', told, urlTemplate);
    }
  }),
  documentCheck('smooth/url-template', ['MSS-016'], 'Url holds {bitrate} and {start time} once each', (smooth, say) => {
    for (const { node, urlTemplate } of smooth.streams) {
      for (const pattern of [/\{[Bb]itrate\}/g, /\{start[ _]time\}/g]) if ([...urlTemplate.matchAll(pattern)].length !== 1) say(node.line, 'a placeholder does not occur exactly once', undefined, urlTemplate);
    }
  }),
  documentCheck('smooth/levels', ['MSS-017', 'MSS-023'], 'levels are indexed from 0 by 1 and have different bitrates', (smooth, say) => {
    for (const { qualities } of smooth.streams) {
      const seen = new Set<number>();
      qualities.forEach(({ node, bitrate }, i) => {
        if (integerOf(node, 'Index') !== BigInt(i)) say(node.line, 'Index does not count from 0', String(i), node.attributes['Index']);
        if (seen.has(bitrate)) say(node.line, 'two levels have the same bitrate', undefined, String(bitrate));
        seen.add(bitrate);
      });
    }
  }),
  documentCheck('smooth/level-attributes', ['MSS-018', 'MSS-019'], 'levels have the attributes of their media type', (smooth, say) => {
    const wanted: Readonly<Record<string, readonly string[]>> = {
      video: ['FourCC', 'CodecPrivateData', 'MaxWidth', 'MaxHeight'],
      audio: ['FourCC', 'CodecPrivateData', 'SamplingRate', 'Channels', 'BitsPerSample', 'PacketSize', 'AudioTag'],
    };
    for (const { type, qualities } of smooth.streams) for (const { node } of qualities) for (const name of wanted[type] ?? []) if (node.attributes[name] === undefined) say(node.line, `QualityLevel has no ${name}`);
  }),
  {
    id: 'smooth/private-data',
    requirements: ['MSS-020', 'MSS-021'],
    title: 'CodecPrivateData is what the stored sample entry holds',
    level: 'must',
    scope: 'format',
    formats: ['smooth'],
    run: (context) => eachQuality(context, privateData),
  },
  {
    id: 'smooth/four-cc',
    requirements: ['MSS-020', 'MSS-021', 'MSS-022'],
    title: 'FourCC names the codec of the media',
    level: 'must',
    scope: 'format',
    formats: ['smooth'],
    run: (context) =>
      eachQuality(context, (track, told, entry) => {
        const four = told['FourCC'] ?? '';
        const codec = nalCodecOf(entry.type);
        const wanted = codec === 'avc' ? /^(H264|AVC1)$/ : codec === 'hevc' ? /^(HVC1|HEV1|hvc1|hev1)$/ : entry.type === 'mp4a' ? /^AAC[LH]$/ : entry.type === 'ec-3' ? /^EC-3$/ : null;
        if (wanted === null) return null;
        return wanted.test(four) ? [] : [problem(`level/${trackName(track)}`, 'FourCC does not fit the media', { wanted: wanted.source, actual: four })];
      }),
  },
  {
    id: 'smooth/language',
    requirements: ['MSS-013', 'XPROT-001'],
    title: 'Language of an audio stream is the language that the asset states',
    level: 'must',
    scope: 'format',
    formats: ['smooth'],
    run({ view, truth }) {
      if (truth === null) return [inapplicable('manifest', 'the content is unknown')];
      return view.tracks.filter(({ kind }) => kind === 'audio').flatMap((track) => {
        const real = truth.tracks.find(({ kind, name }) => kind === 'audio' && name === track.set);
        if (real === undefined) return [];
        const [wanted, actual] = [canonicalLanguage(real.language), canonicalLanguage(track.language)];
        return judged(`stream/${track.set}`, wanted === actual ? [] : [problem(`stream/${track.set}`, 'Language is not the one of the asset', { wanted, actual, at: view.manifest })]);
      });
    },
  },
];

type Say = (line: number, message: string, wanted?: string, actual?: string) => void;

function documentCheck(id: string, requirements: readonly string[], title: string, judge: (smooth: SmoothDocument, say: Say) => void): FormatCheck {
  return {
    id,
    requirements,
    title,
    level: 'must',
    scope: 'format',
    formats: ['smooth'],
    run({ view }) {
      if (view.document?.kind !== 'smooth') {
        const [first] = view.problems;
        if (view.text === '') return [];
        if (id !== READABLE) return [cantTell('manifest', 'the client manifest cannot be read')];
        return [problem('manifest', 'the client manifest cannot be read', { actual: first?.message ?? '', at: view.manifest, pointer: `line ${first?.line ?? 0}` })];
      }
      const problems: Finding[] = [];
      judge(view.document.smooth, (line, message, wanted, actual) => {
        problems.push(problem('manifest', message, { ...(wanted === undefined ? {} : { wanted }), ...(actual === undefined ? {} : { actual }), at: view.manifest, pointer: `line ${line}` }));
      });
      return judged('manifest', problems);
    },
  };
}

type Entry = NonNullable<ReturnType<typeof headerTrack>>['entries'][number];

/** Smooth has no header of its own: levels are compared with the CSF header of the same track, which carries the stored sample entry. */
function eachQuality(context: FormatContext, judge: (track: TrackView, told: Readonly<Record<string, string>>, entry: Entry) => readonly Finding[] | null): readonly Finding[] {
  const csf = context.views.get('dash-csf');
  if (csf === undefined) return [inapplicable('manifest', `no ${FORMATS.find(({ id }) => id === 'dash-csf')?.resource ?? ''} to compare with`)];
  const findings = context.view.tracks.flatMap((track) => {
    const other = csf.tracks.find(({ set, bitrate }) => set === track.set && bitrate === track.bitrate);
    const entry = other === undefined ? undefined : headerTrack(initOf(context.reader, other))?.entries[0];
    if (entry === undefined || track.source.kind !== 'smooth') return [];
    const problems = judge(track, track.source.quality.node.attributes, entry);
    return problems === null ? [] : judged(`level/${trackName(track)}`, problems.map((each) => ({ ...each, evidence: each.evidence ?? [] })));
  });
  return findings.length === 0 ? [inapplicable('manifest', 'no level has a CSF header to compare with')] : findings;
}

const START_CODE = '00000001';

function privateData(track: TrackView, told: Readonly<Record<string, string>>, entry: Entry): readonly Finding[] | null {
  const actual = (told['CodecPrivateData'] ?? '').toUpperCase();
  const path = `level/${trackName(track)}`;
  const codec = nalCodecOf(entry.type);
  let wanted: string | null = null;
  if (codec === 'avc') {
    const units = parameterSets(entry)?.units ?? [];
    wanted = [7, 8].flatMap((type) => units.filter((unit) => nalType(unit, codec) === type)).map((unit) => START_CODE + hexOf(unit)).join('');
  } else if (entry.type === 'mp4a') {
    const config = audioSpecificConfig(entry);
    wanted = config === null ? null : hexOf(config);
  }
  if (wanted === null) return null;
  return actual === wanted.toUpperCase() ? [] : [problem(path, 'CodecPrivateData is not the configuration of the sample entry', { wanted: wanted.toUpperCase(), actual })];
}
