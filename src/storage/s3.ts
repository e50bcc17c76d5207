/** Where a bucket is, and how requests to it are signed (AWS Signature Version 4), from the variables that the tools of S3 share. */
import aws4 from 'aws4';
import { IsomerError } from '../errors.ts';
import { HTTP_DEFAULTS, openHttpStorage, type HttpStorage, type Signer } from './http.ts';
import { s3Listing } from './listing.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export type S3Keys = { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string };

/** SHA-256 of no body. */
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Signs method, host, path, query, time and body; `now`: milliseconds since 1970. */
export function s3Signer(keys: S3Keys, region: string, now: () => number): Signer {
  return (request) => {
    // ISO 8601, basic form, whole seconds.
    const date = new Date(now()).toISOString().replace(/[-:]|\.\d{3}/g, '');
    return aws4.sign({ service: 's3', region, ...request, headers: { 'X-Amz-Date': date, 'X-Amz-Content-Sha256': EMPTY } }, keys).headers as Record<string, string>;
  };
}

/**
 * `s3://BUCKET` or `s3://BUCKET/FOLDER`. AWS_REGION (or AWS_DEFAULT_REGION), AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; without
 * keys requests are not signed. AWS_ENDPOINT_URL_S3 (or AWS_ENDPOINT_URL) names another service, with the bucket in the path.
 */
export function openS3Storage(root: string, environment: Environment, now: () => number): { readonly storage: HttpStorage; readonly secrets: readonly string[] } {
  const [, bucket, folder] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([^?#]*))?$/i.exec(root) ?? [];
  if (bucket === undefined) throw new IsomerError('ISOMER_CONFIG', { what: 'root', expected: 's3://BUCKET or s3://BUCKET/FOLDER', found: root });
  const region = environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION'] ?? 'us-east-1';
  const endpoint = environment['AWS_ENDPOINT_URL_S3'] ?? environment['AWS_ENDPOINT_URL'];
  // A bucket with dots in its name fits no certificate of a host name.
  const inPath = endpoint !== undefined || bucket.includes('.');
  const base = endpoint ?? (inPath ? `https://s3.${region}.amazonaws.com` : `https://${bucket}.s3.${region}.amazonaws.com`);
  if (!URL.canParse(base) || !/^https?:$/.test(new URL(base).protocol)) throw new IsomerError('ISOMER_CONFIG', { what: 'endpoint of S3', expected: 'an http or https address', found: base });
  const host = new URL(base);
  const at = `${host.pathname.replace(/\/+$/, '')}${inPath ? `/${bucket}` : ''}`;
  const folders = (folder ?? '').split('/').filter((name) => name !== '');
  const url = new URL(`${host.origin}${[at, ...folders.map(encodeURIComponent)].join('/')}`);
  const [id, secret, token] = [environment['AWS_ACCESS_KEY_ID'], environment['AWS_SECRET_ACCESS_KEY'], environment['AWS_SESSION_TOKEN']];
  if ((id === undefined) !== (secret === undefined)) throw new IsomerError('ISOMER_CONFIG', { what: 'keys of S3', expected: 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY together', found: 'one of them' });
  const sign = id === undefined || secret === undefined ? null : s3Signer({ accessKeyId: id, secretAccessKey: secret, ...(token === undefined ? {} : { sessionToken: token }) }, region, now);
  const storage = openHttpStorage(url, { ...HTTP_DEFAULTS, listing: s3Listing(at, folders), sign });
  return { storage, secrets: [secret, token].filter((text) => text !== undefined) };
}
