/** What a root publishes, as people look for it: locators of `isomer.json` under each of their encryptions, else folders, and what each output answers. */
import type { Format } from '../formats.ts';
import { applyFilters, selectFilters } from '../model/filter.ts';
import type { Presentation } from '../model/presentation.ts';
import type { KeySystems } from '../model/protection.ts';
import { chooseEncryption, type Protector } from '../origin/encryption.ts';
import type { FileCatalog } from '../policy/catalog.ts';
import { URL_ENCRYPTIONS } from '../policy/decide.ts';
import type { Publication } from '../policy/publication.ts';
import type { StreamingPolicy } from '../policy/streaming.ts';
import type { Storage } from '../storage/storage.ts';
import { assetPath, findAssets, problemOf, type FoundAsset } from './assets.ts';

export type Published = FoundAsset & {
  /** Unlike all others. */
  readonly id: string;
  /** `/LOCATOR/NAME.ism`, percent-encoded. */
  readonly path: string;
  /** Value of `encryption=` in its URLs; null: none is named. */
  readonly encryption: string | null;
  /** Null: it cannot be had now, for this reason. */
  readonly publication: Publication | null;
  readonly problem: string | null;
};

/** `folder` alone, where it is given. */
export async function findPublished(storage: Storage, catalog: FileCatalog, folder = ''): Promise<readonly Published[]> {
  const found = await findAssets(storage, folder);
  const locators = await catalog.locators();
  const places = locators === null ? [...new Set(found.map((asset) => asset.folder))].map((own) => ({ title: own, path: own.split('/'), folder: own })) : locators.map(({ name, streamingLocatorId, assetName }) => ({ title: name, path: [streamingLocatorId ?? name], folder: assetName }));
  const published: Published[] = [];
  for (const { title, path, folder: own } of places) {
    const assets = found.filter((asset) => asset.folder === own);
    if (assets.length === 0) published.push({ folder: own, name: own.split('/').at(-1) ?? own, id: title, path: '', encryption: null, publication: null, problem: `the folder ${own} holds no asset` });
    for (const asset of assets) {
      const id = assets.length === 1 ? title : `${title}/${asset.name}`;
      const base = { ...asset, path: assetPath({ folder: path.join('/'), name: asset.name }) };
      try {
        const publication = await catalog.resolve({ locator: path });
        const encryptions = publication === null ? [null] : encryptionsOf(publication.policy);
        for (const encryption of encryptions) published.push({ ...base, id: encryption === null ? id : `${id}, ${encryption}`, encryption, publication, problem: null });
      } catch (error) {
        published.push({ ...base, id, encryption: null, publication: null, problem: problemOf(error) });
      }
    }
  }
  return published;
}

/** Values of `encryption=` that a policy delivers under; null: in the clear, or nothing at all. */
function encryptionsOf(policy: StreamingPolicy): readonly (string | null)[] {
  const streams = (protocols: { readonly dash: boolean; readonly hls: boolean; readonly smoothStreaming: boolean } | null | undefined): boolean => protocols != null && (protocols.dash || protocols.hls || protocols.smoothStreaming);
  const named = [...URL_ENCRYPTIONS].filter(([value, scheme]) => {
    const protocols = policy[scheme]?.enabledProtocols;
    return value === 'piff' ? protocols?.smoothStreaming === true : streams(protocols);
  });
  const clear = streams(policy.noEncryption?.enabledProtocols) || named.length === 0;
  return [...(clear ? [null] : []), ...named.map(([value]) => value)];
}

export function manifestUrl({ path, encryption }: Pick<Published, 'path' | 'encryption'>, { tags }: Format): string {
  const parameters = [tags[0] === '' ? '' : `format=${tags[0]}`, encryption === null ? '' : `encryption=${encryption}`].filter((text) => text !== '');
  return `${path}/manifest${parameters.length === 0 ? '' : `(${parameters.join(',')})`}`;
}

/** Why an output is not to be had, or where the keys of what it sends come from; both null: it is there, in the clear. */
export type Answer = { readonly refusal: string | null; readonly systems: KeySystems | null };

/** What the origin does with a request for the manifest. */
export function answerOf(format: Format, presentation: Presentation, { publication, encryption }: Published, protector: Protector): Answer {
  try {
    if (publication === null) return { refusal: 'not published now', systems: null };
    const chosen = chooseEncryption({ encryption }, format, publication.policy);
    const whole = chosen === null ? presentation : protector.protect(presentation, publication, chosen).presentation;
    const filters = selectFilters(publication.filters, [], (name) => publication.findFilter(name));
    const view = applyFilters(whole, filters, { live: false });
    format.writeManifest(view, { format: format.tags[0], extra: [], audioOnly: false });
    return { refusal: null, systems: view.switchingSets.flatMap(({ tracks }) => tracks).find(({ protection }) => protection !== undefined)?.protection?.systems ?? null };
  } catch (error) {
    return { refusal: problemOf(error), systems: null };
  }
}
