/** Faults that origins and networks have had, each with the requirements that it breaks. */
import { find, readBoxes } from '../oracle/boxes.ts';
import type { Asked, Fault, Wire } from './proxy.ts';

const PACKET = 188;

function isGet({ method, headers }: Asked): boolean {
  return method === 'GET' && headers['range'] === undefined && headers['if-none-match'] === undefined;
}

/** Times of video segments of the assets that are used: their GOPs are 2.002 s, three to a segment. */
const SECOND = 60_060_000;

function segment({ path }: Asked, format: string, track = 'video'): number | null {
  const match = new RegExp(`/Fragments\\(${track}=(\\d+)${format === '' ? '' : `,format=${format}`}[,)]`).exec(path);
  return match === null ? null : Number(match[1]);
}

function onText(when: (asked: Asked) => boolean, from: string | RegExp, to: string): Fault['spoil'] {
  return (asked, wire) => {
    if (asked.method !== 'GET' || wire.status !== 200 || !when(asked)) return false;
    const text = wire.body.toString();
    wire.body = Buffer.from(text.replace(from, to));
    return wire.body.toString() !== text;
  };
}

function addToDecodeTime(body: Buffer, ticks: number): Buffer {
  const tfdt = find(readBoxes(body).boxes, 'moof/traf/tfdt');
  if (tfdt === undefined) return body;
  const copy = Buffer.from(body);
  const at = tfdt.start + tfdt.header + 4;
  if (copy[tfdt.start + tfdt.header] === 1) copy.writeBigUInt64BE(copy.readBigUInt64BE(at) + BigInt(ticks), at);
  else copy.writeUInt32BE(copy.readUInt32BE(at) + ticks, at);
  return copy;
}

function onBody(when: (asked: Asked) => boolean, change: (body: Buffer) => Buffer): Fault['spoil'] {
  return (asked, wire) => {
    if (!isGet(asked) || wire.status !== 200 || !when(asked)) return false;
    wire.body = change(wire.body);
    return true;
  };
}

function onHeader(when: (asked: Asked) => boolean, name: string, value: string | null) {
  return (asked: Asked, wire: Wire): boolean => {
    if (!when(asked) || wire.status >= 400) return false;
    if (value === null) delete wire.headers[name];
    else wire.headers[name] = value;
    return true;
  };
}

export const FAULTS: readonly Fault[] = [
  {
    name: 'two segments of a DASH track are exchanged',
    requirements: ['DASH-024', 'ISO-003'],
    async spoil(asked, wire) {
      if (!isGet(asked) || segment(asked, 'mpd-time-cmaf') !== SECOND) return false;
      wire.body = await asked.fetch(asked.path.replace(`video=${SECOND}`, 'video=0'));
      return true;
    },
  },
  { name: 'tfdt is half a second late', requirements: ['CMAF-017', 'DASH-025'], spoil: onBody((asked) => segment(asked, 'm3u8-cmaf') === SECOND, (body) => addToDecodeTime(body, 15_000)) },
  {
    name: 'a segment is lost',
    requirements: ['HLS-075'],
    spoil(asked, wire) {
      if (segment(asked, 'm3u8-aapl') !== SECOND) return false;
      wire.status = 404;
      wire.body = Buffer.from('not found');
      return true;
    },
  },
  { name: 'the connection ends in the middle of a body', requirements: ['DASH-027'], spoil: (asked, wire) => { if (!isGet(asked) || segment(asked, 'mpd-time-csf') !== SECOND) return false; wire.body = wire.body.subarray(0, wire.body.length >> 1); return 'cut'; } },
  { name: 'a body is cut, and its length says so', requirements: ['BMFF-001', 'BMFF-003'], spoil: onBody((asked) => segment(asked, 'mpd-time-csf') === SECOND, (body) => body.subarray(0, body.length - 1000)) },
  { name: 'playlists are plain text', requirements: ['HLS-001'], spoil: onHeader(({ path }) => /format=m3u8-aapl\)$/.test(path), 'content-type', 'text/plain') },
  {
    name: 'the last bytes of mdat are damaged',
    requirements: ['BMFF-009', 'ISO-012'],
    spoil: onBody((asked) => segment(asked, '') === SECOND, (body) => {
      const copy = Buffer.from(body);
      copy[copy.length - 3] ^= 0x10;
      return copy;
    }),
  },
  { name: 'the MPD tells another language', requirements: ['BMFF-004', 'XPROT-001'], spoil: onText(({ path }) => path.endsWith('(format=mpd-time-cmaf)'), 'lang="en"', 'lang="de"') },
  { name: 'the Smooth manifest tells another language', requirements: ['MSS-013', 'XPROT-001'], spoil: onText(({ path }) => path.endsWith('.ism/manifest'), 'Language="eng"', 'Language="deu"') },
  { name: 'all audio is 200 ms late', requirements: ['ISO-008', 'CMAF-026'], spoil: onBody((asked) => /format=mpd-time-cmaf/.test(asked.path) && /\/Fragments\(aac[^=]*=\d/.test(asked.path), (body) => addToDecodeTime(body, 9600)) },
  {
    name: 'a cache answers conditional requests with the whole body',
    requirements: ['HTTP-001'],
    async spoil(asked, wire) {
      if (asked.headers['if-none-match'] === undefined) return false;
      wire.status = 200;
      wire.body = await asked.fetch(asked.path);
      return true;
    },
  },
  { name: 'a cache sends 304 without entity tag', requirements: ['HTTP-001'], spoil: onHeader(({ headers }) => headers['if-none-match'] !== undefined, 'etag', null) },
  {
    name: 'a stale cache: the second GET gets the segment of before',
    requirements: ['BMFF-010', 'HLS-076'],
    async spoil(asked, wire) {
      if (!isGet(asked) || asked.before === 0 || !/Fragments\(aac[^=]*=7280000,format=mpd-time-csf/.test(asked.path)) return false;
      wire.body = await asked.fetch(asked.path.replace('=7280000', '=67440000'));
      return true;
    },
  },
  {
    name: 'a continuity counter stands still',
    requirements: ['TS-002'],
    spoil: onBody((asked) => segment(asked, 'm3u8-aapl') === SECOND, (body) => {
      const copy = Buffer.from(body);
      copy[20 * PACKET + 3] = (copy[20 * PACKET + 3] & 0xf0) | ((copy[20 * PACKET + 3] - 1) & 15);
      return copy;
    }),
  },
  {
    name: 'a packet of a transport stream is lost',
    requirements: ['TS-002', 'BMFF-009'],
    spoil: onBody((asked) => segment(asked, 'm3u8-aapl-v3') === SECOND, (body) => Buffer.concat([body.subarray(0, 30 * PACKET), body.subarray(31 * PACKET)])),
  },
  { name: 'BANDWIDTH is half of the peak', requirements: ['HLS-036'], spoil: onText(({ path }) => path.endsWith('(format=m3u8-cmaf)'), /:BANDWIDTH=\d+/, ':BANDWIDTH=100000') },
  { name: 'CODECS of the MPD is another level', requirements: ['DASH-030'], spoil: onText(({ path }) => path.endsWith('(format=mpd-time-cmaf)'), /codecs="avc1\.(....)../, 'codecs="avc1.$133') },
  { name: 'bandwidth of the MPD starves the buffer', requirements: ['DASH-029'], spoil: onText(({ path }) => path.endsWith('(format=mpd-time-cmaf)'), /(<Representation id="video[^>]*bandwidth=")\d+/, '$120000') },
  {
    name: 'ranges are ignored',
    requirements: ['HTTP-001'],
    async spoil(asked, wire) {
      if (asked.headers['range'] === undefined) return false;
      wire.status = 200;
      wire.body = await asked.fetch(asked.path);
      delete wire.headers['content-range'];
      return true;
    },
  },
  { name: 'CORS headers are missing on segments', requirements: ['HTTP-002'], spoil: onHeader(({ path }) => path.includes('/Fragments('), 'access-control-allow-origin', null) },
  {
    name: 'an error page comes with 200',
    requirements: ['BMFF-001', 'CMAF-014'],
    spoil(asked, wire) {
      if (!isGet(asked) || segment(asked, 'm3u8-cmaf') !== SECOND) return false;
      wire.body = Buffer.from('<html><body>Service unavailable</body></html>');
      return true;
    },
  },
  { name: 'the playlist is a live one', requirements: ['HLS-021'], spoil: onText(({ path }) => /Manifest\(video,format=m3u8-cmaf\)$/.test(path), '#EXT-X-ENDLIST\n', '') },
];
