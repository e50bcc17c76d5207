/** Where keys and licences are got: URL templates of streaming policies, and the addresses of the service's own key delivery. */
import { IsomerError } from '../errors.ts';
import type { KeySystems } from '../model/protection.ts';
import { formatGuid } from './guid.ts';

export type UrlValues = { readonly keyId: Uint8Array; readonly alternativeMediaId: string };

const TOKEN = /\{([^{}]*)\}/g;
/** Tokens of customLicenseAcquisitionUrlTemplate and its kin; read without regard to case. */
const TOKENS: Readonly<Record<string, ((values: UrlValues) => string) | undefined>> = {
  contentkeyid: ({ keyId }) => formatGuid(keyId),
  alternativemediaid: ({ alternativeMediaId }) => encodeURIComponent(alternativeMediaId),
};

/** A template filled in. A token that nobody knows is a mistake of the policy and would reach players as it is. */
export function fillTemplate(template: string, values: UrlValues): string {
  return template.replaceAll(TOKEN, (whole, name: string) => {
    const token = TOKENS[name.toLowerCase()];
    if (token === undefined) throw new IsomerError('ISOMER_KEY_INVALID', { what: 'token of an acquisition URL', expected: '{ContentKeyId} or {AlternativeMediaId}', found: whole.slice(0, 64) });
    return token(values);
  });
}

const KID = '?kid={ContentKeyId}';

/** Templates of the service's own key delivery; `base` is its address with a closing slash. The paths are those of the old service. */
export function keyDeliveryTemplates(base: string): { readonly envelope: string; readonly clearKey: string; readonly playReady: string; readonly widevine: string; readonly fairPlay: string } {
  return {
    envelope: `${base}${KID}`,
    // GET gives the bytes (HLS), POST a licence (EME).
    clearKey: `${base}ClearKey/${KID}`,
    playReady: `${base}PlayReady/`,
    widevine: `${base}Widevine/${KID}`,
    // Applications ask under https what an skd URL names.
    fairPlay: `${base.replace(/^https?:/, 'skd:')}FairPlay/${KID}`,
  };
}

export const NO_SYSTEMS: KeySystems = { playReady: null, widevine: null, fairPlay: null, clearKey: null, envelope: null, alternativeMediaId: '' };
