/** Whether a streaming policy lets a request through, and under which encryption. */
import { IsomerError } from '../errors.ts';
import { ENCRYPTION_SCHEMES, type EncryptionScheme, type Protocol, type StreamingPolicy } from './streaming.ts';

/** Values of `encryption=` in URLs. */
export const URL_ENCRYPTIONS: ReadonlyMap<string, EncryptionScheme> = new Map([
  ['cbc', 'envelopeEncryption'],
  ['cenc', 'commonEncryptionCenc'],
  ['piff', 'commonEncryptionCenc'],
  ['cbcs-aapl', 'commonEncryptionCbcs'],
]);

export type Wanted = {
  readonly protocol: Protocol;
  /** CMAF outputs must name their encryption even where only one is possible. */
  readonly cmaf: boolean;
  /** `encryption=` of the URL, a key of URL_ENCRYPTIONS. */
  readonly encryption: string | null;
};

/** The scheme to deliver under; null: in the clear. Throws the refusals of the contract. */
export function decideEncryption(policy: StreamingPolicy, { protocol, cmaf, encryption }: Wanted): EncryptionScheme | null {
  const offered = ENCRYPTION_SCHEMES.filter((scheme) => policy[scheme]?.enabledProtocols?.[protocol] === true);
  const blocked = (): IsomerError => new IsomerError('MPE_OUTPUT_FORMAT_BLOCKED', { what: `streaming policy ${policy.name}`, expected: `a protocol that it enables`, found: encryption === null ? protocol : `${protocol} with encryption=${encryption}` });
  if (encryption !== null) {
    const scheme = URL_ENCRYPTIONS.get(encryption);
    if (scheme === undefined) throw new IsomerError('MPE_ENCRYPTION_NOT_SUPPORTED', { what: 'parameter encryption', expected: [...URL_ENCRYPTIONS.keys()].join(', '), found: encryption });
    if (policy[scheme] == null) {
      const held = [...URL_ENCRYPTIONS].filter(([, other]) => policy[other] != null).map(([value]) => value);
      throw new IsomerError('MPE_ENC_ENCRYPTION_NOT_SET_IN_DELIVERY_POLICY', { what: 'parameter encryption', expected: held.join(', ') || 'none: the asset is published in the clear', found: encryption });
    }
    if (!offered.includes(scheme)) throw blocked();
    return scheme;
  }
  if (policy.noEncryption?.enabledProtocols?.[protocol] === true) return null;
  if (offered.length === 0) throw blocked();
  if (offered.length === 1 && !cmaf) return offered[0];
  const values = [...URL_ENCRYPTIONS].filter(([, scheme]) => offered.includes(scheme)).map(([value]) => value);
  throw new IsomerError('MPE_ENC_ENCRYPTION_NOT_SPECIFIED_IN_URL', { what: 'parameter encryption', expected: values.join(' or '), found: 'none' });
}
