/** Key delivery beside the origin: what `isomer serve --key-delivery` starts. */
import { readFile, stat } from 'node:fs/promises';
import type { Config } from '../config.ts';
import { IsomerError } from '../errors.ts';
import { checkServer, type LicenceServers } from '../keydelivery/licence.ts';
import { createIssuers } from '../keydelivery/openid.ts';
import { createKeyring } from '../keydelivery/keyring.ts';
import { startKeyServer, type KeyServer, type KeyServerOptions } from '../keydelivery/server.ts';
import { createUses } from '../keydelivery/uses.ts';
import type { Log } from '../log.ts';
import { readMasterKey } from '../protection/contentkey.ts';
import { openRoot } from '../storage/open.ts';
import type { CliDeps } from './deps.ts';

/** Listens everywhere, and is nobody's address. */
const ANY_ADDRESS: ReadonlySet<string> = new Set(['0.0.0.0', '::', '[::]']);
/** Counted tokens that are remembered; each lives little more than an hour. */
const MAX_COUNTED = 100_000;

export async function serveKeys(config: Config, tls: KeyServerOptions['tls'], log: Log, deps: CliDeps): Promise<KeyServer> {
  const note = (message: string): void => log.warn(message);
  if (config.keyDeliveryUrl === '' && ANY_ADDRESS.has(config.keyHost)) note(`manifests name ${config.keyHost} as the address of keys, which no other machine can ask: --key-delivery-url says what they should name`);
  const { now } = deps;
  const servers = licenceServers(config);
  const trustedHosts = new Set(config.openidHosts.split(',').map((host) => host.trim().toLowerCase()).filter((host) => host !== ''));
  const issuers = createIssuers({ trustedHosts, fetch, now });
  const masterKey = config.masterKey === '' ? null : await loadMasterKey(config.masterKey, note);
  const { storage, close } = await openRoot(config.root, deps);
  const keyring = await createKeyring({ storage, masterKey, issuers, revalidateMs: config.revalidateMs, now, note });
  let requests = 0;
  const { keyHost: host, keyPort: port } = config;
  const server = await startKeyServer({ keyring, uses: createUses(MAX_COUNTED), servers, fetch, log, now }, { ...config, host, port, tls }, () => `${process.pid.toString(36)}-k${(++requests).toString(36)}`);
  deps.out(`keys at ${server.address}\n`);
  return {
    ...server,
    async stop() {
      await server.stop();
      await close();
    },
  };
}

function licenceServers(config: Config): LicenceServers {
  const server = (key: 'playreadyServer' | 'widevineServer' | 'fairplayServer'): string | null => {
    const template = config[key];
    if (template === '') return null;
    checkServer(template, key);
    return template;
  };
  return { playReady: server('playreadyServer'), widevine: server('widevineServer'), fairPlay: server('fairplayServer') };
}

/** The file's text and its place on this machine stay out of messages but for the name that was given. */
export async function loadMasterKey(file: string, note: (message: string) => void): Promise<Uint8Array> {
  try {
    if (process.platform !== 'win32' && ((await stat(file)).mode & 0o077) !== 0) note('the file of the master key can be read by others than its owner');
    return readMasterKey(await readFile(file, 'utf8'), file);
  } catch (error) {
    if (error instanceof IsomerError) throw error;
    throw new IsomerError('ISOMER_CONFIG', { what: 'master key', where: file, expected: 'a file that "isomer keys master" made', found: (error as NodeJS.ErrnoException).code ?? 'error' });
  }
}
