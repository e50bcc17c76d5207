/** Rules that one playlist can be judged by alone (RFC 8216). A table: adding a rule is adding a row. */
import { attributeOf, nanosecondsOf, type HlsDocument, type HlsProblem, type Tag } from './m3u8.ts';

type Say = (line: number, message: string) => void;

export type HlsRule = {
  /** Last part of the check's id. */
  readonly name: string;
  readonly requirement: string;
  /** States a fact. */
  readonly title: string;
  readonly kind: HlsDocument['kind'] | 'any';
  judge(playlist: HlsDocument, say: Say): void;
};

const named = (playlist: HlsDocument, name: string): readonly Tag[] => playlist.tags.filter((tag) => tag.name === name);
const firstSegmentLine = (playlist: HlsDocument): number => playlist.segments[0]?.line ?? Number.MAX_SAFE_INTEGER;
const RENDITION_TYPES = ['AUDIO', 'VIDEO', 'SUBTITLES', 'CLOSED-CAPTIONS'];
const WHOLE_PLAYLIST = new Set(['EXT-X-TARGETDURATION', 'EXT-X-MEDIA-SEQUENCE', 'EXT-X-DISCONTINUITY-SEQUENCE', 'EXT-X-ENDLIST', 'EXT-X-PLAYLIST-TYPE', 'EXT-X-I-FRAMES-ONLY', 'EXT-X-INDEPENDENT-SEGMENTS', 'EXT-X-START']);
const fromReader = (): void => undefined;

/** Rows whose problems the lexer finds itself have no further rule of their own. */
export const HLS_RULES: readonly HlsRule[] = [
  { name: 'encoding', requirement: 'HLS-002', title: 'the playlist is UTF-8 without byte order mark or control characters', kind: 'any', judge: fromReader },
  {
    name: 'header-line',
    requirement: 'HLS-003',
    title: 'EXTM3U is the first line, once',
    kind: 'any',
    judge(playlist, say) {
      const marks = named(playlist, 'EXTM3U');
      if (marks[0]?.line !== 1) say(1, 'the first line is not EXTM3U');
      for (const mark of marks.slice(1)) say(mark.line, 'EXTM3U occurs again');
    },
  },
  {
    name: 'version-once',
    requirement: 'HLS-004',
    title: 'EXT-X-VERSION occurs at most once, with an integer',
    kind: 'any',
    judge(playlist, say) {
      const versions = named(playlist, 'EXT-X-VERSION');
      for (const version of versions.slice(1)) say(version.line, 'EXT-X-VERSION occurs again');
      for (const version of versions) if (!/^[1-9]\d*$/.test(version.value)) say(version.line, 'EXT-X-VERSION is no positive integer');
    },
  },
  {
    name: 'version-covers',
    requirement: 'HLS-005',
    title: 'the version covers every feature that the playlist uses',
    kind: 'any',
    judge(playlist, say) {
      const declared = Number(named(playlist, 'EXT-X-VERSION')[0]?.value ?? '1');
      for (const { line, version, feature } of featuresOf(playlist)) if (version > declared) say(line, `${feature} needs version ${version}`);
    },
  },
  { name: 'one-kind', requirement: 'HLS-007', title: 'the playlist is a media or a multivariant playlist, not both', kind: 'any', judge: fromReader },
  { name: 'grammar', requirement: 'HLS-008', title: 'tags and attribute lists have the form of the grammar', kind: 'any', judge: fromReader },
  {
    name: 'target-duration',
    requirement: 'HLS-009',
    title: 'EXT-X-TARGETDURATION occurs once, as an integer',
    kind: 'media',
    judge(playlist, say) {
      const targets = named(playlist, 'EXT-X-TARGETDURATION');
      if (targets.length === 0) say(1, 'EXT-X-TARGETDURATION is missing');
      for (const target of targets.slice(1)) say(target.line, 'EXT-X-TARGETDURATION occurs again');
      for (const target of targets) if (!/^\d+$/.test(target.value)) say(target.line, 'EXT-X-TARGETDURATION is no integer');
    },
  },
  {
    name: 'extinf-below-target',
    requirement: 'HLS-010',
    title: 'no EXTINF, rounded, exceeds the target duration',
    kind: 'media',
    judge(playlist, say) {
      const target = BigInt(/^\d+$/.exec(named(playlist, 'EXT-X-TARGETDURATION')[0]?.value ?? '')?.[0] ?? '0');
      for (const { duration, line } of playlist.segments) {
        const length = nanosecondsOf(duration ?? '');
        if (length !== null && (length + 500_000_000n) / 1_000_000_000n > target) say(line, 'the rounded EXTINF exceeds EXT-X-TARGETDURATION');
      }
    },
  },
  {
    name: 'extinf-form',
    requirement: 'HLS-011',
    title: 'every segment has an EXTINF with a decimal duration and a comma',
    kind: 'media',
    judge(playlist, say) {
      for (const { duration, line } of playlist.segments) if (duration === null) say(line, 'the segment has no EXTINF');
      for (const tag of named(playlist, 'EXTINF')) if (!/^\d+(\.\d+)?,/.test(tag.value)) say(tag.line, 'EXTINF is not a decimal duration followed by a comma');
    },
  },
  {
    name: 'media-sequence',
    requirement: 'HLS-014',
    title: 'EXT-X-MEDIA-SEQUENCE occurs at most once, before the first segment',
    kind: 'media',
    judge(playlist, say) {
      const sequences = named(playlist, 'EXT-X-MEDIA-SEQUENCE');
      for (const sequence of sequences.slice(1)) say(sequence.line, 'EXT-X-MEDIA-SEQUENCE occurs again');
      for (const sequence of sequences) {
        if (sequence.line > firstSegmentLine(playlist)) say(sequence.line, 'EXT-X-MEDIA-SEQUENCE follows a segment');
        if (!/^\d+$/.test(sequence.value)) say(sequence.line, 'EXT-X-MEDIA-SEQUENCE is no integer');
      }
    },
  },
  {
    name: 'tags-once',
    requirement: 'HLS-084',
    title: 'tags that describe the whole playlist occur once',
    kind: 'any',
    judge(playlist, say) {
      const seen = new Set<string>();
      for (const { name, line } of playlist.tags) {
        if (!WHOLE_PLAYLIST.has(name)) continue;
        if (seen.has(name)) say(line, `${name} occurs again`);
        seen.add(name);
      }
    },
  },
  {
    name: 'variants-once',
    requirement: 'HLS-085',
    title: 'no variant and no key-frame variant is offered twice',
    kind: 'multivariant',
    judge(playlist, say) {
      const seen = new Set<string>();
      for (const { tag, uri } of [...playlist.variants, ...playlist.keyFrameVariants.map((tag) => ({ tag, uri: attributeOf(tag, 'URI') ?? '' }))]) {
        const key = JSON.stringify([tag.name, uri, [...tag.attributes].map(([name, { value }]) => `${name}=${value}`).toSorted((a, b) => (a < b ? -1 : 1))]);
        if (seen.has(key)) say(tag.line, 'a variant is offered twice');
        seen.add(key);
      }
    },
  },
  {
    name: 'groups-used',
    requirement: 'HLS-045',
    title: 'every rendition belongs to a group that a variant names',
    kind: 'multivariant',
    judge(playlist, say) {
      for (const media of playlist.media) {
        const type = attributeOf(media, 'TYPE') ?? '';
        if (!playlist.variants.some(({ tag }) => attributeOf(tag, type) === attributeOf(media, 'GROUP-ID'))) say(media.line, 'no variant names the group of the rendition');
      }
    },
  },
  {
    name: 'discontinuity-sequence',
    requirement: 'HLS-020',
    title: 'EXT-X-DISCONTINUITY-SEQUENCE precedes the first segment and discontinuity',
    kind: 'media',
    judge(playlist, say) {
      const first = Math.min(firstSegmentLine(playlist), named(playlist, 'EXT-X-DISCONTINUITY')[0]?.line ?? Number.MAX_SAFE_INTEGER);
      for (const tag of named(playlist, 'EXT-X-DISCONTINUITY-SEQUENCE')) if (tag.line > first) say(tag.line, 'EXT-X-DISCONTINUITY-SEQUENCE follows a segment or a discontinuity');
    },
  },
  {
    name: 'end-list',
    requirement: 'HLS-021',
    title: 'an on-demand playlist ends with EXT-X-ENDLIST',
    kind: 'media',
    judge(playlist, say) {
      const ends = named(playlist, 'EXT-X-ENDLIST');
      if (ends.length === 0) say(1, 'EXT-X-ENDLIST is missing');
      for (const end of ends.slice(1)) say(end.line, 'EXT-X-ENDLIST occurs again');
    },
  },
  {
    name: 'playlist-type',
    requirement: 'HLS-022',
    title: 'EXT-X-PLAYLIST-TYPE is VOD or EVENT',
    kind: 'media',
    judge(playlist, say) {
      for (const tag of named(playlist, 'EXT-X-PLAYLIST-TYPE')) if (!/^(VOD|EVENT)$/.test(tag.value)) say(tag.line, 'EXT-X-PLAYLIST-TYPE is neither VOD nor EVENT');
    },
  },
  {
    name: 'map-uri',
    requirement: 'HLS-030',
    title: 'EXT-X-MAP has a URI',
    kind: 'media',
    judge(playlist, say) {
      for (const tag of named(playlist, 'EXT-X-MAP')) if (attributeOf(tag, 'URI') === null) say(tag.line, 'EXT-X-MAP has no URI');
    },
  },
  {
    name: 'byte-range',
    requirement: 'HLS-031',
    title: 'EXT-X-BYTERANGE has the form n[@o] and starts with an offset',
    kind: 'media',
    judge(playlist, say) {
      let previous: string | null = null;
      for (const { uri, byteRange, line } of playlist.segments) {
        if (byteRange !== null && !/^\d+(@\d+)?$/.test(byteRange)) say(line, 'EXT-X-BYTERANGE is not n[@o]');
        else if (byteRange !== null && !byteRange.includes('@') && previous !== uri) say(line, 'EXT-X-BYTERANGE without offset follows no range of the same resource');
        previous = byteRange === null ? null : uri;
      }
    },
  },
  {
    name: 'date-time',
    requirement: 'HLS-032',
    title: 'EXT-X-PROGRAM-DATE-TIME is an ISO 8601 date with a zone',
    kind: 'media',
    judge(playlist, say) {
      const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)$/;
      for (const tag of named(playlist, 'EXT-X-PROGRAM-DATE-TIME')) if (!form.test(tag.value) || Number.isNaN(Date.parse(tag.value))) say(tag.line, 'EXT-X-PROGRAM-DATE-TIME is no ISO 8601 date with a zone');
    },
  },
  {
    name: 'stream-inf',
    requirement: 'HLS-035',
    title: 'every EXT-X-STREAM-INF has BANDWIDTH and a URI line',
    kind: 'multivariant',
    judge(playlist, say) {
      for (const tag of named(playlist, 'EXT-X-STREAM-INF')) if (attributeOf(tag, 'BANDWIDTH') === null) say(tag.line, 'EXT-X-STREAM-INF has no BANDWIDTH');
      if (playlist.variants.length === 0) say(1, 'the multivariant playlist has no variant');
    },
  },
  {
    name: 'average-below-peak',
    requirement: 'HLS-037',
    title: 'AVERAGE-BANDWIDTH does not exceed BANDWIDTH',
    kind: 'multivariant',
    judge(playlist, say) {
      for (const tag of [...named(playlist, 'EXT-X-STREAM-INF'), ...playlist.keyFrameVariants]) {
        const average = attributeOf(tag, 'AVERAGE-BANDWIDTH');
        if (average !== null && Number(average) > Number(attributeOf(tag, 'BANDWIDTH'))) say(tag.line, 'AVERAGE-BANDWIDTH exceeds BANDWIDTH');
      }
    },
  },
  {
    name: 'groups-exist',
    requirement: 'HLS-040',
    title: 'rendition groups that variants name exist',
    kind: 'multivariant',
    judge(playlist, say) {
      for (const { tag } of playlist.variants) {
        for (const type of RENDITION_TYPES) {
          const group = attributeOf(tag, type);
          if (group === null || (type === 'CLOSED-CAPTIONS' && group === 'NONE')) continue;
          if (!playlist.media.some((media) => attributeOf(media, 'TYPE') === type && attributeOf(media, 'GROUP-ID') === group)) say(tag.line, `no EXT-X-MEDIA of type ${type} has the group that the variant names`);
        }
      }
    },
  },
  {
    name: 'media-attributes',
    requirement: 'HLS-041',
    title: 'EXT-X-MEDIA has the attributes of its type',
    kind: 'multivariant',
    judge(playlist, say) {
      for (const tag of playlist.media) {
        const type = attributeOf(tag, 'TYPE') ?? '';
        if (!RENDITION_TYPES.includes(type)) say(tag.line, 'EXT-X-MEDIA has no known TYPE');
        for (const name of ['GROUP-ID', 'NAME']) if (attributeOf(tag, name) === null) say(tag.line, `EXT-X-MEDIA has no ${name}`);
        if (type === 'SUBTITLES' && attributeOf(tag, 'URI') === null) say(tag.line, 'a SUBTITLES rendition has no URI');
        if (type === 'CLOSED-CAPTIONS' && attributeOf(tag, 'INSTREAM-ID') === null) say(tag.line, 'a CLOSED-CAPTIONS rendition has no INSTREAM-ID');
        if (type === 'CLOSED-CAPTIONS' && attributeOf(tag, 'URI') !== null) say(tag.line, 'a CLOSED-CAPTIONS rendition has a URI');
      }
    },
  },
  {
    name: 'rendition-flags',
    requirement: 'HLS-042',
    title: 'DEFAULT, AUTOSELECT and FORCED of renditions agree',
    kind: 'multivariant',
    judge(playlist, say) {
      for (const tag of playlist.media) {
        for (const name of ['DEFAULT', 'AUTOSELECT', 'FORCED']) if (!['YES', 'NO', null].includes(attributeOf(tag, name))) say(tag.line, `${name} is neither YES nor NO`);
        if (attributeOf(tag, 'DEFAULT') === 'YES' && attributeOf(tag, 'AUTOSELECT') === 'NO') say(tag.line, 'DEFAULT=YES stands with AUTOSELECT=NO');
        if (attributeOf(tag, 'FORCED') !== null && attributeOf(tag, 'TYPE') !== 'SUBTITLES') say(tag.line, 'FORCED stands on a rendition that is no subtitle');
      }
    },
  },
  {
    name: 'group-members',
    requirement: 'HLS-043',
    title: 'names differ inside a rendition group, one member at most is the default',
    kind: 'multivariant',
    judge(playlist, say) {
      const seen = new Set<string>();
      const defaults = new Set<string>();
      for (const tag of playlist.media) {
        const group = `${attributeOf(tag, 'TYPE')} ${attributeOf(tag, 'GROUP-ID')}`;
        const member = `${group} ${attributeOf(tag, 'NAME')}`;
        if (seen.has(member)) say(tag.line, 'two renditions of a group have the same NAME');
        seen.add(member);
        if (attributeOf(tag, 'DEFAULT') !== 'YES') continue;
        if (defaults.has(group)) say(tag.line, 'two renditions of a group are the default');
        defaults.add(group);
      }
    },
  },
  {
    name: 'key-frame-stream-inf',
    requirement: 'HLS-048',
    title: 'EXT-X-I-FRAME-STREAM-INF has BANDWIDTH and URI, and no rendition groups',
    kind: 'multivariant',
    judge(playlist, say) {
      for (const tag of playlist.keyFrameVariants) {
        for (const name of ['BANDWIDTH', 'URI']) if (attributeOf(tag, name) === null) say(tag.line, `EXT-X-I-FRAME-STREAM-INF has no ${name}`);
        for (const name of ['AUDIO', 'SUBTITLES', 'CLOSED-CAPTIONS', 'FRAME-RATE']) if (attributeOf(tag, name) !== null) say(tag.line, `EXT-X-I-FRAME-STREAM-INF has ${name}`);
      }
    },
  },
  {
    name: 'key',
    requirement: 'HLS-024',
    title: 'EXT-X-KEY has a known METHOD and, unless it is NONE, a URI',
    kind: 'media',
    judge(playlist, say) {
      for (const tag of named(playlist, 'EXT-X-KEY')) {
        const method = attributeOf(tag, 'METHOD') ?? '';
        if (!['NONE', 'AES-128', 'SAMPLE-AES', 'SAMPLE-AES-CTR'].includes(method)) say(tag.line, 'EXT-X-KEY has no known METHOD');
        else if (method === 'NONE' && tag.attributes.size > 1) say(tag.line, 'EXT-X-KEY with METHOD=NONE carries more');
        else if (method !== 'NONE' && attributeOf(tag, 'URI') === null) say(tag.line, 'EXT-X-KEY has no URI');
        const iv = attributeOf(tag, 'IV');
        if (iv !== null && iv.length !== 34) say(tag.line, 'EXT-X-KEY IV is not 128 bits long');
      }
    },
  },
  {
    name: 'date-range',
    requirement: 'HLS-034',
    title: 'EXT-X-DATERANGE has an ID and a start, and does not end before it',
    kind: 'media',
    judge(playlist, say) {
      for (const tag of named(playlist, 'EXT-X-DATERANGE')) {
        const [start, end] = [attributeOf(tag, 'START-DATE'), attributeOf(tag, 'END-DATE')];
        if (attributeOf(tag, 'ID') === null || start === null) say(tag.line, 'EXT-X-DATERANGE has no ID or no START-DATE');
        else if (end !== null && Date.parse(end) < Date.parse(start)) say(tag.line, 'EXT-X-DATERANGE ends before it starts');
      }
    },
  },
  {
    name: 'session-data',
    requirement: 'HLS-053',
    title: 'session data has DATA-ID and either VALUE or URI; a session key has a method',
    kind: 'multivariant',
    judge(playlist, say) {
      for (const tag of named(playlist, 'EXT-X-SESSION-DATA')) {
        if (attributeOf(tag, 'DATA-ID') === null || (attributeOf(tag, 'VALUE') === null) === (attributeOf(tag, 'URI') === null)) say(tag.line, 'EXT-X-SESSION-DATA lacks DATA-ID, or has not exactly one of VALUE and URI');
      }
      for (const tag of named(playlist, 'EXT-X-SESSION-KEY')) if ((attributeOf(tag, 'METHOD') ?? 'NONE') === 'NONE') say(tag.line, 'EXT-X-SESSION-KEY has METHOD=NONE');
    },
  },
];

/** RFC 8216 7: features and the version that brought them. */
function featuresOf(playlist: HlsDocument): readonly { readonly line: number; readonly version: number; readonly feature: string }[] {
  const features: { line: number; version: number; feature: string }[] = [];
  const add = (tag: { line: number }, version: number, feature: string): void => {
    features.push({ line: tag.line, version, feature });
  };
  const framesOnly = named(playlist, 'EXT-X-I-FRAMES-ONLY').length > 0;
  for (const tag of playlist.tags) {
    if (tag.attributes.has('IV')) add(tag, 2, 'an IV');
    if (tag.name === 'EXTINF' && tag.value.split(',')[0].includes('.')) add(tag, 3, 'a decimal EXTINF');
    if (tag.name === 'EXT-X-BYTERANGE' || tag.name === 'EXT-X-I-FRAMES-ONLY') add(tag, 4, tag.name);
    if (tag.attributes.has('KEYFORMAT') || tag.attributes.has('KEYFORMATVERSIONS')) add(tag, 5, 'a key format');
    if (tag.name === 'EXT-X-MAP') add(tag, framesOnly ? 5 : 6, 'EXT-X-MAP');
    if ((attributeOf(tag, 'INSTREAM-ID') ?? '').startsWith('SERVICE')) add(tag, 7, 'a SERVICE caption channel');
  }
  return features;
}

/** Problems of one rule, those that the lexer filed under its requirement included; each line and message once. */
export function judgeByRule(rule: HlsRule, playlist: HlsDocument): readonly HlsProblem[] {
  if (rule.kind !== 'any' && rule.kind !== playlist.kind) return [];
  const problems = playlist.problems.filter(({ requirement }) => requirement === rule.requirement);
  rule.judge(playlist, (line, message) => problems.push({ requirement: rule.requirement, line, message }));
  return problems;
}
