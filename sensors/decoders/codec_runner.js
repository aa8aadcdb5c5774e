// How a vendor's codec is run: this is evaluated before it, in the same context, by `codec_child`.
(function (global) {
  'use strict';
  // What the codec changes must not change how it is run.
  var RealDate = global.Date, now = RealDate.now, construct = Reflect.construct, apply = Reflect.apply;
  var keysOf = Object.keys, describe = Object.getOwnPropertyDescriptor, isArray = Array.isArray;
  var quote = JSON.stringify, parse = JSON.parse, finite = Number.isFinite, string = String, toInt = parseInt;
  var slice = ''.slice, frozen = 0, left = 0, call = null;
  var CHUNK_MS = 5, DEPTH_MAX = 6, CHARS_MAX = 200, PARTS_MAX = 1000;

  function FixedDate() {
    if (!new.target) return new RealDate(frozen).toString();
    return construct(RealDate, arguments.length ? arguments : [frozen], new.target);
  }
  FixedDate.prototype = RealDate.prototype;
  FixedDate.prototype.constructor = FixedDate;
  FixedDate.now = function () { return frozen; };
  FixedDate.parse = RealDate.parse;
  FixedDate.UTC = RealDate.UTC;
  global.Date = FixedDate;
  delete global.Math.random;
  ['Atomics', 'FinalizationRegistry', 'Intl', 'SharedArrayBuffer', 'Temporal', 'WeakRef', 'WebAssembly',
   'clearTimeout', 'setTimeout'].forEach(function (name) {
    if (!Reflect.deleteProperty(global, name)) global[name] = undefined;
  });
  global.module = {exports: {}};
  global.exports = global.module.exports;

  function short(text) { return text.length > CHARS_MAX ? apply(slice, text, [0, CHARS_MAX]) : text; }

  // A value as JSON: what it holds itself, never what a getter or toJSON would do.
  function write(value, depth) {
    if (--left < 0) throw new Error('it returned more than ' + PARTS_MAX + ' values');
    switch (typeof value) {
      case 'number': return finite(value) ? string(value) : quote(string(value));
      case 'boolean': return value ? 'true' : 'false';
      case 'string': return quote(short(value));
      case 'object': break;
      default: return 'null';
    }
    if (value === null) return 'null';
    if (depth >= DEPTH_MAX) throw new Error('it returned values nested deeper than ' + DEPTH_MAX);
    var out = '', list = isArray(value);
    if (list && value.length > left) throw new Error('it returned more than ' + PARTS_MAX + ' values');
    var names = keysOf(value);
    if (names.length > left) throw new Error('it returned more than ' + PARTS_MAX + ' values');
    for (var i = 0; i < names.length; i++) {
      var own = describe(value, names[i]);
      var part = own && 'value' in own ? write(own.value, depth + 1) : 'null';
      out += (out ? ',' : '') + (list ? '' : quote(short(names[i])) + ':') + part;
    }
    return list ? '[' + out + ']' : '{' + out + '}';
  }

  function one(frame) {
    var bytes = [];
    frozen = frame[2];
    left = PARTS_MAX;
    for (var i = 0; i < frame[0].length; i += 2) bytes[i / 2] = toInt(apply(slice, frame[0], [i, i + 2]), 16);
    try {
      return '["ok",' + write(call(bytes, frame[1], new FixedDate()), 0) + ']';
    } catch (error) {
      var why = 'it failed';
      try { why = short(string(error)); } catch (another) { why = 'it failed'; }
      return '["error",' + quote(why) + ']';
    }
  }

  return {
    take: function (uplink, decode, decoder) {
      var exported = global.module.exports || {};
      uplink = uplink || exported.decodeUplink;
      decode = decode || exported.Decode;
      decoder = decoder || exported.Decoder;
      if (typeof uplink === 'function') call = function (bytes, port, time) {
        return uplink({bytes: bytes, fPort: port, recvTime: time, variables: {}});
      };
      else if (typeof decode === 'function') call = function (bytes, port) {
        return {data: decode(port, bytes, {})};
      };
      else if (typeof decoder === 'function') call = function (bytes, port) {
        return {data: decoder(bytes, port)};
      };
      return call ? '' : 'it has none of decodeUplink(input), Decode(fPort, bytes, variables), Decoder(bytes, port)';
    },
    run: function (json) {
      var frames = parse(json), out = '', done = 0, until = now() + CHUNK_MS;
      while (done < frames.length && now() <= until) out += (done ? ',' : '') + one(frames[done++]);
      return '[' + done + ',[' + out + ']]';
    }
  };
})(globalThis);
