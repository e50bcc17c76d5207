/** Server and client manifests of assets, in the forms that real files have. */
import type { AssetRecipe, ElementRecipe, TextRecipe } from '../spec/asset.ts';

export function writeServerManifest({ ism, name, archive, texts }: AssetRecipe, elements: readonly ElementRecipe[]): string | null {
  if (ism === 'none') return null;
  if (ism === 'bare') return `<?xml version="1.0" encoding="utf-8"?>\n<smil xmlns="http://www.w3.org/2001/SMIL20/Language"><body><switch>\n${elements.map(({ kind, src }) => `  <${kind} src="${src}"/>`).join('\n')}\n</switch></body></smil>\n`;
  const metas = ism === 'classic' ? `<meta name="clientManifestRelativePath" content="${name}.ismc" />` : `<meta name="clientManifestRelativePath" content="${name}.ismc" />\n    <meta name="formats" content="${archive ? 'vod-fmp4' : 'mp4-v3'}" />`;
  const mark = ism === 'classic' ? '\ufeff' : '';
  return `${mark}<?xml version="1.0" encoding="utf-8" standalone="yes"?>
<smil xmlns="http://www.w3.org/2001/SMIL20/Language">
  <head>
    ${metas}
  </head>
  <body>
    <switch>
${[...elements.map((element) => (ism === 'classic' ? classicElement(element) : encoderElement(element))), ...texts.map(textElement)].join('\n')}
    </switch>
  </body>
</smil>
`;
}

function param(name: string, value: string | number): string {
  return `        <param name="${name}" value="${value}" valuetype="data" />`;
}

function classicElement({ kind, src, bitrate, trackId }: ElementRecipe): string {
  return `      <${kind} src="${src}" systemBitrate="${bitrate ?? 0}">\n${param('trackID', trackId)}\n      </${kind}>`;
}

function encoderElement({ kind, src, bitrate, trackId, trackName, title, language, roles, accessibility }: ElementRecipe): string {
  const attributes = [`src="${src}"`];
  if (bitrate !== undefined) attributes.push(`systemBitrate="${bitrate}"`);
  if (language !== undefined) attributes.push(`systemLanguage="${language}"`);
  if (title !== undefined) attributes.push(`title="${title}"`);
  const params = [
    ...(bitrate === undefined ? [] : [param('systemBitrate', bitrate)]),
    param('trackID', trackId),
    ...(trackName === undefined ? [] : [param('trackName', trackName)]),
    ...(language === undefined ? [] : [param('systemLanguage', language)]),
    ...accessibility.map((value) => param('accessibility', value)),
    ...roles.map((value) => param('role', value)),
  ];
  return `      <${kind} ${attributes.join(' ')}>\n${params.join('\n')}\n      </${kind}>`;
}

/** As the old service wrote late-bound text tracks. */
function textElement({ file, bitrate, language, tells, trackName, displayName, isDefault, characteristics, roles, channel }: TextRecipe): string {
  const params = [
    param('systemBitrate', bitrate),
    ...(trackName === undefined ? [] : [param('trackName', trackName)]),
    ...(tells === 'manifest' ? [param('systemLanguage', language)] : []),
    ...(displayName === undefined ? [] : [param('textDisplayName', displayName)]),
    ...(isDefault ? [param('textIsDefault', 'TRUE')] : []),
    ...(characteristics === undefined ? [] : [param('textHlsCharacteristic', characteristics)]),
    ...(channel === undefined ? [] : [param('captionChannel', channel)]),
    ...roles.map((value) => param('role', value)),
  ];
  return `      <textstream src="${file}" systemBitrate="${bitrate}" systemLanguage="${tells === 'manifest' ? language : ''}">\n${params.join('\n')}\n      </textstream>`;
}

/** A client manifest of the old kind: names and languages count, its chunk list is deliberately not the one that is served. */
export function writeClientManifest(elements: readonly ElementRecipe[]): string {
  const streams = elements.map(({ kind, bitrate, trackName, language }) => {
    const names = kind === 'audio' ? ` Name="${trackName ?? 'audio'}" Language="${language ?? 'und'}"` : '';
    const level = kind === 'audio' ? `AudioTag="255" FourCC="AACL" SamplingRate="48000" Channels="2" BitsPerSample="16" PacketSize="4" CodecPrivateData=""` : `FourCC="AVC1" MaxWidth="640" MaxHeight="360" CodecPrivateData="00000001674d401e"`;
    return `  <StreamIndex Type="${kind}"${names} QualityLevels="1" Chunks="3" Url="QualityLevels({bitrate})/Fragments(${kind}={start time})">\n    <QualityLevel Index="0" Bitrate="${bitrate ?? 0}" ${level} />\n    <c d="20200000" /><c d="20200000" /><c t="40400000" d="10000000" />\n  </StreamIndex>`;
  });
  return `\ufeff<?xml version="1.0" encoding="utf-8"?>\n<SmoothStreamingMedia MajorVersion="2" MinorVersion="1" Duration="50400000">\n${streams.join('\n')}\n</SmoothStreamingMedia>\n`;
}
