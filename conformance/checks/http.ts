/** HTTP: what every answer has to look like, and how the origin answers what is not there (RFC 9110, Fetch, AMS error codes). */
import { formatRow, isRefused } from '../outputs.ts';
import { delivered } from '../media.ts';
import { ALL, HLS, inapplicable, pass, type Finding, type FormatCheck, type FormatContext } from '../model.ts';
import { isTextFile } from '../text.ts';
import type { Exchange, ProbeKind } from '../trace.ts';
import { exchangePath, exchangesOf, judged, probesOf, problem } from './helpers.ts';

const MEDIA_TYPES = { video: ['video/mp4'], audio: ['audio/mp4', 'video/mp4'], text: ['application/mp4'], other: [] } as const;
const TS_TYPES = ['video/mp2t'];
const TEXT_TYPES = ['text/vtt'];

/** Three days: what the old service gave fragments and on-demand manifests. A day is the least that makes a shared cache useful. */
const LEAST_MAX_AGE = 86_400;

export const HTTP_CHECKS: readonly FormatCheck[] = [
  {
    id: 'http/delivered',
    requirements: ['HLS-075', 'DASH-027', 'MSS-028'],
    title: 'every listed URL answers 200 with a body; an output that lacks the codecs is refused',
    level: 'must',
    scope: 'format',
    formats: ALL,
    run: (context) => {
      const { view, format, truth } = context;
      if (truth !== null && view.manifest !== null && isRefused(format, truth.tracks)) {
        const { status } = view.manifest;
        return judged('manifest', status === 415 ? [] : [problem('manifest', 'an output that carries none of the codecs is not refused', { wanted: '415', actual: String(status), at: view.manifest })]);
      }
      return exchangesOf(context).flatMap((exchange) =>
        judged(exchangePath(exchange), delivered(exchange) ? [] : [problem(exchangePath(exchange), 'a listed URL is not delivered', { wanted: '200 with a body', actual: exchange.error ?? `${exchange.status}, ${exchange.body?.size ?? 0} bytes`, at: exchange })]),
      );
    },
  },
  {
    id: 'http/byte-ranges',
    requirements: ['HLS-031'],
    title: 'a part of a resource that a playlist addresses is answered with exactly its bytes',
    level: 'must',
    scope: 'format',
    formats: HLS,
    run: (context) =>
      exchangesOf(context).flatMap((exchange) => {
        const range = exchange.requestHeaders['range'];
        if (range === undefined || exchange.status !== 206) return [];
        const [first, last] = range.slice('bytes='.length).split('-').map(Number);
        const right = exchange.body?.size === last - first + 1 && (exchange.headers['content-range'] ?? '').startsWith(`bytes ${first}-${last}/`);
        return judged(exchangePath(exchange), right ? [] : [problem(exchangePath(exchange), 'the part of the resource has other bytes', { wanted: range, actual: `${exchange.headers['content-range'] ?? ''}, ${exchange.body?.size ?? 0} bytes`, at: exchange })]);
      }),
  },
  {
    id: 'http/content-type',
    requirements: ['HLS-001', 'DASH-058', 'MSS-002'],
    title: 'the Content-Type tells what the body is',
    level: 'must',
    scope: 'format',
    formats: ALL,
    run: (context) =>
      exchangesOf(context)
        .filter(delivered)
        .flatMap((exchange) => {
          const wanted = typesOf(context, exchange);
          const actual = (exchange.headers['content-type'] ?? '').split(';')[0].trim().toLowerCase();
          return judged(exchangePath(exchange), wanted.includes(actual) ? [] : [problem(exchangePath(exchange), 'the Content-Type does not fit', { wanted: wanted.join(' or '), actual, at: exchange })]);
        }),
  },
  {
    id: 'http/cors',
    requirements: ['HTTP-002', 'DASH-060'],
    title: 'every answer may be read by pages of any origin',
    level: 'must',
    scope: 'format',
    formats: ALL,
    // Refusals too: a page that may not read them cannot tell why.
    run: (context) =>
      [...exchangesOf(context), ...context.reader.trace.exchanges.filter(({ role }) => role.kind === 'probe' && role.asset === context.asset && role.format === context.format)]
        .filter(({ status }) => status > 0)
        .flatMap((exchange) => {
          const actual = exchange.headers['access-control-allow-origin'] ?? '';
          return judged(exchangePath(exchange), actual === '*' ? [] : [problem(exchangePath(exchange), 'Access-Control-Allow-Origin is not *', { wanted: '*', actual, at: exchange })]);
        }),
  },
  {
    id: 'http/exposed-headers',
    requirements: ['HTTP-010', 'DASH-060'],
    title: 'pages may read Date, ETag and Content-Range of every answer',
    level: 'should',
    amsOnly: true,
    scope: 'format',
    formats: ALL,
    run: (context) => eachHeader(context, 'access-control-expose-headers', (value) => ['date', 'etag', 'content-range'].every((name) => listOf(value).includes(name)), 'Access-Control-Expose-Headers lacks a name', 'Date, ETag, Content-Range'),
  },
  {
    id: 'http/entity-tag',
    requirements: ['HTTP-008'],
    title: 'answers carry a well-formed entity tag',
    level: 'should',
    scope: 'format',
    formats: ALL,
    run: (context) => eachHeader(context, 'etag', (value) => /^(W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/.test(value), 'ETag is missing or malformed', '"…"'),
  },
  {
    id: 'http/content-length',
    requirements: ['HTTP-009'],
    title: 'Content-Length, where present, is the length of the body',
    level: 'must',
    scope: 'format',
    formats: ALL,
    run: (context) =>
      exchangesOf(context)
        .filter(delivered)
        .flatMap((exchange) => {
          const told = exchange.headers['content-length'];
          return judged(exchangePath(exchange), told === undefined || told === String(exchange.body.size) ? [] : [problem(exchangePath(exchange), 'Content-Length is not the length of the body', { wanted: String(exchange.body.size), actual: told, at: exchange })]);
        }),
  },
  {
    id: 'http/no-sniffing',
    requirements: ['HTTP-007'],
    title: 'answers forbid content sniffing',
    level: 'should',
    scope: 'format',
    formats: ALL,
    run: (context) => eachHeader(context, 'x-content-type-options', (value) => value === 'nosniff', 'X-Content-Type-Options is not nosniff', 'nosniff'),
  },
  {
    id: 'http/cache-control',
    requirements: ['HTTP-003'],
    title: 'on-demand answers may be cached for a day at least',
    level: 'should',
    scope: 'format',
    formats: ALL,
    run: (context) =>
      eachHeader(
        context,
        'cache-control',
        (value) => {
          const directives = listOf(value);
          return !directives.some((each) => each === 'no-store' || each === 'no-cache' || each.startsWith('private')) && directives.some((each) => /^max-age=\d+$/.test(each) && Number(each.slice(8)) >= LEAST_MAX_AGE);
        },
        'Cache-Control gives no useful max-age',
        `max-age=${LEAST_MAX_AGE} or more`,
      ),
  },
  probe('http/preflight', ['HTTP-002'], 'a preflight for Range is granted', 'preflight', (answer) => {
    const headers = answer.headers['access-control-allow-headers'] ?? '';
    const granted = answer.status >= 200 && answer.status < 300 && answer.headers['access-control-allow-origin'] === '*' && (headers === '*' || /\brange\b/i.test(headers));
    return granted ? null : { message: 'the preflight is not granted', wanted: '2xx, allow-origin *, allow-headers range', actual: `${answer.status}, ${headers}` };
  }),
  probe('http/head', ['HTTP-001'], 'HEAD answers with the headers of GET', 'head', (answer, original) => {
    // RFC 9110 9.3.2 lets HEAD leave out what only the content tells; the length is worth nothing when it is wrong.
    const names = ['content-type', 'etag', 'cache-control', ...(original.headers['content-length'] === undefined ? [] : ['content-length'])];
    const different = answer.status === original.status ? names.filter((name) => answer.headers[name] !== original.headers[name]) : ['status'];
    return different.length === 0 ? null : { message: 'HEAD and GET differ', wanted: different.map((name) => original.headers[name] ?? String(original.status)).join(' '), actual: different.map((name) => answer.headers[name] ?? String(answer.status)).join(' ') };
  }),
  probe('http/range', ['HTTP-001'], 'a byte range is answered with 206 and exactly those bytes', 'range', (answer, original, context) => {
    const [first, last] = (/bytes=(\d+)-(\d+)/.exec(answer.requestHeaders['range'] ?? '') ?? []).slice(1).map(Number);
    const wanted = context.wire.body(original).subarray(first, last + 1);
    const right = answer.status === 206 && Buffer.compare(wanted, context.wire.body(answer)) === 0 && answer.headers['content-range'] === `bytes ${first}-${last}/${original.body?.size}`;
    const lost = right ? lostHeaders(answer, original, ['content-type', 'etag', 'cache-control']) : [];
    if (lost.length > 0) return { message: 'a partial answer lacks headers of the whole', wanted: lost.map((name) => original.headers[name]).join(' '), actual: lost.map((name) => `${name}: ${answer.headers[name] ?? ''}`).join(' ') };
    return right ? null : { message: 'the range is not answered with its bytes', wanted: `206, bytes ${first}-${last}/${original.body?.size}`, actual: `${answer.status}, ${answer.headers['content-range'] ?? ''}` };
  }),
  probe('http/range-outside', ['HTTP-001'], 'a range behind the end is answered with 416', 'range-outside', (answer) => (answer.status === 416 ? null : { message: 'a range behind the end is not refused', wanted: '416', actual: String(answer.status) })),
  probe('http/conditional', ['HTTP-001'], 'If-None-Match with the entity tag is answered with 304', 'conditional', (answer, original) => {
    if (answer.status !== 304) return { message: 'the entity tag is not recognised', wanted: '304', actual: String(answer.status) };
    // RFC 9110 15.4.5: what a cache needs to know stands in the 304 as in the 200.
    const lost = lostHeaders(answer, original, ['etag', 'cache-control']);
    return lost.length === 0 ? null : { message: 'a 304 lacks headers of the 200', wanted: lost.map((name) => original.headers[name]).join(' '), actual: lost.map((name) => `${name}: ${answer.headers[name] ?? ''}`).join(' ') };
  }),
  probe('http/repeatable', ['BMFF-010', 'HLS-076'], 'the same request gets the same bytes', 'repeat', sameAnswer('a second GET gets other bytes')),
  probe('http/escaped', ['DASH-059'], 'percent-encoded parentheses, commas and equals signs mean the same', 'escaped', sameAnswer('the percent-encoded URL gets another answer')),
  {
    ...probe('http/compressed', ['HLS-072'], 'playlists come compressed to whom accepts that, with a tag of their own', 'compressed', (answer, original) => {
      if (answer.status !== 200 || answer.body?.sha256 !== original.body?.sha256) return differentBody('the compressed playlist is another one', answer, original);
      const { 'content-encoding': coding = 'none', vary = '', etag = '' } = answer.headers;
      if (coding !== 'gzip') return { message: 'the playlist is not compressed', wanted: 'gzip', actual: coding };
      // RFC 9110 12.5.5 and 8.8.3.3: caches keep both forms apart.
      if (!listOf(vary).some((name) => name === 'accept-encoding' || name === '*')) return { message: 'Vary does not name Accept-Encoding', wanted: 'Accept-Encoding', actual: vary };
      return etag.startsWith('"') && etag === original.headers['etag'] ? { message: 'the compressed playlist has the strong tag of the plain one', wanted: 'another tag', actual: etag } : null;
    }),
    level: 'should',
    formats: HLS,
  },
  { ...probe('http/any-case', ['MSS-001'], 'keywords of Smooth Streaming URLs mean the same in upper and lower case', 'other-case', sameAnswer('a keyword in other letters gets another answer')), amsOnly: true, formats: ['smooth'] },
  {
    ...probe('http/other-nouns', ['MSS-029'], 'parts of fragments are answered as such or refused with 400 or 404', 'other-noun', (answer, original) => {
      const { status, error, body } = answer;
      if (status === 400 || status === 404) return null;
      if (status !== 200) return { message: 'a part of a fragment is neither given nor refused', wanted: '200, 400 or 404', actual: error ?? String(status) };
      const type = answer.headers['content-type'] ?? '';
      if (body === null || body.size === 0 || /^text\/|json|xml/.test(type)) return { message: 'a part of a fragment is no media', wanted: original.headers['content-type'] ?? 'media', actual: `${body?.size ?? 0} bytes of ${type}` };
      // [MS-SSTR] 2.2.4: metadata is the moof alone, data the samples alone. A fragment of one sample may be its own key frame.
      return body.sha256 === original.body?.sha256 && !/\/KeyFrames/i.test(answer.url) ? { message: 'the whole fragment is given for a part of it', wanted: 'a part', actual: `${body.size} bytes` } : null;
    }),
    level: 'should',
    formats: ['smooth'],
  },
  refusal('http/unknown-time', ['HTTP-005', 'DASH-027', 'MSS-028'], 'a time that no segment starts at is answered with 404', 'unknown-time', 404),
  refusal('http/unknown-bitrate', ['HTTP-005'], 'a bitrate that is not in the manifest is answered with 404', 'unknown-bitrate', 404),
  refusal('http/bad-syntax', ['HTTP-004'], 'a URL that breaks the grammar is answered with 400', 'bad-syntax', 400),
  refusal('http/unknown-format', ['HTTP-004'], 'a format that does not exist is answered with 415', 'unknown-format', 415),
];

/** Items of a list header, without case and blanks. */
function listOf(value: string): readonly string[] {
  return value.toLowerCase().split(',').map((each) => each.trim());
}

/** Headers of the full answer that another form of it lacks or changes. */
function lostHeaders(answer: Exchange, original: Exchange, names: readonly string[]): readonly string[] {
  return names.filter((name) => original.headers[name] !== undefined && answer.headers[name] !== original.headers[name]);
}

function differentBody(message: string, answer: Exchange, original: Exchange): ProbeFault {
  return { message, wanted: `200 ${original.body?.sha256}`, actual: `${answer.error ?? answer.status} ${answer.body?.sha256}` };
}

function sameAnswer(message: string) {
  return (answer: Exchange, original: Exchange): ProbeFault | null => (answer.status === 200 && answer.body?.sha256 === original.body?.sha256 ? differentHeaders(answer, original) : differentBody(message, answer, original));
}

function differentHeaders(answer: Exchange, original: Exchange): ProbeFault | null {
  const different = lostHeaders(answer, original, ['content-type', 'etag', 'cache-control']);
  return different.length === 0 ? null : { message: 'the same resource comes with other headers', wanted: different.map((name) => original.headers[name]).join(' '), actual: different.map((name) => `${name}: ${answer.headers[name] ?? ''}`).join(' ') };
}

function typesOf({ format, view }: FormatContext, { role, url }: Exchange): readonly string[] {
  const { manifestTypes, container } = formatRow(format);
  if (role.kind === 'manifest' || role.kind === 'playlist') return manifestTypes;
  const track = view.tracks.find(({ init, segments }) => init?.url === url || segments.some((segment) => segment.url === url));
  if (track !== undefined && isTextFile(track)) return TEXT_TYPES;
  if (container === 'ts') return TS_TYPES;
  return MEDIA_TYPES[track?.kind ?? 'other'];
}

function eachHeader(context: FormatContext, name: string, right: (value: string) => boolean, message: string, wanted: string): readonly Finding[] {
  return exchangesOf(context)
    .filter(delivered)
    .flatMap((exchange) => {
      const value = exchange.headers[name] ?? '';
      return judged(exchangePath(exchange), right(value) ? [] : [problem(exchangePath(exchange), message, { wanted, actual: value, at: exchange })]);
    });
}

type ProbeFault = { readonly message: string; readonly wanted: string; readonly actual: string };

function probe(id: string, requirements: readonly string[], title: string, kind: ProbeKind, judge: (answer: Exchange, original: Exchange, context: FormatContext) => ProbeFault | null): FormatCheck {
  return {
    id,
    requirements,
    title,
    level: 'must',
    scope: 'format',
    formats: ALL,
    run(context) {
      const answers = probesOf(context, kind);
      if (answers.length === 0) return [inapplicable('probe', 'the origin was not asked')];
      return answers.map((answer) => {
        const original = answer.role.kind === 'probe' ? context.reader.find(answer.role.of) : null;
        const path = `${exchangePath(answer)}/${original === null ? '' : exchangePath(original)}`;
        if (original === null) return problem(path, 'the request that the probe repeats is not in the trace', { at: answer });
        const fault = judge(answer, original, context);
        return fault === null ? pass(path) : problem(path, fault.message, { wanted: fault.wanted, actual: fault.actual, at: answer });
      });
    },
  };
}

function refusal(id: string, requirements: readonly string[], title: string, kind: ProbeKind, status: number): FormatCheck {
  return { ...probe(id, requirements, title, kind, (answer) => (answer.status === status ? null : { message: 'the refusal has another status', wanted: String(status), actual: answer.error ?? String(answer.status) })), amsOnly: true };
}
