/** What the players' scripts leave behind. */
import type * as Dash from 'dashjs';
import type HlsPlayer from 'hls.js';
import type ShakaNamespace from 'shaka-player';

declare global {
  var Hls: typeof HlsPlayer;
  var dashjs: typeof Dash;
  var shaka: typeof ShakaNamespace.default;
}
