/** Track selections of filters: conditions that a track must meet, by its properties. */
import { IsomerError } from '../errors.ts';
import type { Filter } from './filter.ts';
import { isLanguageTag, languageTag } from './languages.ts';
import type { SwitchingSet, Track } from './presentation.ts';

/** As stored: what they name is checked when the filter is compiled. */
export type TrackCondition = { readonly property: string; readonly operation: string; readonly value: string };

/** One alternative: all conditions hold. */
export type TrackSelection = { readonly trackSelections: readonly TrackCondition[] };

type Select = (set: SwitchingSet, track: Track) => boolean;
/** From a condition's value to a test; null: the value is none of the property's. */
type Property = { readonly expected: string; compile(value: string): Select | null };

const KINDS: readonly string[] = ['video', 'audio', 'text'];
const BITRATES = /^\s*(\d{1,15})\s*(?:-\s*(\d{1,15})\s*)?$/;

/** Names and values are compared without case, but for the names of tracks: these are compared exactly, as in URLs. */
const PROPERTIES: ReadonlyMap<string, Property> = new Map<string, Property>([
  [
    'type',
    {
      expected: 'video, audio or text',
      compile(value) {
        const wanted = value.trim().toLowerCase();
        return KINDS.includes(wanted) ? ({ kind }) => kind === wanted : null;
      },
    },
  ],
  ['name', { expected: 'the name of a track', compile: (value) => (value === '' ? null : ({ name }) => name === value) }],
  [
    'language',
    {
      expected: 'an RFC 5646 tag, e.g. en',
      compile(value) {
        const wanted = value.trim();
        return isLanguageTag(wanted) ? ({ language }) => languageForm(language) === languageForm(wanted) : null;
      },
    },
  ],
  [
    'fourcc',
    {
      expected: 'a sample entry of four characters, e.g. avc1',
      compile(value) {
        const wanted = value.trim().toLowerCase();
        return /^[!-~]{4}$/.test(wanted) ? (_, { codec }) => codec.sampleEntry.toLowerCase() === wanted : null;
      },
    },
  ],
  [
    'bitrate',
    {
      expected: 'bits per second, e.g. 250000, or a range, e.g. 0-2427000',
      compile(value) {
        const match = BITRATES.exec(value);
        if (match === null) return null;
        const [least, most] = [Number(match[1]), Number(match[2] ?? match[1])];
        return least <= most ? (_, { bitrate }) => bitrate >= least && bitrate <= most : null;
      },
    },
  ],
]);

/** Stored codes have three letters (`eng`), filters mostly two (`en`); a track without language is `und`. */
function languageForm(language: string): string {
  return (languageTag(language) ?? 'und').toLowerCase();
}

/** Whether a filter keeps a track: any alternative, all of its conditions. */
export function compileTracks({ name, tracks }: Filter): Select {
  if (tracks.length === 0) return () => true;
  const alternatives = tracks.map(({ trackSelections }, i) => {
    const where = `tracks[${i}].trackSelections`;
    if (trackSelections.length === 0) throw invalid(name, where, 'at least one condition', 'none');
    const conditions = trackSelections.map((condition, j) => compileCondition(name, condition, `${where}[${j}]`));
    return (set: SwitchingSet, track: Track): boolean => conditions.every((holds) => holds(set, track));
  });
  return (set, track) => alternatives.some((holds) => holds(set, track));
}

function compileCondition(filter: string, { property, operation, value }: TrackCondition, where: string): Select {
  const row = PROPERTIES.get(property.toLowerCase());
  if (row === undefined) throw invalid(filter, `${where}.property`, 'Type, Name, Language, FourCC or Bitrate', property);
  const test = row.compile(value);
  if (test === null) throw invalid(filter, `${where}.value`, row.expected, value);
  switch (operation.toLowerCase()) {
    case 'equal':
      return test;
    case 'notequal':
      return (set, track) => !test(set, track);
    default:
      throw invalid(filter, `${where}.operation`, 'Equal or NotEqual', operation);
  }
}

function invalid(filter: string, where: string, expected: string, found: string): IsomerError {
  return new IsomerError('MPE_FILTER_TRACK_ATTRIBUTE_INVALID', { what: `filter ${filter}`, where, expected, found: JSON.stringify(found.slice(0, 64)) });
}
