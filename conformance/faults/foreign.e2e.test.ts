/**
 * The packagers of ffmpeg and Shaka, judged as strangers: their known faults are found under the right requirements, and nothing else fails. Each
 * entry says why it is a fault of theirs and none of ours.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { capture } from '../capture/capture.ts';
import { DEFAULT_LIMITS } from '../capture/request.ts';
import { traceReader } from '../capture/store.ts';
import { judge, type Verdicts } from '../judge.ts';
import { memoryStore } from '../mutants/judge-origin.ts';
import { openJudges, type Judges } from '../oracle/judges.ts';
import { loadTruth } from '../oracle/truth.ts';
import { CHECKS, loadRequirements } from '../registry.ts';
import { expandOrigin } from '../subject/origin.ts';
import { hasShakaPackager, MUXERS, packageWith, serveFolder, type Muxer, type StaticServer } from './foreign.ts';

const ffmpeg = process.env['FFMPEG_PATH'] ?? 'ffmpeg';
const hasFfmpeg = spawnSync(ffmpeg, ['-version']).status === 0;
const CORPUS = fileURLToPath(new URL('../../corpus/.assets', import.meta.url));
const checks = CHECKS.filter(({ id }) => !id.startsWith('decode/'));
const requirements = loadRequirements();

/** With one track of each kind the stored content is known; with more, a stranger's tracks have no names to know them by. */
const ASSETS = [
  { id: 'single-mp4', files: ['clip.mp4'], known: true },
  { id: 'h264-aac-mbr3', files: ['mbr3_640x360.mp4', 'mbr3_320x180.mp4', 'mbr3_audio.mp4'], known: false },
] as const;

type Known = {
  readonly muxer: string;
  readonly check: string;
  readonly requirement: string;
  /** Where the content has to be known to see it, or there has to be more than one quality. */
  readonly needs?: 'truth' | 'qualities';
  readonly why: string;
};

const KNOWN: readonly Known[] = [
  { muxer: 'dash', check: 'mpd/max-segment-duration', requirement: 'DASH-022', why: 'S@d is 6.006 s, maxSegmentDuration says PT6.0S' },
  { muxer: 'dash', check: 'mpd/presentation-duration', requirement: 'DASH-028', why: 'mediaPresentationDuration is cut to a tenth of a second, before the end of the tracks' },
  { muxer: 'dash', check: 'fmp4/language', requirement: 'BMFF-004', why: 'the MPD gives the language, mdhd says und' },
  { muxer: 'dash', check: 'mpd/bitstream-switching', requirement: 'DASH-033', needs: 'qualities', why: 'bitstreamSwitching is true on avc1 sets whose headers hold different parameter sets' },
  { muxer: 'hls-ts', check: 'hls/bandwidth-covers-peak', requirement: 'HLS-036', why: 'BANDWIDTH is computed from nominal bit rates, without the overhead of transport streams' },
  { muxer: 'hls-ts', check: 'ts/clock-gaps', requirement: 'TS-004', why: 'audio-only segments carry a clock reference every 171 ms' },
  { muxer: 'hls-fmp4', check: 'hls/key-frame-lists', requirement: 'HLS-066', why: 'the muxer writes no key-frame playlists, which the rules for Apple devices demand' },
  { muxer: 'hls-fmp4', check: 'media/samples-unchanged', requirement: 'BMFF-009', needs: 'truth', why: 'the edit list begins at media time 0 instead of behind the priming, so the priming frame is presented' },
  { muxer: 'hls-fmp4', check: 'media/borders', requirement: 'ISO-016', needs: 'truth', why: 'the priming frame again: every border is one frame later than stored' },
  { muxer: 'hls-fmp4', check: 'media/durations', requirement: 'BMFF-009', needs: 'truth', why: 'the priming frame again: durations are compared with those of the neighbour' },
  { muxer: 'hls-fmp4', check: 'media/times', requirement: 'ISO-001', needs: 'truth', why: 'empty edits move the whole presentation 45 ms and more behind its stored start' },
  { muxer: 'smooth', check: 'http/delivered', requirement: 'MSS-028', why: 'the manifest starts at 0, while the first fragments are named by the delay of their first picture' },
  { muxer: 'smooth', check: 'smooth/duration', requirement: 'MSS-027', why: 'Duration includes the delay, which the fragments leave out' },
  { muxer: 'smooth', check: 'smooth/language', requirement: 'MSS-013', needs: 'truth', why: 'the muxer writes no Language, though the file states one' },
  { muxer: 'shaka-dash', check: 'fmp4/first-presented', requirement: 'ISO-004', why: 'the priming of the sound is presented 1024 ticks before the time of its segment' },
  { muxer: 'shaka-dash', check: 'mpd/leaky-bucket', requirement: 'DASH-029', why: 'bandwidth is the peak of whole segments, and the default minBufferTime of 2 s does not cover a key frame at its front' },
  { muxer: 'shaka-hls', check: 'fmp4/first-presented', requirement: 'ISO-004', why: 'the priming of the sound is presented 1024 ticks before the time of its segment' },
  { muxer: 'shaka-hls', check: 'header/cmaf-order', requirement: 'CMAF-006', why: 'headers that claim cmfc write edts behind mdia' },
  { muxer: 'shaka-hls', check: 'hls/key-frame-stream-inf', requirement: 'HLS-048', why: 'EXT-X-I-FRAME-STREAM-INF carries CLOSED-CAPTIONS, which RFC 8216 4.3.4.3 takes from it' },
  { muxer: 'shaka-hls', check: 'hls/average-below-peak', requirement: 'HLS-037', needs: 'qualities', why: 'BANDWIDTH leaves the short last segment out, AVERAGE-BANDWIDTH counts it' },
  { muxer: 'shaka-hls', check: 'hls/bandwidth-covers-peak', requirement: 'HLS-036', needs: 'qualities', why: 'BANDWIDTH is the peak of single segments: the last two together have a higher rate' },
];

describe.skipIf(!hasFfmpeg)('a packager as an origin (skipped: no ffmpeg)', () => {
  const root = mkdtempSync(join(tmpdir(), 'isomer-foreign-'));
  let server: StaticServer;
  let judges: Judges;
  beforeAll(async () => {
    const schemas = process.env['ISOMER_SCHEMA_DIR'] ?? '';
    judges = await openJudges({ schemaDir: schemas === '' ? null : schemas, java: false });
    server = await serveFolder(root);
  });
  afterAll(async () => {
    await server.stop();
    rmSync(root, { recursive: true, force: true });
  });

  const verdicts = async (muxer: Muxer, { id, files, known }: (typeof ASSETS)[number]): Promise<Verdicts> => {
    await packageWith(muxer, ffmpeg, files.map((file) => join(CORPUS, id, file)), join(root, id, muxer.name));
    const { manifests } = await expandOrigin([`${server.url}/${id}/${muxer.name}/${muxer.manifest}`], DEFAULT_LIMITS);
    const store = memoryStore();
    const trace = await capture(store, { kind: 'origin', profile: 'generic', manifests: manifests.map((manifest) => ({ ...manifest, asset: id })), concurrency: 8 });
    const truth = known ? loadTruth(join(CORPUS, id)) : null;
    return judge({ reader: traceReader(trace, ({ body }) => store.get(body?.sha256 ?? '')), checks, requirements, truths: new Map(truth === null ? [] : [[id, truth]]), judges, expectations: [], suiteVersion: '0', kind: 'origin' });
  };

  it.for(MUXERS.flatMap((muxer) => ASSETS.map((asset) => [muxer.name, asset.id, muxer, asset] as const)))('%s of %s fails by its known faults alone', async ([name, , muxer, asset], context) => {
    if (name.startsWith('shaka') && !hasShakaPackager) context.skip('there is no shaka-packager for this machine');
    const { report, faults, details } = await verdicts(muxer, asset);
    expect(faults).toEqual([]);
    const failed = report.results.filter(({ outcome }) => outcome === 'fail');
    const wanted = KNOWN.filter((known) => known.muxer === name && (known.needs === undefined || (known.needs === 'truth') === asset.known));
    const strange = failed.filter(({ check }) => !wanted.some((known) => known.check === check)).map(({ id }) => details.find(({ result }) => result === id));
    expect(strange).toEqual([]);
    const found = failed.map(({ check, requirements: named }) => `${check} ${wanted.find((known) => known.check === check && named.includes(known.requirement))?.requirement}`);
    expect(found.toSorted()).toEqual(wanted.map(({ check, requirement }) => `${check} ${requirement}`).toSorted());
  });
});
