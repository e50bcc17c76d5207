/**
 * Checks judge views of a trace. A check is a pure function of its context, so the same trace always gets the same verdict,
 * offline.
 */
import type { FormatId } from '../spec/requirement.ts';
import type { Evidence, Outcome } from '../spec/report.ts';
import type { KeyRing } from './oracle/keys.ts';
import type { Judges } from './oracle/judges.ts';
import type { TruthView } from './oracle/truth.ts';
import type { Profile, TraceReader } from './trace.ts';
import type { View } from './view.ts';

export type Finding = {
  readonly outcome: Exclude<Outcome, 'untested'>;
  /** Where in the subject, e.g. `segment/video@640000/t=0`. */
  readonly path: string;
  /** Own words, one line, without values. Empty for a pass. */
  readonly message: string;
  readonly wanted?: string;
  readonly actual?: string;
  readonly evidence?: readonly Evidence[];
};

export type Context = {
  readonly asset: string;
  /** Media in the clear, where they are enciphered and the keys are known. */
  readonly reader: TraceReader;
  /** Everything as it was on the wire. */
  readonly wire: TraceReader;
  readonly keys: KeyRing;
  readonly profile: Profile;
  /** All outputs of the asset that were captured. */
  readonly views: ReadonlyMap<FormatId, View>;
  readonly truth: TruthView | null;
  /** Seconds at the beginning of encrypted tracks that are sent in the clear, as who set it up says; null: nobody does. */
  readonly clearLead: number | null;
  readonly judges: Judges;
};

export type FormatContext = Context & { readonly format: FormatId; readonly view: View };

/** Findings tell what was examined: at least one `pass` per thing that holds. Nothing examined means inapplicable. */
type Findings = readonly Finding[] | Promise<readonly Finding[]>;

type CheckCommon = {
  readonly id: string;
  readonly requirements: readonly string[];
  /** States a fact, at most 100 characters. */
  readonly title: string;
  readonly level: 'must' | 'should';
  /** Judges only origins that promise the AMS shapes. */
  readonly amsOnly?: boolean;
};

export type FormatCheck = CheckCommon & {
  readonly scope: 'format';
  readonly formats: readonly FormatId[];
  run(context: FormatContext): Findings;
};

export type AssetCheck = CheckCommon & {
  readonly scope: 'asset';
  run(context: Context): Findings;
};

export type Check = FormatCheck | AssetCheck;

export const HLS: readonly FormatId[] = ['hls-v3', 'hls-v4', 'hls-cmaf'];
export const DASH: readonly FormatId[] = ['dash-csf', 'dash-cmaf'];
export const CMAF: readonly FormatId[] = ['hls-cmaf', 'dash-cmaf'];
export const FMP4: readonly FormatId[] = ['hls-cmaf', 'dash-csf', 'dash-cmaf', 'smooth'];
export const ALL: readonly FormatId[] = ['hls-v3', 'hls-v4', 'hls-cmaf', 'dash-csf', 'dash-cmaf', 'smooth'];

export function pass(path: string): Finding {
  return { outcome: 'pass', path, message: '' };
}

export function fail(path: string, message: string, detail: Omit<Finding, 'outcome' | 'path' | 'message'> = {}): Finding {
  return { outcome: 'fail', path, message, ...detail };
}

export function cantTell(path: string, message: string, detail: Omit<Finding, 'outcome' | 'path' | 'message'> = {}): Finding {
  return { outcome: 'cantTell', path, message, ...detail };
}

export function inapplicable(path: string, message: string): Finding {
  return { outcome: 'inapplicable', path, message };
}
