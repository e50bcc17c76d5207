/**
 * Filters of dynamic manifests (spec/filters.md): a presentation and filters give a smaller presentation of the same kind, so that no
 * manifest writer knows of filters. What filters leave out stays addressable: they act on manifests alone.
 */
import { IsomerError } from '../errors.ts';
import { combineRanges, trim, type PresentationTimeRange } from './filterrange.ts';
import { compileTracks, type TrackSelection } from './filtertracks.ts';
import type { Ticks } from '../time.ts';
import type { Presentation, SwitchingSet } from './presentation.ts';

export type Filter = {
  readonly name: string;
  readonly presentationTimeRange: PresentationTimeRange | null;
  /** `bitrate` is null when the filter does not give it, which is an error. */
  readonly firstQuality: { readonly bitrate: bigint | null } | null;
  /** Alternatives; empty: every track. */
  readonly tracks: readonly TrackSelection[];
};

export type FilterOptions = {
  /** The presentation's timelines are the window of an event that still runs. */
  readonly live: boolean;
};

/** Filters that a locator may carry (delivery: AMS). */
export const MAX_DEFAULT_FILTERS = 10;

/** The locator's filters, then the request's, each once; order and repetition change nothing. */
export function selectFilters(defaults: readonly string[], wanted: readonly string[], find: (name: string) => Filter | null): readonly Filter[] {
  if (defaults.length > MAX_DEFAULT_FILTERS) {
    throw new IsomerError('MPE_FILTER_COMPOSITION_FILTER_COUNT_OVER_LIMIT', { what: 'filters of the locator', expected: `at most ${MAX_DEFAULT_FILTERS}`, found: `${defaults.length}` });
  }
  return [...new Set([...defaults, ...wanted])].map((name) => {
    const filter = find(name);
    if (filter === null) throw new IsomerError('MPE_EGRESS_FILTER_NOT_FOUND', { what: defaults.includes(name) ? 'filter of the locator' : 'parameter filter', found: name });
    return filter;
  });
}

/** What makes filters give the same result: their content, for cache keys. Names matter because messages carry them. */
export function filtersText(filters: readonly Filter[]): string {
  return JSON.stringify(filters, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}

/** Refuses a filter that is wrong by itself, whatever it is applied to. */
export function checkFilter(filter: Filter): void {
  compileTracks(filter);
  combineRanges([filter]);
  firstQualityOf([filter]);
}

/** The intersection of all filters; refused when it is empty. */
export function applyFilters(presentation: Presentation, filters: readonly Filter[], options: FilterOptions): Presentation {
  if (filters.length === 0) return presentation;
  const selects = filters.map(compileTracks);
  const range = combineRanges(filters);
  const firstQuality = firstQualityOf(filters) ?? presentation.view?.firstQuality ?? null;
  const reference = presentation.view?.reference ?? referenceSet(presentation);
  const trimmed = trim(presentation.switchingSets, reference, range, options.live);
  const switchingSets = trimmed.switchingSets.flatMap((set): SwitchingSet[] => {
    const tracks = set.tracks.filter((track) => selects.every((select) => select(set, track)));
    if (tracks.length === 0) return [];
    return [tracks.length === set.tracks.length ? set : { ...set, tracks }];
  });
  if (switchingSets.length === 0) {
    throw new IsomerError('MPE_FILTER_REMOVED_ALL_STREAMS', {
      what: `filter ${filters.map(({ name }) => name).join(';')}`,
      where: presentation.asset,
      expected: 'a track with segments that all filters keep',
      found: trimmed.switchingSets.length === 0 ? 'no segment in the time range' : 'no track',
    });
  }
  return { ...presentation, switchingSets, view: { reference, start: latest(trimmed.start, presentation.view?.start ?? null), firstQuality } };
}

function latest(a: Ticks | null, b: Ticks | null): Ticks | null {
  if (a === null || b === null) return a ?? b;
  return a > b ? a : b;
}

/** The first video set; without video the first set. */
function referenceSet({ switchingSets }: Presentation): SwitchingSet {
  return switchingSets.find(({ kind }) => kind === 'video') ?? switchingSets[0];
}

function firstQualityOf(filters: readonly Filter[]): number | null {
  const choosing = filters.filter(({ firstQuality }) => firstQuality !== null);
  for (const { name, firstQuality } of choosing) {
    const bitrate = firstQuality?.bitrate ?? null;
    if (bitrate !== null && bitrate > 0n && bitrate <= BigInt(Number.MAX_SAFE_INTEGER)) continue;
    throw new IsomerError('MPE_FILTER_FIRST_QUALITY_ATTRIBUTE_INVALID', { what: `filter ${name}`, where: 'firstQuality.bitrate', expected: 'a bitrate in bits per second', found: bitrate === null ? 'none' : String(bitrate) });
  }
  if (choosing.length > 1) {
    throw new IsomerError('MPE_FILTER_COMPOSITION_MULTIPLE_FIRST_QUALITY_OPERATOR_NOT_ALLOWED', { expected: 'one filter with firstQuality', found: choosing.map(({ name }) => name).join(', ') });
  }
  const bitrate = choosing[0]?.firstQuality?.bitrate ?? null;
  return bitrate === null ? null : Number(bitrate);
}
