/**
 * Native clients as players: ffmpeg, GStreamer and VLC play every output from the first picture to the last, as fast as they can.
 * What a browser shows in a window of seconds they show whole, and they decode what no browser does.
 */
import type { ReplayDetail, ReplayRow } from '../../spec/replay.ts';
import { FORMAT_IDS } from '../../spec/requirement.ts';
import type { Truth } from '../../spec/truth.ts';
import { messageOf } from '../fault.ts';
import { hlsOptions, nativeVersion, playWithFfmpeg, playWithGStreamer, playWithVlc, type Played } from '../native.ts';
import { carriesCodec, formatRow } from '../outputs.ts';
import { DEFECTS, defectBehind, staleDefect, type Defect } from './defects.ts';
import { createGate } from './gate.ts';
import { judgeWhole, type WholeTruth } from './whole.ts';
import type { ManifestFormat } from './model.ts';
import type { PlanTarget } from './plan.ts';

export type NativeName = 'ffmpeg' | 'gstreamer' | 'vlc';
type Task = { readonly url: string; readonly kind: ManifestFormat; readonly sound: boolean; readonly older: boolean; readonly size: { readonly width: number; readonly height: number } };
type NativeRow = {
  readonly name: NativeName;
  readonly kinds: readonly ManifestFormat[];
  /** Pictures that its own machinery may leave out at the two ends together. */
  readonly edges: number;
  /** Whether what it plays can be heard. */
  readonly hears: boolean;
  /** Why the client cannot play such content in such an output at all. */
  readonly cannot: (kind: ManifestFormat, sampleEntries: readonly string[]) => string | null;
  readonly play: (task: Task) => Promise<Played>;
};

/** [MS-SSTR] 2.2.2.5 names H264 and WVC1; these clients know no other FourCC for pictures. */
function hevcInSmooth(kind: ManifestFormat, sampleEntries: readonly string[]): string | null {
  return kind === 'smooth' && sampleEntries.some((entry) => /^h(vc|ev)1$/.test(entry)) ? 'the client knows no FourCC of HEVC in Smooth Streaming' : null;
}

/** In reports they stand where browsers do. */
export const NATIVE = 'native';
export const WHOLE = { id: 'whole', title: 'a native client plays the whole as fast as it can: every picture once and in order, every second of the sound' };

/**
 * Of GStreamer 1.22: decodebin3 gives up a text track beside pictures ("Switching from passthrough to parsebin"), hlsdemux2 a codec string of DTS-HD inside a variant.
 * Its older demuxers play both; they lose DTS-HD that has a stream of its own.
 */
function wantsOlder({ format, content: { texts, sampleEntries } }: PlanTarget): boolean {
  return texts.length > 0 || (format === 'hls-v3' && sampleEntries.some((entry) => /^dts[ehl]$/.test(entry)));
}

const never = (): null => null;
const SILENT = { sound: new Int16Array(0), soundRate: 1 };

export const NATIVE_CLIENTS: readonly NativeRow[] = [
  // ffmpeg has no client for Smooth Streaming.
  { name: 'ffmpeg', kinds: ['hls', 'dash'], edges: 0, hears: true, cannot: never, play: async ({ url, kind, sound }) => playWithFfmpeg(url, { sound }, kind === 'hls' ? await hlsOptions() : []) },
  { name: 'gstreamer', kinds: ['hls', 'dash', 'smooth'], edges: 0, hears: true, cannot: hevcInSmooth, play: ({ url, sound, older }) => playWithGStreamer(url, { sound, older }) },
  // Its lowest quality would be the one without pictures.
  { name: 'vlc', kinds: ['hls', 'dash', 'smooth'], edges: 2, hears: false, cannot: hevcInSmooth, play: async ({ url, size }) => ({ ...(await playWithVlc(url, size, 'highest')), ...SILENT }) },
];

/** What every player decodes; assets with anything else are always played. */
const COMMON = /^(avc1|mp4a)$/;
/** Whoever cannot be heard has nothing to say of the others. */
const PICTURES = /^(avc|hvc|hev)/;
/** gst-launch loses a race at its start now and then, whatever it plays. */
const TRIES = 3;
/** What fails later has not failed at its start. */
const LOSES_NO_RACE_MS = 15_000;

export type NativeInput = {
  readonly targets: readonly PlanTarget[];
  readonly truths: ReadonlyMap<string, Truth>;
  readonly tier: 'ci' | 'full';
  readonly clients?: readonly string[];
  readonly cores: number;
  readonly defects?: readonly Defect[];
  readonly note: (line: string) => void;
};

export type NativeReplays = { readonly rows: readonly ReplayRow[]; readonly details: readonly ReplayDetail[]; readonly versions: Readonly<Record<string, string>>; readonly staleDefects: readonly string[] };

type Run = { readonly client: NativeRow; readonly target: PlanTarget; readonly truth: Truth; readonly cannot: string | null };

export async function playNatively({ targets, truths, tier, clients, cores, defects = DEFECTS, note }: NativeInput): Promise<NativeReplays> {
  const versions: Record<string, string> = {};
  for (const { name } of NATIVE_CLIENTS.filter((client) => clients?.includes(client.name) !== false)) {
    const version = await nativeVersion(name);
    if (version === null) note(`this machine has no ${name}: its replays stay untested`);
    else versions[name] = version;
  }
  const runs = NATIVE_CLIENTS.filter(({ name }) => Object.hasOwn(versions, name)).flatMap((client) => planWhole(client, targets, truths, tier));
  const gate = createGate(cores);
  const played = await Promise.all(
    runs.map(async (run) => {
      const result = run.cannot === null ? await gate.take(1, () => playWhole(run, defects)) : { row: rowOf(run, 'inapplicable', [run.cannot]), detail: null };
      if (run.cannot === null) note(`${result.row.outcome} ${result.row.id}${result.row.messages.length === 0 ? '' : `: ${result.detail?.reasons.join('; ').slice(0, 300)}`}`);
      return result;
    }),
  );
  return {
    rows: played.map(({ row }) => row),
    details: played.flatMap(({ detail }) => (detail === null ? [] : [detail])),
    versions,
    staleDefects: played.flatMap(({ row }, i) => staleDefect(cellOf(runs[i]), row, defects)),
  };
}

/** In a short run one asset stands for those of plain codecs in each output, the one with most pictures, since it has most to lose; of the others as many in each protocol's newest output as it takes to have every codec. */
export function planWhole(client: NativeRow, targets: readonly PlanTarget[], truths: ReadonlyMap<string, Truth>, tier: 'ci' | 'full'): readonly Run[] {
  const known = targets.flatMap((target) => {
    const truth = truths.get(target.content.asset);
    return truth === undefined || !client.kinds.includes(formatRow(target.format).kind) ? [] : [{ client, target, truth, cannot: cannotWhole(client, target) }];
  });
  if (tier === 'full') return known;
  const isPlain = ({ target: { content } }: Run): boolean => content.sampleEntries.every((entry) => COMMON.test(entry));
  const order = known.toSorted((a, b) => Number(isPlain(a)) - Number(isPlain(b)) || (isPlain(a) ? b.target.content.truth.frames - a.target.content.truth.frames : 0));
  const newest = new Map(known.toSorted((a, b) => FORMAT_IDS.indexOf(a.target.format) - FORMAT_IDS.indexOf(b.target.format)).map(({ target: { format } }) => [formatRow(format).kind, format]));
  const chosen = [...Map.groupBy(order, ({ target }) => target.format)].flatMap(([format, runs]) => {
    const had = new Set<string>();
    const first = runs.find(isPlain);
    if (newest.get(formatRow(format).kind) !== format) return first ?? [];
    return runs.filter((run) => {
      const fresh = run.target.content.sampleEntries.filter((entry) => !COMMON.test(entry) && (client.hears || PICTURES.test(entry)) && !had.has(entry));
      for (const entry of run.cannot === null ? fresh : []) had.add(entry);
      return run === first || fresh.length > 0;
    });
  });
  return known.filter((run) => chosen.includes(run));
}

function cannotWhole({ cannot }: NativeRow, { format, content, refusal }: PlanTarget): string | null {
  if (refusal !== undefined) return `the origin refuses this output, as it has to: ${refusal}`;
  return cannot(formatRow(format).kind, content.sampleEntries);
}

async function playWhole(run: Run, defects: readonly Defect[]): Promise<{ readonly row: ReplayRow; readonly detail: ReplayDetail }> {
  const { client, target, truth } = run;
  const began = performance.now();
  const whole = wholeTruth(run);
  const largest = truth.tracks.filter(({ kind }) => kind === 'video').toSorted((a, b) => (b.bitrate ?? 0) - (a.bitrate ?? 0))[0].codec;
  const task: Task = { url: target.url, kind: formatRow(target.format).kind, sound: whole.audioSeconds > 0, older: wantsOlder(target), size: { width: largest.width ?? 0, height: largest.height ?? 0 } };
  let judged: ReturnType<typeof judgeWhole> | { readonly reasons: readonly string[]; readonly observation: null } = { reasons: [], observation: null };
  let attempts = 0;
  do {
    attempts++;
    judged = await client.play(task).then(
      (played) => judgeWhole(played, whole),
      (error: unknown) => ({ reasons: [`the client failed: ${firstLines(messageOf(error))}`], observation: null }),
    );
  } while (judged.observation === null && attempts < TRIES && performance.now() - began < LOSES_NO_RACE_MS);
  const defect = judged.reasons.length > 0 ? defectBehind(cellOf(run), judged.reasons, defects) : null;
  const row = rowOf(run, judged.reasons.length === 0 ? 'pass' : defect === null ? 'fail' : 'warn', judged.reasons.map((reason) => reason.replace(/-?\d+(?:\.\d+)?(?:(?:-|, )-?\d+(?:\.\d+)?)*/g, 'n')));
  return {
    row: defect === null ? row : { ...row, known: { reason: defect.statement, bug: defect.reference } },
    detail: { id: row.id, milliseconds: Math.round(performance.now() - began), attempts, infrastructure: 0, reasons: [...judged.reasons], observation: judged.observation, evidence: null },
  };
}

function wholeTruth({ client, target, truth }: Run): WholeTruth {
  const replay = target.content.truth;
  const first = truth.tracks.find(({ kind, pictures }) => kind === 'video' && pictures !== null)?.pictures?.first ?? 0;
  const heard = client.hears ? truth.tracks.filter(({ kind, pilot, codec }) => kind === 'audio' && pilot !== null && carriesCodec(target.format, codec.rfc6381)) : [];
  const lengths = heard.map(({ samples, timescale }) => (samples.pt[samples.pt.length - 1] - Math.max(0, samples.pt[0])) / timescale);
  return { first, count: replay.frames - first, renditions: replay.renditions, strides: replay.strides, pilots: [...new Set(heard.map(({ pilot }) => pilot ?? 0))], audioSeconds: lengths.length === 0 ? 0 : Math.min(...lengths), tones: replay.secondTones, edges: client.edges };
}

const cellOf = ({ client, target }: Run) => ({ player: client, browser: NATIVE, target, template: WHOLE });

function rowOf({ client, target }: Run, outcome: ReplayRow['outcome'], messages: readonly string[]): ReplayRow {
  return { id: `${WHOLE.id} ${target.content.asset}/${target.format} ${client.name} ${NATIVE}`, template: WHOLE.id, asset: target.content.asset, format: target.format, player: client.name, browser: NATIVE, codecs: [...target.content.sampleEntries], outcome, messages: [...messages] };
}

/** Without the command line, which names this machine's places. */
function firstLines(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('Command failed'));
  return (lines.slice(0, 3).join(' ') || 'no end in time').slice(0, 250);
}
