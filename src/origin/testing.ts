/** A small published world for tests: one asset with two tracks, formats that write what they were given, no media. */
import { generateKeyPairSync, sign } from 'node:crypto';
import type { Format, SegmentPlan } from '../formats.ts';
import { NO_LOG } from '../log.ts';
import type { Presentation, SwitchingSet, Track } from '../model/presentation.ts';
import { tableOf } from '../model/testing.ts';
import { timelineOf } from '../model/timeline.ts';
import { IsomerError } from '../errors.ts';
import { ContentKey } from '../protection/contentkey.ts';
import type { ReadableSource } from './body.ts';
import { FOLDER_CATALOG } from './catalog.ts';
import { createProtector } from './encryption.ts';
import type { HandlerDeps, Library } from './handler.ts';
import { createPool } from './pool.ts';
import { createTextCache } from './texts.ts';

const NOTHING = new Uint8Array();

function trackOf(bitrate: number, kind: 'video' | 'audio'): Track {
  return {
    bitrate,
    codec:
      kind === 'audio'
        ? { kind, family: 'aac', sampleEntry: 'mp4a', rfc6381: 'mp4a.40.2', sampleRate: 48000, channels: 2, config: NOTHING }
        : {
            kind,
            family: 'avc',
            sampleEntry: 'avc1',
            rfc6381: 'avc1.64001f',
            width: 640,
            height: 360,
            sampleAspectRatio: { numerator: 1, denominator: 1 },
            parameterSets: [],
            nalLengthSize: 4,
            videoRange: 'SDR',
          },
    timescale: 1000,
    sampleEntry: NOTHING,
    samples: tableOf({ durations: [6006, 6006, 3003] }),
    cuts: Uint32Array.of(0, 1, 2, 3),
    frameRate: null,
    inBandSets: false,
    source: 'media.bin',
  };
}

function setOf(name: string, kind: 'video' | 'audio', bitrates: readonly number[]): SwitchingSet {
  const timeline = timelineOf(BigInt64Array.of(0n, 6006n, 12012n, 15015n), 1000);
  return { name, kind, language: 'eng', label: null, roles: [], accessibility: [], timeline, tracks: bitrates.map((bitrate) => trackOf(bitrate, kind)) };
}

export const PRESENTATION: Presentation = {
  asset: 'ignite',
  version: 'v1',
  switchingSets: [setOf('aac_eng_2', 'audio', [128041]), setOf('video', 'video', [3579827, 381048])],
};

/** Byte i of a source is the low byte of i times a prime: any misplaced read shows. */
export function patternByte(position: number): number {
  return (position * 167 + (position >>> 8)) & 0xff;
}

export type TestSource = ReadableSource & { readonly reads: readonly { offset: number; length: number }[]; readonly reading: number };

/** `wait` runs before each read completes and may reject. */
export function patternSource(wait: (read: number) => Promise<void> = () => Promise.resolve()): TestSource {
  const reads: { offset: number; length: number }[] = [];
  let reading = 0;
  return {
    reads,
    get reading() {
      return reading;
    },
    async read(offset, target) {
      reads.push({ offset, length: target.length });
      reading++;
      try {
        await wait(reads.length);
        for (let i = 0; i < target.length; i++) target[i] = patternByte(offset + i);
      } finally {
        reading--;
      }
    },
  };
}

const HEAD_BYTES = Uint8Array.of(1, 2, 3, 4);

export type WorldOptions = {
  readonly segmentBytes?: number;
  readonly source?: ReadableSource;
  readonly plan?: SegmentPlan;
  readonly deps?: Partial<HandlerDeps>;
};

export type World = { readonly deps: HandlerDeps; readonly opens: readonly string[]; readonly leases: () => number };

/** Published as `/films/ignite/ignite.ism`. */
export function makeWorld({ segmentBytes = 1000, source = patternSource(), plan, deps }: WorldOptions = {}): World {
  let leases = 0;
  const opens: string[] = [];
  const library: Library = {
    async open(folder, name) {
      opens.push(`${folder}|${name}`);
      await Promise.resolve();
      if (folder === 'broken') throw new Error('cannot open /srv/media/broken/x.mp4');
      if (folder !== 'films/ignite' || name !== 'ignite') throw new IsomerError('MPE_RESOURCE_NOT_FOUND', { where: folder });
      leases++;
      return {
        asset: { presentation: PRESENTATION, sources: new Map([['media.bin', source]]) },
        release: () => {
          leases--;
        },
      };
    },
  };
  const segment = plan ?? { kind: 'copy', head: HEAD_BYTES, ranges: [{ source: 'media.bin', offset: 100, length: segmentBytes - HEAD_BYTES.length }] };
  return {
    opens,
    leases: () => leases,
    deps: {
      catalog: FOLDER_CATALOG,
      library,
      protector: createProtector({ keyDeliveryUrl: 'https://keys.example/', readKey: (id, stored) => new ContentKey(id, Buffer.from(stored, 'base64')) }),
      formats: [formatOf('smooth', ['', 'fmp4'], segment), hlsOf(segment), { ...formatOf('dash-csf', ['mpd-time-csf'], segment), writeInit: (set) => Buffer.from(`init ${set.name}`) }],
      page: null,
      files: { open: () => Promise.reject(new IsomerError('MPE_STORAGE_RESOURCE_NOT_FOUND', {})) },
      metrics: null,
      pagePolicy: "default-src 'self'",
      pool: createPool(),
      texts: createTextCache(2 ** 25),
      settings: { maxAge: 259_200, audioOnly: false, segmentSuffix: false, generation: 'test' },
      log: NO_LOG,
      now: () => Date.UTC(2026, 0, 1),
      secrets: [],
      ...deps,
    },
  };
}

function formatOf(id: Format['id'], tags: readonly string[], plan: SegmentPlan): Format {
  return {
    id,
    tags,
    title: id,
    manifest: { kind: 'mpd', mime: `application/${id}`, suffix: '' },
    container: 'fmp4',
    sampleForm: 'stored',
    families: ['avc', 'aac'],
    muxed: false,
    writeManifest: ({ asset }, parameters) => `${id} ${asset} ${JSON.stringify(parameters)}\n`,
    planSegment: () => plan,
    mimeOf: ({ kind }) => ({ init: `${kind}/mp4`, segment: `${kind}/mp4` }),
  };
}

function hlsOf(plan: SegmentPlan): Format {
  return {
    ...formatOf('hls-v3', ['m3u8-aapl', 'm3u8-aapl-v4'], plan),
    muxed: true,
    writePlaylist: (_, set, track, parameters) => `playlist ${set.name} ${track.bitrate} ${JSON.stringify(parameters)}\n`,
    writeKeyFramePlaylist: (_, set, track) => `keyframes ${set.name} ${track.bitrate}\n`,
    planKeyFrame: (_, __, time) => (time === 20_020_000n ? plan : null),
    mimeOf: () => ({ init: '', segment: 'video/mp2t' }),
  };
}

function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Uint8Array.of(tag, ...head), body]);
}

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const UTC_TIME = 0x17;
const ECDSA_SHA256 = der(SEQUENCE, der(0x06, Buffer.from('2a8648ce3d040302', 'hex')));
const COMMON_NAME = der(SEQUENCE, der(0x31, der(SEQUENCE, der(0x06, Buffer.from('550403', 'hex')), der(0x0c, Buffer.from('localhost')))));
const VALIDITY = der(SEQUENCE, der(UTC_TIME, Buffer.from('200101000000Z')), der(UTC_TIME, Buffer.from('491231235959Z')));

/** PEM texts of a self-signed certificate and its key, as DER by hand: Node has no maker of certificates (RFC 5280 4.1). */
export function selfSigned(): { readonly cert: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const version3 = der(0xa0, der(INTEGER, Uint8Array.of(2)));
  const subject = publicKey.export({ type: 'spki', format: 'der' });
  const body = der(SEQUENCE, version3, der(INTEGER, Uint8Array.of(1)), ECDSA_SHA256, COMMON_NAME, VALIDITY, COMMON_NAME, subject);
  const signature = der(0x03, Uint8Array.of(0), sign('sha256', body, privateKey));
  const text = der(SEQUENCE, body, ECDSA_SHA256, signature).toString('base64').replace(/(.{64})/g, '$1\n');
  return { cert: `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`, key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })) };
}
