/** What is done with a stream, and what has to come of it. A row is a template; the planner crosses them with content and players. */
import type { Scheme } from '../../spec/subjects.ts';
import type { FormatRow } from '../outputs.ts';
import type { Content } from './content.ts';
import { judgeCues, type JudgedCues } from './cues.ts';
import { lostSegment, missingOnce, slowNetwork } from './network.ts';
import type { NetworkFault } from './network.ts';
import type { Observation, ReasonKind, Step, TaskResult } from './model.ts';
import type { PlayerRow } from './players.ts';
import { cannotOpen } from './protection.ts';
import { THRESHOLDS } from './thresholds.ts';

export type Outcome = { readonly result: TaskResult; readonly observation: Observation; readonly content: Content };

/** Of what a short run plays with every player: outputs (in the main browser), or one for each protocol; in every browser, or in one; and whether a full one takes every asset, or one for each output. */
export type Breadth = { readonly everyOutput: boolean; readonly everyBrowser: boolean; readonly everyAsset: boolean };
const ALWAYS: Breadth = { everyOutput: true, everyBrowser: true, everyAsset: true };
const IN_BROWSERS: Breadth = { everyOutput: false, everyBrowser: true, everyAsset: true };
const OF_ASSETS: Breadth = { everyOutput: false, everyBrowser: false, everyAsset: true };
const SAMPLED: Breadth = { everyOutput: false, everyBrowser: false, everyAsset: false };

export type Template = {
  readonly id: string;
  readonly title: string;
  readonly breadth: Breadth;
  /** Which content it is about. */
  readonly of: (content: Content) => boolean;
  /** Why this cannot be asked; null: it can. */
  readonly cannot: (content: Content, format: FormatRow, player: PlayerRow) => string | null;
  /** Seconds at which the window begins. */
  readonly from: (content: Content) => number;
  /** Seconds in a row that have to be shown. */
  readonly seconds: number;
  readonly steps: (content: Content) => readonly Step[];
  /** Names of the language of the text that is to be shown; null: none. */
  readonly text: (content: Content) => readonly string[] | null;
  readonly fault: NetworkFault | null;
  /** What the template's own doing explains. */
  readonly tolerates: readonly ReasonKind[];
  /** What else has to be true: reasons why not. */
  readonly demands: (outcome: Outcome) => readonly string[];
  /** What a busy machine may have done, and leaves it open whether all is well. */
  readonly doubts: (outcome: Outcome) => readonly string[];
};

/** How many pictures there are to be is not known where renditions differ in it. */
const watch = (content: Content, seconds: number): Step => ({ do: 'watch', pictures: Object.keys(content.truth.strides).length > 0 ? 0 : Math.floor(seconds * content.frameRate), seconds });
const never = (): string | null => null;
const atStart = (): number => 0;
const isPlain = ({ protection, filtered }: Content): boolean => protection === null && !filtered;

function template(id: string, title: string, steps: Template['steps'], more: Partial<Template> = {}): Template {
  return { id, title, steps, breadth: SAMPLED, of: isPlain, cannot: never, from: atStart, seconds: 1, text: () => null, fault: null, tolerates: [], demands: () => [], doubts: () => [], ...more };
}

/** Boundaries from the back to the front, and a picture on each side; then forwards again to odd places. */
function seekFrames({ syncFrames, truth }: Content): readonly number[] {
  const some = [1, Math.floor(syncFrames.length / 2), syncFrames.length - 1].map((i) => syncFrames[i]).filter((frame) => frame !== undefined && frame > truth.first);
  const around = [...new Set(some)].toReversed().flatMap((frame) => [frame + 1, frame, frame - 1]);
  return [...around, truth.first, truth.first + Math.floor((truth.frames - truth.first) / 3), truth.frames - 4];
}

/** A player may go on, or say that it cannot; standing still in silence is neither. */
function goesOnOrSaysSo({ result, observation }: Outcome): readonly string[] {
  const said = result.recording.events.some(({ name }) => name === 'error');
  const wentOn = result.acts.every(({ ok }) => ok) && observation.framesSeen > 0;
  return said || wentOn ? [] : ['the player neither went on nor reported an error'];
}

const fewStalls = ({ observation }: Outcome): readonly string[] => (observation.stalls > THRESHOLDS.stalls.value ? [`playback stalled ${observation.stalls} times`] : []);

const smoothSwitch = (outcome: Outcome): readonly string[] => [
  ...fewStalls(outcome),
  ...outcome.observation.backwards.filter(([from, to]) => from - to > THRESHOLDS.switchBack.value).map(([from, to]) => `picture ${to} was shown after picture ${from}`),
];

/** What is read from outside (isBlind) comes without presentation times: seeking tells where it stands. */
function protectedTemplate(id: Scheme | 'clear-lead', title: string): Template {
  return template(id, title, (content) => [watch(content, 2.5), { do: 'seek', frames: boundary(content) }], {
    breadth: IN_BROWSERS,
    of: ({ protection }) => protection !== null && (protection.clearLead ? 'clear-lead' : protection.scheme) === id,
    seconds: 1.5,
    cannot: ({ protection }, format, { name }) => (protection === null ? null : cannotOpen(protection, format, name)),
  });
}

/** Around one boundary, backwards, and forwards. */
function boundary({ syncFrames, truth }: Content): readonly number[] {
  const middle = syncFrames[Math.floor(syncFrames.length / 2)] ?? truth.first;
  return [middle + 1, Math.max(truth.first, middle - 1), truth.frames - 4];
}

/** Fast enough for a whole asset, slow enough for browsers to keep up with the cues. */
const TEXT_SPEED = 2;
const cuesOf = ({ result: { recording }, observation, content }: Outcome): JudgedCues =>
  judgeCues(recording.cues, content.texts[0].cues, { until: content.seconds - 0.5, offset: (observation.offset ?? 0) / content.frameRate, frameRate: content.frameRate, videoStart: content.truth.videoStart });

/** Players that keep their cues in the element's own text tracks. */
const SHOW_TEXT: ReadonlySet<string> = new Set(['hls.js', 'dash.js', 'rx-player', 'shaka']);

export const TEMPLATES: readonly Template[] = [
  template('sequential', 'plays from the start, then seeks to segment boundaries, backwards and forwards, to the exact picture', (content) => [watch(content, 3), { do: 'seek', frames: seekFrames(content) }], { breadth: ALWAYS, seconds: 3 }),
  template('to-end', 'plays to the last picture and ends', () => [{ do: 'ended' }], {
    from: ({ seconds }) => Math.max(0, Math.floor(seconds) - 4),
    seconds: 2,
    demands: ({ result, observation, content }) => [
      ...(result.ended ? [] : ['the end was not announced']),
      ...((observation.last ?? 0) < content.truth.frames - 1 - THRESHOLDS.endFrames.value ? [`the last picture shown was ${observation.last} of ${content.truth.frames}`] : []),
    ],
  }),
  template('offset', 'starts in the middle', (content) => [watch(content, 2.5)], {
    from: ({ seconds }) => Math.floor(seconds / 2),
    seconds: 2,
    demands: ({ observation, content }) => ((observation.last ?? 0) < (Math.floor(content.seconds / 2) + 1) * content.frameRate ? ['pictures behind the start were not reached'] : []),
  }),
  template('pause', 'stands still when paused, and goes on where it was', (content) => [watch(content, 1.3), { do: 'pause', milliseconds: 700 }, watch(content, 1.2)], { seconds: 2 }),
  template(
    'quality',
    'switches quality up and down and stays on its timeline',
    (content) => [
      watch(content, 0.8),
      { do: 'quality', choose: 'lowest', rendition: content.qualities[0] },
      { do: 'quality', choose: 'highest', rendition: content.qualities[content.qualities.length - 1] },
      watch(content, 0.8),
      { do: 'quality', choose: 'lowest', rendition: content.qualities[0] },
      watch(content, 0.8),
    ],
    {
      cannot: ({ qualities }, _format, player) => (qualities.length < 2 ? 'the asset has one quality' : player.choosesQuality ? null : 'the player takes no choice of quality that shows within the asset'),
      // The buffer is emptied at a switch.
      tolerates: ['stall', 'silence', 'backwards'],
      demands: smoothSwitch,
    },
  ),
  template(
    'audio',
    'changes the language and stays on its timeline',
    (content) => [watch(content, 0.5), ...content.languages.slice(0, 2).map(({ language, pilot }): Step => ({ do: 'audio', languages: namesOf(language), pilot })), watch(content, 1)],
    {
      cannot: ({ languages }, { id }, player) =>
        languages.length < 2 ? 'the asset has one language' : id === 'hls-v3' ? 'this output has one audio track in each URL' : player.choosesAudio ? null : 'the player takes no choice of language that is heard within the asset',
      tolerates: ['stall', 'audio-change', 'silence', 'backwards'],
      demands: (outcome) => {
        const heard = outcome.observation.pilots.slice(-2).join(', ');
        const wanted = outcome.content.languages.slice(0, 2).map(({ pilot }) => pilot).join(', ');
        return [...smoothSwitch(outcome), ...(heard === wanted ? [] : [`pilots ${heard} Hz were heard last; ${wanted} were wanted`])];
      },
    },
  ),
  template('lost-segment', 'goes on when a segment is lost, or says that it cannot', (content) => [watch(content, 6)], {
    fault: lostSegment,
    seconds: 0.5,
    tolerates: ['error', 'stall', 'gap', 'short', 'silence', 'tone', 'startup', 'nothing'],
    demands: goesOnOrSaysSo,
  }),
  template('manifest-once', 'asks again for a manifest that was not there, or says that it is not', (content) => [watch(content, 1)], {
    fault: missingOnce,
    tolerates: ['error', 'short', 'silence', 'startup', 'nothing'],
    demands: goesOnOrSaysSo,
  }),
  template('text', 'shows every cue of a text track once and at its time', (content) => [{ do: 'run', rate: TEXT_SPEED, until: content.seconds - 0.5 }], {
    breadth: OF_ASSETS,
    of: (content) => isPlain(content) && content.texts.length > 0,
    cannot: (_content, _format, { name, module }) => (SHOW_TEXT.has(name) ? null : module === null ? 'the player keeps its cues where nobody else sees them' : 'text is asked of players that the suite knows'),
    text: ({ texts: [first] }) => namesOf(first.language),
    seconds: 2,
    // It is about the text; at twice the speed pictures are left out, and sound is stretched.
    tolerates: ['gap', 'short', 'time', 'silence', 'tone', 'sync', 'stall'],
    demands: (outcome) => cuesOf(outcome).wrong,
    doubts: (outcome) => cuesOf(outcome).untimely,
  }),
  protectedTemplate('aes-128', 'opens segments that are encrypted whole (AES-128), with a token for the key'),
  protectedTemplate('sample-aes', 'opens samples that are encrypted in transport streams (SAMPLE-AES)'),
  protectedTemplate('cenc', 'opens samples under Common Encryption (cenc) by a Clear Key licence, with a token for it'),
  protectedTemplate('cbcs', 'opens samples under Common Encryption (cbcs) by a Clear Key licence, with a token for it'),
  protectedTemplate('clear-lead', 'goes from a beginning in the clear over to encrypted samples (cenc, cbcs)'),
  protectedTemplate('piff', 'opens samples under the protection of Smooth Streaming (PIFF)'),
  template('filtered', 'plays what a filter leaves, from its start to its end, picture and sound as far apart as before', (content) => [watch(content, 3), { do: 'seek', frames: seekFrames(content) }], {
    breadth: OF_ASSETS,
    of: ({ protection, filtered }) => protection === null && filtered,
    seconds: 3,
    demands: ({ result: { recording }, content }) => {
      const off = (recording.duration ?? Infinity) - content.seconds;
      return Math.abs(off) <= THRESHOLDS.lengthOff.value ? [] : [`it lasts ${recording.duration ?? 'for ever'}; its pictures last ${content.seconds.toFixed(2)} s`];
    },
  }),
  template('slow', 'plays over a slow network', (content) => [watch(content, 3)], { fault: slowNetwork, seconds: 3, tolerates: ['stall'], demands: fewStalls }),
];

/** ISO 639-2, and the shortest forms, which players and manifests may use instead (RFC 5646 2.2.1). */
function namesOf(language: string): readonly string[] {
  const canonical = Intl.getCanonicalLocales(language);
  return [...new Set([language, ...canonical, ...canonical.map((name) => new Intl.Locale(name).language)])];
}
