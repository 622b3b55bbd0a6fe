// Other names of classes and data attributes, and no styles to speak of, for an app that goes on as it did: its scripts
// find things by the names that they know, its style sheets too, and what is hidden stays hidden. Tests see the others.
const styles = (() => {
  'use strict';
  const NEW = 'x-';
  const isNew = (name) => name.startsWith(NEW);
  const other = (name) => (isNew(name) ? name : NEW + name);
  const old = (value) => (value && isNew(value) ? value.slice(NEW.length) : value);
  const each = (names, make) => String(names).split(/\s+/).filter(Boolean).map(make).join(' ');
  const isData = (name) => name.startsWith('data-');
  const set = Element.prototype.setAttribute;

  // Whatever is meant by a selector, under its old or its new name.
  const both = (selector) =>
    String(selector).replace(
      /\[(data-[\w-]+)=(["']?)([^"'\]]*)\2\]|"[^"]*"|'[^']*'|\.(-?[_a-z](?:[\w-]|\\.)*)/gi,
      (all, data, _quote, value, name) => {
        if (data) return `:is([${data}="${value}"], [${data}="${other(value)}"])`;
        return name ? `:is(.${name}, .${other(name)})` : all;
      },
    );

  const rename = (element) => {
    for (const { name, value } of [...element.attributes]) {
      if (name === 'class') set.call(element, name, each(value, other));
      if (isData(name)) set.call(element, name, other(value));
    }
  };

  const wrap = (prototype, names, make) => {
    for (const name of names) {
      const native = prototype[name];
      prototype[name] = function (...args) { return make.call(this, native, ...args); };
    }
  };

  const property = (prototype, name, read, write) => {
    const native = Object.getOwnPropertyDescriptor(prototype, name);
    Object.defineProperty(prototype, name, {
      ...native,
      get() { return read.call(this, native.get.call(this)); },
      ...(native.set && write && { set(value) { native.set.call(this, write(value)); } }),
    });
  };

  const hideNames = () => {
    const find = function (native, selector) { return native.call(this, both(selector)); };
    for (const { prototype } of [Document, DocumentFragment, Element]) wrap(prototype, ['querySelector', 'querySelectorAll'], find);
    wrap(Element.prototype, ['matches', 'closest', 'webkitMatchesSelector'], find);
    for (const { prototype } of [Document, Element]) {
      wrap(prototype, ['getElementsByClassName'], function (_native, names) {
        return this.querySelectorAll(each(names, (name) => `.${CSS.escape(name)}`).replaceAll(' ', ''));
      });
    }
    wrap(Element.prototype, ['getAttribute'], function (native, name) {
      const value = native.call(this, name);
      return value && name === 'class' ? each(value, old) : isData(String(name)) ? old(value) : value;
    });
    wrap(Element.prototype, ['setAttribute'], function (native, name, value) {
      const said = name === 'class' ? each(value, other) : isData(String(name)) ? other(String(value)) : value;
      return native.call(this, name, said);
    });
    property(Element.prototype, 'className', (value) => each(value, old), (value) => each(value, other));
    property(HTMLElement.prototype, 'dataset', (data) => new Proxy(data, {
      get: (target, name) => (typeof target[name] === 'string' ? old(target[name]) : target[name]),
      set: (target, name, value) => { target[name] = other(String(value)); return true; },
    }));
    const lists = new WeakSet();
    property(Element.prototype, 'classList', (list) => { lists.add(list); return list; });
    const { add, remove, contains } = DOMTokenList.prototype;
    const has = (list, name) => contains.call(list, name) || contains.call(list, other(name));
    const put = (list, name, wanted) => {
      if (wanted && !has(list, name)) add.call(list, other(name));
      if (!wanted) remove.call(list, name, other(name));
      return wanted;
    };
    const instead = {
      add: (list, ...names) => names.forEach((name) => put(list, name, true)),
      remove: (list, ...names) => names.forEach((name) => put(list, name, false)),
      contains: has,
      toggle: (list, name, wanted) => put(list, name, wanted ?? !has(list, name)),
      replace: (list, from, to) => has(list, from) && !put(list, from, false) && put(list, to, true),
    };
    for (const name of Object.keys(instead)) {
      wrap(DOMTokenList.prototype, [name], function (native, ...args) {
        return lists.has(this) ? instead[name](this, ...args) : native.apply(this, args);
      });
    }
  };

  const rules = function* (group) {
    for (const rule of group.cssRules ?? []) {
      if (rule.selectorText) yield rule;
      yield* rules(rule);
    }
  };
  const seen = new WeakSet();
  // Style sheets are there when they have come; those of other origins cannot be read.
  const everyRule = (make) => {
    for (const sheet of document.styleSheets) {
      try {
        if (!seen.has(sheet)) [...rules(sheet)].forEach(make);
        seen.add(sheet);
      } catch { sheet.disabled = true; }
    }
  };
  const bothInRule = (rule) => { rule.selectorText = both(rule.selectorText); };
  const onlyHiding = ({ style }) => {
    for (const name of [...style]) if (!/^(display|visibility)$/.test(name)) style.removeProperty(name);
  };
  return { rename, hideNames, everyRule, bothInRule, onlyHiding };
})();
