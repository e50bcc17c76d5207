/** The content keys of `isomer.json` by their identifiers, each with the policies under which it may be given out. */
import { IsomerError } from '../errors.ts';
import { ACCOUNT_FILE, MAX_ACCOUNT_BYTES, readAccount, type Account } from '../policy/account.ts';
import type { StreamingLocator } from '../policy/locators.ts';
import { labelledKeyPolicy } from '../policy/streaming.ts';
import { watchFile } from '../policy/watched.ts';
import { isSealed, readStoredKey, type ContentKey } from '../protection/contentkey.ts';
import { formatGuid, parseGuid } from '../protection/guid.ts';
import type { Storage } from '../storage/storage.ts';
import type { Issuers } from './openid.ts';
import { readOptions, type Option } from './options.ts';

export type KeyringOptions = {
  readonly storage: Storage;
  /** 32 bytes; null: sealed keys cannot be opened. */
  readonly masterKey: Uint8Array | null;
  readonly issuers: Issuers;
  readonly revalidateMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly note: (message: string) => void;
};

/** A key as one locator holds it. */
export type Holding = { readonly key: ContentKey; readonly options: readonly Option[] };

export type Keyring = {
  /** What the locators that are valid now hold under this identifier. Throws ISOMER_KEY_STORE when it is there and cannot be read. */
  find(keyId: Uint8Array): Promise<readonly Holding[]>;
};

type Stored = Holding & Pick<StreamingLocator, 'startTime' | 'endTime'>;
/** A string says why the key cannot be used. */
type Table = ReadonlyMap<string, readonly Stored[] | string>;

/** Rejects when `isomer.json` is there and cannot be used. */
export async function createKeyring(options: KeyringOptions): Promise<Keyring> {
  const table = watchFile<Table>({
    ...options,
    path: ACCOUNT_FILE,
    limit: MAX_ACCOUNT_BYTES,
    // The origin tells of filters.
    read: (bytes) => indexKeys(readAccount(bytes, ACCOUNT_FILE, () => undefined), options),
    absent: new Map(),
    keepGone: true,
  });
  await table();
  return {
    async find(keyId) {
      const found = (await table()).get(formatGuid(keyId)) ?? [];
      if (typeof found === 'string') throw new IsomerError('ISOMER_KEY_STORE', { what: `content key ${formatGuid(keyId)}` });
      const now = options.now();
      return found.filter(({ startTime, endTime }) => (startTime ?? now) <= now && now < (endTime ?? Infinity));
    },
  };
}

function indexKeys(account: Account, { masterKey, issuers, note }: KeyringOptions): Table {
  const policies = new Map([...account.contentKeyPolicies].map(([name, policy]) => [name, readOptions(policy, issuers, note)]));
  const table = new Map<string, Stored[] | string>();
  let plain = 0;
  // Locators stand in their table under name and identifier.
  for (const locator of new Set(account.locators.values())) {
    for (const { id, value, policyName, labelReferenceInStreamingPolicy: label } of locator.contentKeys ?? []) {
      if (value == null) continue;
      if (!isSealed(value)) plain++;
      const known = table.get(id) ?? [];
      if (typeof known === 'string') continue;
      try {
        const key = readStoredKey(parseGuid(id), value, masterKey);
        if (known.some((other) => !Buffer.from(other.key.reveal()).equals(key.reveal()))) throw new IsomerError('ISOMER_KEY_INVALID', { what: `content key ${id}`, expected: 'one value', found: 'several' });
        const name = policyName ?? policyOf(account, locator, label ?? null);
        table.set(id, [...known, { key, options: policies.get(name ?? '') ?? [], startTime: locator.startTime, endTime: locator.endTime }]);
      } catch (error) {
        if (!(error instanceof IsomerError)) throw error;
        note(`${ACCOUNT_FILE}: ${error.message}`);
        table.set(id, error.message);
      }
    }
  }
  if (plain > 0) note(`${ACCOUNT_FILE}: ${plain} content keys are stored as they are; "isomer keys encrypt" seals them with a master key`);
  return table;
}

/** The nearest word counts: the key's label in the streaming policy, the locator's default, the streaming policy's default. */
function policyOf({ streamingPolicies }: Account, locator: StreamingLocator, label: string | null): string | null {
  const policy = streamingPolicies.get(locator.streamingPolicyName);
  const labelled = policy === undefined || label === null ? null : labelledKeyPolicy(policy, label);
  return labelled ?? locator.defaultContentKeyPolicyName ?? policy?.defaultContentKeyPolicyName ?? null;
}
