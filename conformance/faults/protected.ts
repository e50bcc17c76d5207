/** Faults of encryption on the wire, each with the requirements that it breaks. */
import { find, readBoxes } from '../oracle/boxes.ts';
import type { Asked, Fault } from './proxy.ts';

const SENC = 'moof/traf/senc';
/** Version and flags, sample_count, and the vector of the first sample. */
const FIRST_VECTOR = 8;

function isVideoSegment({ method, path, headers }: Asked, format: string): boolean {
  return method === 'GET' && headers['range'] === undefined && new RegExp(`/Fragments\\(video=\\d+,format=${format}[,)]`).test(path);
}

function inSenc(change: (payload: Buffer) => void): Fault['spoil'] {
  return (asked, wire) => {
    if (!isVideoSegment(asked, 'mpd-time-cmaf')) return false;
    const box = find(readBoxes(wire.body).boxes, SENC);
    if (box === undefined) return false;
    wire.body = Buffer.from(wire.body);
    change(wire.body.subarray(box.start + box.header, box.start + box.size));
    return true;
  };
}

export const PROTECTED_FAULTS: readonly (Fault & { readonly asset: string })[] = [
  {
    name: 'segments are those of another key',
    asset: 'cenc-keys',
    requirements: ['CENC-007', 'BMFF-009'],
    async spoil(asked, wire) {
      if (!isVideoSegment(asked, 'mpd-time-csf')) return false;
      // The same asset under another policy.
      wire.body = await asked.fetch(asked.path.replace('/cenc-keys/', '/cenc-one/'));
      return true;
    },
  },
  { name: 'vectors begin anew with every segment', asset: 'cenc-keys', requirements: ['CENC-004', 'CENC-007'], spoil: inSenc((payload) => payload.writeUInt32BE(0, FIRST_VECTOR + 4)) },
  {
    name: 'the MPD names another key than the header',
    asset: 'cenc-keys',
    requirements: ['DASH-045'],
    spoil(asked, wire) {
      if (asked.method !== 'GET' || wire.status !== 200 || !asked.path.includes('manifest(format=mpd-time-cmaf')) return false;
      wire.body = Buffer.from(wire.body.toString().replace(/default_KID="[^"]{8}/, 'default_KID="00000000'));
      return true;
    },
  },
  { name: 'senc tells of one sample less', asset: 'cenc-keys', requirements: ['CENC-006', 'CENC-007'], spoil: inSenc((payload) => payload.writeUInt32BE(payload.readUInt32BE(4) - 1, 4)) },
  {
    name: 'a segment leaves in the clear',
    asset: 'cenc-keys',
    requirements: ['CENC-010', 'CENC-007'],
    async spoil(asked, wire) {
      if (!isVideoSegment(asked, 'mpd-time-csf')) return false;
      const box = find(readBoxes(wire.body).boxes, 'mdat');
      const clear = await asked.fetch(asked.path.replace('/cenc-keys/', '/elst-clear/').replace(',encryption=cenc', ''));
      const media = find(readBoxes(clear).boxes, 'mdat');
      if (box === undefined || media === undefined || box.size !== media.size) return false;
      wire.body = Buffer.concat([wire.body.subarray(0, box.start), clear.subarray(media.start)]);
      return true;
    },
  },
  {
    name: 'the clear lead ends a segment early',
    asset: 'lead-cenc',
    requirements: ['CENC-012'],
    async spoil(asked, wire) {
      if (!isVideoSegment(asked, 'mpd-time-cmaf') || !asked.path.includes('video=60000000,')) return false;
      // The same asset and key under a policy without a lead.
      wire.body = await asked.fetch(asked.path.replace('/lead-cenc/', '/samples/'));
      return true;
    },
  },
  {
    name: 'the envelope lacks its padding',
    asset: 'aes-keys',
    requirements: ['HLS-027', 'CENC-009'],
    spoil(asked, wire) {
      if (!isVideoSegment(asked, 'm3u8-aapl')) return false;
      wire.body = wire.body.subarray(0, wire.body.length - 16);
      return true;
    },
  },
];
