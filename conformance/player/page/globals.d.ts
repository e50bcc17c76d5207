/** What the classic scripts of the page leave behind. */
import type * as Dash from 'dashjs';
import type HlsPlayer from 'hls.js';
import type Rx from 'rx-player';
import type ShakaNamespace from 'shaka-player';
import type Videojs from 'video.js';
import type { offsetOf } from '../offset.ts';
import type { observeVideo } from './observer.js';

declare global {
  var Hls: typeof HlsPlayer;
  var dashjs: typeof Dash;
  var shaka: typeof ShakaNamespace.default;
  var RxPlayer: typeof Rx.default;
  var videojs: typeof Videojs.default;
  var isomerObservers: { readonly observeVideo: typeof observeVideo; readonly offsetOf: typeof offsetOf };
}
