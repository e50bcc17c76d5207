/** A mutant is the good specimen with one fault, and the check that has to see it. */
import { CAPTION_MUTANTS } from './captions.ts';
import { DOCUMENT_MUTANTS } from './documents.ts';
import { MEDIA_MUTANTS } from './media.ts';
import { PROBE_MUTANTS } from './probes.ts';
import { SOUND_MUTANTS } from './sound.ts';
import { STRICT_MUTANTS } from './strict.ts';
import { TEXT_MUTANTS } from './texts.ts';
import { VIDEO_MUTANTS } from './video.ts';
import type { Origin } from './origin.ts';

export type Mutant = {
  readonly check: string;
  readonly name: string;
  readonly change: (origin: Origin) => void;
  /** The check is about a SHOULD, or the format deviates: it warns. */
  readonly warns?: boolean;
};

export const MUTANTS: readonly Mutant[] = [...DOCUMENT_MUTANTS, ...MEDIA_MUTANTS, ...PROBE_MUTANTS, ...STRICT_MUTANTS, ...SOUND_MUTANTS, ...TEXT_MUTANTS, ...VIDEO_MUTANTS, ...CAPTION_MUTANTS];
