/** What goes wrong between origin and player. Told by what is served, so that it works with any origin's URLs. */
import type { Asked, Fault, Wire } from '../faults/proxy.ts';

/** A fault with a memory of its own for each replay. */
export type NetworkFault = () => Fault;

const LATENCY_MS = 150;
const BITS_PER_SECOND = 3_000_000;

const isGet = ({ method }: Asked, { status }: Wire): boolean => method === 'GET' && status < 300;

/** A fragment (ISO/IEC 14496-12 8.8.4) or transport packets, with pictures as the origin says. */
function isVideoSegment(asked: Asked, wire: Wire): boolean {
  if (!isGet(asked, wire) || !/^video\//i.test(wire.headers['content-type'] ?? '')) return false;
  return wire.body[0] === 0x47 || wire.body.subarray(0, 4096).includes('moof');
}

function isManifest(asked: Asked, wire: Wire): boolean {
  return isGet(asked, wire) && /^\uFEFF?\s*(?:#EXTM3U|<\?xml|<MPD|<SmoothStreamingMedia)/.test(wire.body.subarray(0, 64).toString());
}

function refuse(wire: Wire): true {
  wire.status = 404;
  wire.body = Buffer.from('not found');
  wire.headers['content-type'] = 'text/plain';
  return true;
}

/** The second video segment that is asked for is never there. */
export const lostSegment: NetworkFault = () => {
  const paths: string[] = [];
  return {
    name: 'a segment is lost',
    requirements: [],
    spoil(asked, wire) {
      if (!isVideoSegment(asked, wire)) return false;
      if (!paths.includes(asked.path)) paths.push(asked.path);
      return asked.path === paths[1] && refuse(wire);
    },
  };
};

export const missingOnce: NetworkFault = () => {
  let gone = false;
  return {
    name: 'the manifest is missing once',
    requirements: [],
    spoil(asked, wire) {
      if (gone || !isManifest(asked, wire)) return false;
      gone = true;
      return refuse(wire);
    },
  };
};

export const slowNetwork: NetworkFault = () => ({
  name: 'the network is slow',
  requirements: [],
  async spoil(_asked, wire) {
    await new Promise((resolve) => {
      setTimeout(resolve, LATENCY_MS + (wire.body.length * 8000) / BITS_PER_SECOND);
    });
    return true;
  },
});
