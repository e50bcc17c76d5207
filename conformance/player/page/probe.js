/** What this browser can decode, asked before anything is replayed and kept beside the outcome. */

const TYPES = [
  'video/mp4; codecs="avc1.64001f"',
  'video/mp4; codecs="avc3.64001f"',
  'video/mp4; codecs="hvc1.1.6.L93.B0"',
  'video/mp4; codecs="hev1.1.6.L93.B0"',
  'video/mp4; codecs="hvc1.2.4.L93.B0"',
  'audio/mp4; codecs="mp4a.40.2"',
  'audio/mp4; codecs="mp4a.40.5"',
  'audio/mp4; codecs="mp4a.40.29"',
  'audio/mp4; codecs="ec-3"',
  'audio/mp4; codecs="ac-3"',
  'audio/mp4; codecs="dtsc"',
  'audio/mp4; codecs="dtsh"',
  'audio/mp4; codecs="dtse"',
  'audio/mp4; codecs="dtsl"',
  'video/mp2t; codecs="avc1.64001f,mp4a.40.2"',
];

const NATIVE = ['application/vnd.apple.mpegurl', 'application/dash+xml', 'application/vnd.ms-sstr+xml'];

export function probe() {
  const video = document.createElement('video');
  return {
    userAgent: navigator.userAgent,
    mediaSource: Object.fromEntries(TYPES.map((type) => [type, 'MediaSource' in globalThis && MediaSource.isTypeSupported(type)])),
    native: Object.fromEntries(NATIVE.map((type) => [type, video.canPlayType(type)])),
    frameCallback: 'requestVideoFrameCallback' in video,
    encryptedMedia: 'requestMediaKeySystemAccess' in navigator,
  };
}
