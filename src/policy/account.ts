/** `isomer.json` at the root, `asset.json` in an asset's folder: what they may hold, and what must fit together inside. */
import { z } from 'zod';
import { FilterList, readFilters, type FilterTable } from './filters.ts';
import { misplaced, parseJson, readShape } from './json.ts';
import { ContentKeyPolicyResource, type ContentKeyPolicy } from './keys.ts';
import { StreamingLocatorResource, type StreamingLocator } from './locators.ts';
import { keyLabels, keyPolicyNames, PREDEFINED_POLICIES, StreamingPolicyResource, type StreamingPolicy } from './streaming.ts';

export const ACCOUNT_FILE = 'isomer.json';
export const ASSET_FILE = 'asset.json';
/** Bytes. 10 000 locators are about 3 MB. */
export const MAX_ACCOUNT_BYTES = 8 * 1024 * 1024;
export const MAX_ASSET_BYTES = 1024 * 1024;

const MAX_LOCATORS_PER_ASSET = 100;
const MAX_POLICIES = 100;

const AccountFile = z.strictObject({
  $schema: z.string().optional(),
  streamingLocators: z.array(StreamingLocatorResource).default([]),
  streamingPolicies: z.array(StreamingPolicyResource).max(MAX_POLICIES).default([]),
  contentKeyPolicies: z.array(ContentKeyPolicyResource).max(MAX_POLICIES).default([]),
  accountFilters: FilterList.default([]),
});

const AssetFile = z.strictObject({ $schema: z.string().optional(), assetFilters: FilterList.default([]) });

export type Account = {
  /** By GUID (lower case) and by name. */
  readonly locators: ReadonlyMap<string, StreamingLocator>;
  /** With the predefined ones. */
  readonly streamingPolicies: ReadonlyMap<string, StreamingPolicy>;
  readonly contentKeyPolicies: ReadonlyMap<string, ContentKeyPolicy>;
  readonly filters: FilterTable;
};

export type Note = (message: string) => void;

/** `file` names it in messages. */
export function readAccount(bytes: Uint8Array, file: string, note: Note): Account {
  const { streamingLocators, streamingPolicies, contentKeyPolicies, accountFilters } = readShape(AccountFile, parseJson(bytes, file), file);
  const keyPolicies = byName(contentKeyPolicies, file, 'contentKeyPolicies', []);
  const policies = byName(streamingPolicies, file, 'streamingPolicies', PREDEFINED_POLICIES);
  [...policies.values()].slice(PREDEFINED_POLICIES.length).forEach((policy, i) => {
    const unknown = keyPolicyNames(policy).find((name) => !keyPolicies.has(name));
    if (unknown !== undefined) throw misplaced(file, ['streamingPolicies', i, 'properties'], `names of contentKeyPolicies; ${unknown} is none`);
  });
  const locators = new Map<string, StreamingLocator>();
  const perAsset = new Map<string, number>();
  streamingLocators.forEach(({ name, properties }, i) => {
    const at = (...path: PropertyKey[]): PropertyKey[] => ['streamingLocators', i, ...path];
    const locator: StreamingLocator = { ...properties, name };
    checkLocator(locator, policies, keyPolicies, (path, expected) => misplaced(file, at('properties', ...path), expected));
    // A name in the form of a GUID must not shadow another locator's id.
    for (const [key, path] of [[name, at('name')], [properties.streamingLocatorId, at('properties', 'streamingLocatorId')]] as const) {
      if (key == null) continue;
      if (locators.has(key) && locators.get(key) !== locator) throw misplaced(file, path, 'a name or id that no other locator has');
      locators.set(key, locator);
    }
    const count = (perAsset.get(properties.assetName) ?? 0) + 1;
    perAsset.set(properties.assetName, count);
    if (count > MAX_LOCATORS_PER_ASSET) throw misplaced(file, at('properties', 'assetName'), `at most ${MAX_LOCATORS_PER_ASSET} locators for one asset`);
  });
  return { locators, streamingPolicies: policies, contentKeyPolicies: keyPolicies, filters: readFilters(accountFilters, file, 'accountFilters', note) };
}

export function readAssetFilters(bytes: Uint8Array, file: string, note: Note): FilterTable {
  return readFilters(readShape(AssetFile, parseJson(bytes, file), file).assetFilters, file, 'assetFilters', note);
}

type Resource<P> = { readonly name: string; readonly properties: P };

function byName<P>(list: readonly Resource<P>[], file: string, key: string, predefined: readonly (P & { readonly name: string })[]): ReadonlyMap<string, P & { readonly name: string }> {
  const table = new Map(predefined.map((value) => [value.name, value]));
  list.forEach(({ name, properties }, i) => {
    if (table.has(name)) throw misplaced(file, [key, i, 'name'], 'a name that is not taken');
    table.set(name, { ...properties, name });
  });
  return table;
}

type Fail = (path: readonly PropertyKey[], expected: string) => Error;

function checkLocator(locator: StreamingLocator, policies: ReadonlyMap<string, StreamingPolicy>, keyPolicies: ReadonlyMap<string, ContentKeyPolicy>, fail: Fail): void {
  const policy = policies.get(locator.streamingPolicyName);
  if (policy === undefined) throw fail(['streamingPolicyName'], `one of ${[...policies.keys()].join(', ')}`);
  const known = (name: string | null | undefined, path: readonly PropertyKey[]): void => {
    if (name != null && !keyPolicies.has(name)) throw fail(path, 'the name of one of contentKeyPolicies');
  };
  known(locator.defaultContentKeyPolicyName, ['defaultContentKeyPolicyName']);
  const labels = keyLabels(policy);
  const ids = new Set<string>();
  (locator.contentKeys ?? []).forEach(({ id, labelReferenceInStreamingPolicy: label, policyName }, i) => {
    known(policyName, ['contentKeys', i, 'policyName']);
    if (ids.has(id)) throw fail(['contentKeys', i, 'id'], 'an id that no other key of the locator has');
    ids.add(id);
    if (label != null && !labels.includes(label)) throw fail(['contentKeys', i, 'labelReferenceInStreamingPolicy'], labels.length === 0 ? `no key: ${policy.name} wants none` : `one of ${labels.join(', ')}`);
  });
}
