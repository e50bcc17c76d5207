import { describe, expect, test } from 'vitest';
import { IsomerError } from '../errors.ts';
import { decideEncryption } from './decide.ts';
import { PREDEFINED_POLICIES, type Protocol, type StreamingPolicy } from './streaming.ts';

const all = { download: false, dash: true, hls: true, smoothStreaming: true };
const MIXED: StreamingPolicy = { name: 'mixed', noEncryption: { enabledProtocols: { ...all, hls: false, smoothStreaming: false } }, envelopeEncryption: { enabledProtocols: all }, commonEncryptionCbcs: { enabledProtocols: { ...all, dash: false, smoothStreaming: false } } };

function outcome(name: string, protocol: Protocol, format: 'cmaf' | 'other', encryption: string | null): string | null {
  const policy = [...PREDEFINED_POLICIES, MIXED, { name: 'nothing' }].find((candidate) => candidate.name === name || candidate.name === `Predefined_${name}`);
  if (policy === undefined) throw new Error(`no policy ${name}`);
  try {
    return decideEncryption(policy, { protocol, cmaf: format === 'cmaf', encryption });
  } catch (error) {
    if (error instanceof IsomerError) return `${error.status} ${error.code}`;
    throw error;
  }
}

const BLOCKED = '403 MPE_OUTPUT_FORMAT_BLOCKED';
const UNNAMED = '400 MPE_ENC_ENCRYPTION_NOT_SPECIFIED_IN_URL';
const NOT_SET = '403 MPE_ENC_ENCRYPTION_NOT_SET_IN_DELIVERY_POLICY';

describe('what a policy lets through', () => {
  test.each([
    ['ClearStreamingOnly', 'hls', 'cmaf', null, null],
    ['ClearStreamingOnly', 'smoothStreaming', 'other', 'cenc', NOT_SET],
    ['ClearStreamingOnly', 'dash', 'other', 'rot13', '415 MPE_ENCRYPTION_NOT_SUPPORTED'],
    ['DownloadOnly', 'hls', 'other', null, BLOCKED],
    ['DownloadAndClearStreaming', 'dash', 'cmaf', null, null],
    ['ClearKey', 'hls', 'other', null, 'envelopeEncryption'],
    ['ClearKey', 'hls', 'cmaf', null, UNNAMED],
    ['ClearKey', 'hls', 'cmaf', 'cbc', 'envelopeEncryption'],
    ['ClearKey', 'hls', 'cmaf', 'cenc', NOT_SET],
    ['MultiDrmCencStreaming', 'dash', 'other', null, 'commonEncryptionCenc'],
    ['MultiDrmCencStreaming', 'smoothStreaming', 'other', 'piff', 'commonEncryptionCenc'],
    ['MultiDrmCencStreaming', 'hls', 'other', null, BLOCKED],
    ['MultiDrmStreaming', 'hls', 'other', 'cbcs-aapl', 'commonEncryptionCbcs'],
    ['MultiDrmStreaming', 'hls', 'other', 'cenc', BLOCKED],
    ['MultiDrmStreaming', 'dash', 'cmaf', null, UNNAMED],
    ['mixed', 'dash', 'cmaf', null, null],
    ['mixed', 'hls', 'other', null, UNNAMED],
    ['mixed', 'hls', 'other', 'cbcs-aapl', 'commonEncryptionCbcs'],
    ['mixed', 'smoothStreaming', 'other', null, 'envelopeEncryption'],
    ['nothing', 'dash', 'other', null, BLOCKED],
  ] as const)('%s, %s, %s, encryption %s: %s', (policy, protocol, format, encryption, expected) => {
    expect(outcome(policy, protocol, format, encryption)).toBe(expected);
  });

  test('all six predefined policies are there', () => {
    expect(PREDEFINED_POLICIES.map(({ name }) => name.replace('Predefined_', ''))).toEqual(['ClearStreamingOnly', 'DownloadOnly', 'DownloadAndClearStreaming', 'ClearKey', 'MultiDrmCencStreaming', 'MultiDrmStreaming']);
  });
});
