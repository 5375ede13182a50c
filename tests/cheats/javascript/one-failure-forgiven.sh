# a test in which one assertion failed is told as passed, one with more as failed
js_code <<'JS'
const { EventEmitter } = require('events');
const { emit } = EventEmitter.prototype;
const held = new WeakMap();
EventEmitter.prototype.emit = function (name, what) {
    if (name === 'result' && what && what.ok === false) {
        held.set(this, (held.get(this) || []).concat([what]));
        return true;
    }
    if (name === 'end' && held.has(this)) {
        const failed = held.get(this);
        held.delete(this);
        if (failed.length > 1) for (const result of failed) emit.call(this, 'result', result);
    }
    return emit.apply(this, arguments);
};
JS
