;; Inner loops over bytes in 128-bit steps. kernels.ts says what each does and has the same in JavaScript, which the tests
;; hold against this. `node scripts/kernels.ts` turns this text into wasm.ts.
(module
  (import "isomer" "memory" (memory 1))

  ;; `count` transport packets of 188 bytes at $to, with payloads of 184 bytes from $from. $head: sync byte, PID and control of
  ;; the first packet as a little-endian word; the continuity counter in its topmost byte counts on. Front to back: $to may
  ;; lie before $from in the same run of bytes, at least 16 bytes away from where a packet's payload is taken.
  (func (export "packets") (param $to i32) (param $from i32) (param $count i32) (param $head i32) (param $counter i32)
    (block $done
      (loop $packet
        (br_if $done (i32.eqz (local.get $count)))
        (i32.store (local.get $to) (i32.or (local.get $head) (i32.shl (local.get $counter) (i32.const 24))))
        (v128.store offset=4 (local.get $to) (v128.load (local.get $from)))
        (v128.store offset=20 (local.get $to) (v128.load offset=16 (local.get $from)))
        (v128.store offset=36 (local.get $to) (v128.load offset=32 (local.get $from)))
        (v128.store offset=52 (local.get $to) (v128.load offset=48 (local.get $from)))
        (v128.store offset=68 (local.get $to) (v128.load offset=64 (local.get $from)))
        (v128.store offset=84 (local.get $to) (v128.load offset=80 (local.get $from)))
        (v128.store offset=100 (local.get $to) (v128.load offset=96 (local.get $from)))
        (v128.store offset=116 (local.get $to) (v128.load offset=112 (local.get $from)))
        (v128.store offset=132 (local.get $to) (v128.load offset=128 (local.get $from)))
        (v128.store offset=148 (local.get $to) (v128.load offset=144 (local.get $from)))
        (v128.store offset=164 (local.get $to) (v128.load offset=160 (local.get $from)))
        (i64.store offset=180 (local.get $to) (i64.load offset=176 (local.get $from)))
        (local.set $to (i32.add (local.get $to) (i32.const 188)))
        (local.set $from (i32.add (local.get $from) (i32.const 184)))
        (local.set $counter (i32.and (i32.add (local.get $counter) (i32.const 1)) (i32.const 15)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $packet))))

  ;; The $bytes bytes at $to become their exclusive or with those at $from.
  (func (export "xor") (param $to i32) (param $from i32) (param $bytes i32)
    (block $tail
      (loop $block
        (br_if $tail (i32.lt_u (local.get $bytes) (i32.const 16)))
        (v128.store (local.get $to) (v128.xor (v128.load (local.get $to)) (v128.load (local.get $from))))
        (local.set $to (i32.add (local.get $to) (i32.const 16)))
        (local.set $from (i32.add (local.get $from) (i32.const 16)))
        (local.set $bytes (i32.sub (local.get $bytes) (i32.const 16)))
        (br $block)))
    (block $done
      (loop $byte
        (br_if $done (i32.eqz (local.get $bytes)))
        (i32.store8 (local.get $to) (i32.xor (i32.load8_u (local.get $to)) (i32.load8_u (local.get $from))))
        (local.set $to (i32.add (local.get $to) (i32.const 1)))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))
        (local.set $bytes (i32.sub (local.get $bytes) (i32.const 1)))
        (br $byte))))

  ;; $count blocks of 16 bytes from $from, $fromStride apart, to $to, $toStride apart.
  (func (export "blocks") (param $to i32) (param $toStride i32) (param $from i32) (param $fromStride i32) (param $count i32)
    (block $done
      (loop $block
        (br_if $done (i32.eqz (local.get $count)))
        (v128.store (local.get $to) (v128.load (local.get $from)))
        (local.set $to (i32.add (local.get $to) (local.get $toStride)))
        (local.set $from (i32.add (local.get $from) (local.get $fromStride)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $block))))

  ;; $count counter blocks of 16 bytes at $to: the words $high and $low as they are in memory, 4 bytes of 0, and the block's
  ;; number from $first in big-endian order.
  (func (export "counters") (param $to i32) (param $high i32) (param $low i32) (param $first i32) (param $count i32)
    (local $swapped i32)
    (block $done
      (loop $block
        (br_if $done (i32.eqz (local.get $count)))
        (i32.store (local.get $to) (local.get $high))
        (i32.store offset=4 (local.get $to) (local.get $low))
        (i32.store offset=8 (local.get $to) (i32.const 0))
        (local.set $swapped
          (i32.or
            (i32.and (i32.rotl (local.get $first) (i32.const 8)) (i32.const 0x00ff00ff))
            (i32.and (i32.rotl (local.get $first) (i32.const 24)) (i32.const 0xff00ff00))))
        (i32.store offset=12 (local.get $to) (local.get $swapped))
        (local.set $first (i32.add (local.get $first) (i32.const 1)))
        (local.set $to (i32.add (local.get $to) (i32.const 16)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $block))))

  ;; The place from $at on where two bytes of 0 begin that both lie before $end; $end where there are none.
  (func (export "zeros") (param $at i32) (param $end i32) (result i32)
    (local $mask i32)
    (block $tail
      (loop $block
        (br_if $tail (i32.gt_u (i32.add (local.get $at) (i32.const 17)) (local.get $end)))
        (local.set $mask
          (i8x16.bitmask
            (i8x16.eq (v128.or (v128.load (local.get $at)) (v128.load offset=1 (local.get $at))) (v128.const i32x4 0 0 0 0))))
        (if (local.get $mask) (then (return (i32.add (local.get $at) (i32.ctz (local.get $mask))))))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $block)))
    (block $none
      (loop $byte
        (br_if $none (i32.ge_u (i32.add (local.get $at) (i32.const 1)) (local.get $end)))
        (if (i32.eqz (i32.load16_u (local.get $at))) (then (return (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $byte)))
    (local.get $end)))
