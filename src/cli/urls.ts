/** isomer urls: the URLs of what a root publishes; an output that refuses the asset says why. */
import { openAsset } from '../asset/open.ts';
import { createMovieReader } from '../asset/reader.ts';
import { FORMATS } from '../formats.ts';
import { createProtector } from '../origin/encryption.ts';
import { createFileCatalog } from '../policy/catalog.ts';
import { ContentKey } from '../protection/contentkey.ts';
import { withRoot, type OpenedRoot } from '../storage/open.ts';
import { describeSets, problemOf } from './assets.ts';
import type { CliDeps, Command } from './deps.ts';
import { answerOf, findPublished, manifestUrl, type Published } from './published.ts';

export type UrlsArgs = { readonly root: string; readonly asset: string | null; readonly base: string; readonly segmentSeconds: number };

/** Which URLs there are does not depend on what the keys are. */
const PROTECTOR = createProtector({ keyDeliveryUrl: 'https://localhost/', readKey: (id) => new ContentKey(id, new Uint8Array(16)) });

export const urls: Command<UrlsArgs> = (args, deps) => withRoot(args.root, deps, (root) => listUrls(root, args, deps));

async function listUrls({ storage, name: root }: OpenedRoot, { asset, base, segmentSeconds }: UrlsArgs, { out, err, now }: CliDeps): Promise<number> {
  const catalog = await createFileCatalog({ storage, revalidateMs: 0, now, note: (message) => err(`${message}\n`) });
  const found = (await findPublished(storage, catalog)).filter(({ folder }) => asset === null || folder === asset || folder.startsWith(`${asset}/`));
  if (found.length === 0) {
    err(`no assets ${asset === null ? `below ${root}` : `in ${asset}`}: an asset is a folder with a server manifest (.ism) or with MP4 files\n`);
    return 1;
  }
  const address = base.replace(/\/+$/, '');
  const write = async (item: Published): Promise<void> => {
    const { folder, name, publication, encryption, problem } = item;
    const terms = publication?.locator == null ? [] : [`  locator ${publication.locator.name}, policy ${publication.policy.name}${encryption === null ? '' : `, encryption=${encryption}`}${publication.filters.length === 0 ? '' : `, filters ${publication.filters.join(', ')}`}`];
    out([`${folder}/${name}.ism`, ...terms, ''].join('\n'));
    if (problem !== null) throw new Problem(`${item.id}: ${problem}`);
    const opened = await openAsset(storage, folder, name, { segmentSeconds, readMovie: createMovieReader(null) });
    try {
      for (const line of describeSets(opened.presentation)) out(`  ${line}\n`);
      for (const note of opened.notes) out(`  note: ${note}\n`);
      for (const format of FORMATS) {
        const { refusal } = answerOf(format, opened.presentation, item, PROTECTOR);
        out(`  ${format.title.padEnd(17)} ${refusal === null ? address + manifestUrl(item, format) : `not available: ${refusal}`}\n`);
      }
    } finally {
      await opened.close();
    }
  };
  let failed = 0;
  for (const item of found) {
    await write(item).catch((error: unknown) => {
      failed++;
      out(`  cannot be served: ${error instanceof Problem ? error.message : problemOf(error)}\n`);
    });
  }
  return failed === 0 ? 0 : 1;
}

/** Known before anything is opened. */
class Problem extends Error {}
