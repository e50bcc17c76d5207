/** The list that the demo page shows: what is published, as the origin would answer it, and how a page gets the keys. */
import type { Library } from '../asset/library.ts';
import { FORMATS, type Format } from '../formats.ts';
import type { Presentation } from '../model/presentation.ts';
import type { KeySystems } from '../model/protection.ts';
import type { Protector } from '../origin/encryption.ts';
import type { PageAsset, PageOutput, PageTrack } from '../page/assets.ts';
import type { FileCatalog } from '../policy/catalog.ts';
import type { Publication } from '../policy/publication.ts';
import { labelledKeyPolicy } from '../policy/streaming.ts';
import type { Storage } from '../storage/storage.ts';
import { problemOf } from './assets.ts';
import { answerOf, findPublished, manifestUrl, type Published } from './published.ts';

export type PageListDeps = { readonly storage: Storage; readonly catalog: FileCatalog; readonly library: Library; readonly protector: Protector };

export async function listForPage(deps: PageListDeps): Promise<readonly PageAsset[]> {
  const listed: PageAsset[] = [];
  for (const published of await findPublished(deps.storage, deps.catalog)) listed.push(await describe(published, deps));
  return listed;
}

async function describe(published: Published, { storage, library, protector }: PageListDeps): Promise<PageAsset> {
  const { id, folder, name, publication, problem } = published;
  const terms = publication?.locator == null ? null : { policy: publication.policy.name, filters: publication.filters, encryption: published.encryption };
  const base = { id, name: `${name}.ism`, folder, terms, class: await honestyClass(storage, folder) };
  if (problem !== null) return { ...base, outputs: [], tracks: [], problem };
  try {
    const lease = await library.open(folder, name);
    try {
      const { presentation } = lease.asset;
      return { ...base, outputs: FORMATS.map((format) => outputOf(format, presentation, published, protector)), tracks: tracksOf(presentation) };
    } finally {
      lease.release();
    }
  } catch (error) {
    return { ...base, outputs: [], tracks: [], problem: problemOf(error) };
  }
}

function outputOf(format: Format, presentation: Presentation, published: Published, protector: Protector): PageOutput {
  const { id, title, muxed } = format;
  const { refusal, systems } = answerOf(format, presentation, published, protector);
  const base = { id, title, muxed, url: manifestUrl(published, format) };
  if (refusal !== null) return { ...base, available: false, reason: refusal };
  return systems === null || published.publication === null ? { ...base, available: true } : { ...base, available: true, ...recipe(format, systems, published.publication) };
}

/** What players of the page make of an encrypted output (measured, spec/protection.md "Players"). */
function recipe({ manifest, container }: Format, systems: KeySystems, publication: Publication): Pick<PageOutput, 'keys' | 'player'> {
  const isHls = manifest.kind === 'm3u8';
  if (systems.envelope !== null) return { keys: isHls ? `AES-128. ${termsOf(publication)}` : 'AES-128 around each segment: no player of this page opens that but in HLS.', player: 'hls.js' };
  if (systems.clearKey === null) {
    const names = Object.entries({ PlayReady: systems.playReady, Widevine: systems.widevine, FairPlay: systems.fairPlay }).filter(([, system]) => system !== null).map(([name]) => name);
    return { keys: `Wants a licence of ${names.join(' or ')}, which this origin does not issue.` };
  }
  if (manifest.kind === 'ssm') return { keys: 'Clear Key is not a system of Smooth Streaming: no player of this page opens it.' };
  return { keys: `Clear Key. ${termsOf(publication)}`, player: container === 'ts' ? 'hls.js' : 'shaka' };
}

/** To whom key delivery gives the locator's keys as they are. */
function termsOf({ locator, policy, contentKeyPolicies }: Publication): string {
  const options = (locator?.contentKeys ?? []).flatMap(({ policyName, labelReferenceInStreamingPolicy: label }) => {
    const name = policyName ?? (label == null ? null : labelledKeyPolicy(policy, label)) ?? locator?.defaultContentKeyPolicyName ?? policy.defaultContentKeyPolicyName;
    return (name == null ? undefined : contentKeyPolicies.get(name))?.options ?? [];
  });
  const restrictions = options.filter(({ configuration }) => configuration['@odata.type'].endsWith('ClearKeyConfiguration')).map(({ restriction }) => restriction['@odata.type']);
  if (restrictions.length === 0) return 'No content key policy gives its keys out: they must come from elsewhere.';
  return restrictions.some((type) => type.endsWith('OpenRestriction')) ? 'Key delivery gives its keys to everybody, when it runs (--key-delivery).' : 'Key delivery gives its keys to bearers of a token, which this page has not.';
}

function tracksOf({ switchingSets }: Presentation): readonly PageTrack[] {
  return switchingSets.map(({ kind, name, language, label, tracks }) => {
    const [{ codec }] = tracks;
    return { kind, name, language, label, bitrates: tracks.map(({ bitrate }) => bitrate), codec: codec.rfc6381, size: codec.kind === 'video' ? { width: codec.width, height: codec.height } : null };
  });
}

const TRUTH_BYTES = 16 * 1024 * 1024;

/** Corpus assets say how honest their content is. */
async function honestyClass(storage: Storage, folder: string): Promise<string | null> {
  try {
    const text = new TextDecoder().decode(await storage.readAll(`${folder}/truth.json`, TRUTH_BYTES));
    return /"class":"([a-z-]+)"/.exec(text)?.[1] ?? null;
  } catch {
    return null;
  }
}
