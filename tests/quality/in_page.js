// Makes one change in every page, before it is shown and whenever the page changes itself. It stands before all other
// scripts, and `change` (a PageChange) before it; with null it tells `__seen` instead which faults the page can have.
(() => {
  'use strict';
  const done = new WeakSet();
  const HEADINGS = 'h1, h2, h3, h4, h5, h6, [role=heading]';
  const FIELDS = 'input:not([type=hidden]):not([type=submit]):not([type=button]), select, textarea';
  const BUTTONS = 'button, input[type=submit], input[type=button], [role=button]';
  const ROWS = 'tbody > tr, ul > li, ol > li, article, [role=row], [role=listitem]';
  const MESSAGES = '[role=alert], [role=status], [aria-live], output, .alert, .error, .errors, .errorlist, .message, ' +
    '.messages, .invalid-feedback, .notice, .flash, .warning, .system-message';
  const SYNONYMS = [
    ['sign in', 'log in'], ['save', 'save changes'], ['add', 'create'], ['delete', 'remove'], ['search', 'find'],
    ['edit', 'change'], ['send', 'submit'], ['name', 'title'], ['e-mail', 'email address'], ['email', 'e-mail address'],
  ];

  const said = (element) =>
    (element.value && /^(submit|button)$/.test(element.type) ? element.value : element.textContent)
      .replace(/\d+/g, '#').replace(/\s+/g, ' ').trim();

  const onPage = () => {
    if (!change.path) return true;
    const parts = change.path.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'));
    return new RegExp(`^${parts.join('[^/]*')}$`).test(location.pathname);
  };

  const meant = (element) =>
    (!change.tag || element.localName === change.tag) &&
    (!change.name || (element.name || element.type) === change.name) &&
    (!change.text || said(element) === change.text);

  const rename = (element, tag) => {
    const twin = document.createElement(tag);
    for (const { name, value } of element.attributes) twin.setAttribute(name, value);
    twin.append(...element.childNodes);
    element.replaceWith(twin);
    return twin;
  };

  // What is new has no place in the layout: whatever lies over it there, people can reach it.
  const uncover = (element) => Object.assign(element.style, { position: 'relative', zIndex: '1' });

  const texts = (element) => {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) found.push(walker.currentNode);
    return found;
  };

  const number = (element, make) => {
    const node = texts(element).find((text) => /\d/.test(text.data));
    if (!node) return;
    node.data = node.data.replace(/\d+(?:[.,]\d+)*/, (digits) => {
      const decimals = /[.,](\d{1,2})$/.exec(digits)?.[1].length ?? 0;
      const cents = make(Number(digits.replace(/[.,]/g, '')), 10 ** decimals);
      return decimals ? (cents / 10 ** decimals).toFixed(decimals) : String(cents);
    });
  };

  const otherWords = (text) => {
    const low = text.trim().toLowerCase();
    const pair = SYNONYMS.find(([from]) => low === from || low.startsWith(`${from} `));
    return pair ? pair[1] + low.slice(pair[0].length) : `${text.trim()} now`;
  };

  const reword = (element) => {
    if (element.matches('input[type=submit], input[type=button]')) element.value = otherWords(element.value);
    const node = texts(element).find((text) => text.data.trim());
    if (node) node.data = otherWords(node.data);
  };

  const labelToPlaceholder = (label) => {
    const field = label.control;
    if (!field || !field.matches('textarea, input:not([type=checkbox], [type=radio])')) return;
    // What is a heading too is not there for the field alone.
    if (label.closest(HEADINGS)) return;
    field.placeholder = label.textContent.trim();
    if (label.contains(field)) label.replaceWith(field); else label.remove();
    return field;
  };

  const recase = (element) => {
    if (element.matches('input[type=submit], input[type=button]')) element.value = element.value.toUpperCase();
    for (const node of texts(element)) node.data = node.data.toUpperCase();
  };

  // The largest element around a field that has none of the others in it.
  const blockOf = (field, others) => {
    let block = field;
    while (block.parentElement && !others.some((other) => block.parentElement.contains(other))) block = block.parentElement;
    return block;
  };

  const double = (element) => {
    const twin = element.cloneNode(true);
    twin.removeAttribute('id');
    done.add(twin);
    document.body.append(twin);
  };

  const rest = (row) => [...row.parentElement.children].filter((each) => each.matches(ROWS));

  const changes = {
    field_removed: [FIELDS, (field) => field.remove()],
    submit_disabled: [BUTTONS, (button) => { button.disabled = true; }],
    number_plus_one: ['*', (element) => number(element, (value, unit) => value + unit)],
    number_times_ten: ['*', (element) => number(element, (value) => value * 10)],
    message_removed: [MESSAGES, (message) => message.replaceChildren()],
    link_swapped: ['a[href]', (link) => link.setAttribute('href', '/')],
    row_missing: [ROWS, (row) => { if (rest(row)[0] === row) row.remove(); }],
    list_empty: [ROWS, (row) => row.remove()],
    required_dropped: [FIELDS, (field) => field.removeAttribute('required')],
    heading_changed: [HEADINGS, (heading) => { heading.textContent = 'Something else'; }],
    names_changed: ['*', styles.rename],
    wrapped: ['main, form, section', (element) => {
      const wrapper = document.createElement('div');
      done.add(wrapper);
      element.before(wrapper);
      wrapper.append(element);
    }],
    styles_off: ['html', () => {}],
    styles_reordered: ['link[rel=stylesheet]', (sheet) => sheet.parentElement.prepend(sheet)],
    attributes_reordered: ['body *', (element) => {
      for (const { name, value } of [...element.attributes].reverse()) {
        // An attribute that does something when it is set is left where it is.
        if (!/^(src|href|type|value|on)/.test(name)) { element.removeAttribute(name); element.setAttribute(name, value); }
      }
    }],
    link_added: ['body', (body) => {
      const link = Object.assign(document.createElement('a'), { href: '#imprint', textContent: 'Imprint' });
      body.append(link);
    }],
    reworded: [`${BUTTONS}, a[href], label, ${HEADINGS}`, reword],
    button_to_link: ['button', (button) => {
      button.setAttribute('role', 'link');
    }],
    placeholder_for_label: ['label', labelToPlaceholder],
    heading_level: ['h1, h2, h3, h4, h5', (heading) => {
      const twin = rename(heading, `h${Number(heading.localName[1]) + 1}`);
      done.add(twin);
      return twin;
    }],
    doubled: [`${BUTTONS}, a[href]`, double],
    recased: [`${BUTTONS}, a[href], label, ${HEADINGS}`, recase],
    in_menu: [`${BUTTONS}, a[href]`, (element) => {
      const menu = document.createElement('details');
      menu.innerHTML = '<summary>More</summary>';
      uncover(menu);
      element.before(menu);
      menu.append(element);
    }],
    in_dialog: [`${BUTTONS}, a[href]`, (element) => {
      const opener = Object.assign(document.createElement('button'), { type: 'button', textContent: 'Continue here' });
      const dialog = document.createElement('dialog');
      uncover(opener);
      element.before(opener, dialog);
      dialog.append(element);
      opener.addEventListener('click', () => dialog.showModal());
      done.add(opener);
    }],
    field_order: [FIELDS, (field) => {
      const others = [...(field.form?.querySelectorAll(FIELDS) ?? [])].filter((other) => other !== field);
      const block = others.length && blockOf(field, others);
      if (block) block.parentElement.append(block);
    }],
    gone: ['*', (element) => element.remove()],
    link_broken: ['a[href]', (link) => link.setAttribute('href', '/no-such-page')],
  };
  const own = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && /\d/.test(node.data));

  // Of the faults: whether one of these elements can have it, and what tells it from others.
  const candidates = {
    field_removed: () => 'name',
    submit_disabled: (button) => !button.disabled && 'text',
    number_plus_one: (element) => own(element) && 'text',
    number_times_ten: (element) => own(element) && 'text',
    message_removed: (message) => said(message) && 'text',
    link_swapped: (link) => new URL(link.href).pathname !== '/' && 'text',
    row_missing: (row) => rest(row)[0] === row && 'tag',
    list_empty: () => 'tag',
    required_dropped: (field) => field.required && 'name',
    heading_changed: () => 'text',
  };

  const makeChange = () => {
    if (!onPage()) return;
    const [selector, make] = changes[change.kind];
    for (const element of [...document.querySelectorAll(selector)]) {
      if (done.has(element) || !element.isConnected || !meant(element)) continue;
      done.add(element);
      const changed = make(element) ?? element;
      if (change.without) changed.remove();
    }
  };

  const told = new Set();
  const tell = () => {
    const seen = [];
    for (const [kind, distinction] of Object.entries(candidates)) {
      for (const element of document.querySelectorAll(changes[kind][0])) {
        const key = element.checkVisibility() && distinction(element);
        if (!key) continue;
        const one = { kind, tag: element.localName, name: '', text: '', path: location.pathname };
        if (key === 'name') one.name = element.name || element.type;
        if (key === 'text') one.text = said(element);
        if (key !== 'tag' && !one[key]) continue;
        const id = JSON.stringify(one);
        if (!told.has(id)) { told.add(id); seen.push(one); }
      }
    }
    if (seen.length) window.__seen(seen);
  };

  if (!change) {
    addEventListener('input', ({ target }) => {
      const text = String(target.value ?? '').replace(/\d+/g, '#').replace(/\s+/g, ' ').trim();
      if (text.length > 2) window.__typed(text);
    }, true);
  }
  if (change?.kind === 'names_changed') styles.hideNames();
  const inRules = { names_changed: styles.bothInRule, styles_off: styles.onlyHiding }[change?.kind];
  const look = () => {
    if (inRules) styles.everyRule(inRules);
    return change ? makeChange() : tell();
  };
  // What a page says of itself may come later: an element that is not meant yet is looked at again.
  new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
  document.addEventListener('DOMContentLoaded', look);
  document.addEventListener('load', look, true);
})();
