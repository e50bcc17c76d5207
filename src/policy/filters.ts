/** Account and asset filters as the REST API writes them, to the model's values. One bad filter spoils nothing but itself. */
import { z } from 'zod';
import { IsomerError } from '../errors.ts';
import { checkFilter, type Filter } from '../model/filter.ts';
import { DEFAULT_FILTER_TIMESCALE } from '../model/filterrange.ts';
import { misplaced, readShape } from './json.ts';
import { FilterName, Long, resource } from './values.ts';

const PresentationTimeRange = z.strictObject({
  startTimestamp: Long.nullish(),
  endTimestamp: Long.nullish(),
  presentationWindowDuration: Long.nullish(),
  liveBackoffDuration: Long.nullish(),
  timescale: Long.nullish(),
  forceEndTimestamp: z.boolean().nullish(),
});

const FilterProperties = z.strictObject({
  presentationTimeRange: PresentationTimeRange.nullish(),
  firstQuality: z.strictObject({ bitrate: Long.nullish() }).nullish(),
  tracks: z
    .array(
      z.strictObject({
        trackSelections: z.array(z.strictObject({ property: z.string(), operation: z.string(), value: z.union([z.string().max(1024), z.number().transform(String)]) })).max(100),
      }),
    )
    .max(100)
    .nullish(),
});

/** Filters of one list: by name, each usable or the reason why not. */
export type FilterTable = ReadonlyMap<string, Filter | IsomerError>;

/** The shape of the list; what is inside `properties` is judged filter by filter. */
export const FilterList = z.array(resource(FilterName, z.unknown()));

export const MAX_FILTERS = 100;

/** `note` gets what is wrong with single filters, which then fail when they are asked for. */
export function readFilters(list: z.infer<typeof FilterList>, file: string, key: string, note: (message: string) => void): FilterTable {
  if (list.length > MAX_FILTERS) throw misplaced(file, [key], `at most ${MAX_FILTERS} filters`);
  const table = new Map<string, Filter | IsomerError>();
  list.forEach(({ name, properties }, i) => {
    if (table.has(name)) throw misplaced(file, [key, i, 'name'], 'a name that no other filter has');
    const entry = readFilter(name, properties, file, [key, i, 'properties']);
    if (entry instanceof IsomerError) note(`${file}: ${entry.message}`);
    table.set(name, entry);
  });
  return table;
}

function readFilter(name: string, properties: unknown, file: string, path: readonly PropertyKey[]): Filter | IsomerError {
  try {
    const { presentationTimeRange, firstQuality, tracks } = readShape(FilterProperties, properties ?? {}, file, path);
    const filter: Filter = {
      name,
      presentationTimeRange: presentationTimeRange == null ? null : rangeOf(presentationTimeRange),
      firstQuality: firstQuality == null ? null : { bitrate: firstQuality.bitrate ?? null },
      tracks: tracks ?? [],
    };
    checkFilter(filter);
    return filter;
  } catch (error) {
    if (!(error instanceof IsomerError)) throw error;
    // A wrong shape has no AMS code of its own kind; wrong values have.
    return error.code === 'ISOMER_POLICY_FILE' ? new IsomerError('MPE_FILTER_INVALID', { ...error.detail, what: `filter ${name}` }) : error;
  }
}

function rangeOf(range: z.infer<typeof PresentationTimeRange>): NonNullable<Filter['presentationTimeRange']> {
  return {
    startTimestamp: range.startTimestamp ?? null,
    endTimestamp: range.endTimestamp ?? null,
    presentationWindowDuration: range.presentationWindowDuration ?? null,
    liveBackoffDuration: range.liveBackoffDuration ?? null,
    timescale: range.timescale ?? DEFAULT_FILTER_TIMESCALE,
    forceEndTimestamp: range.forceEndTimestamp ?? false,
  };
}
