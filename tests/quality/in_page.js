// Makes one change in every page, before it is shown and whenever the page changes itself. It stands before all other
// scripts, and `change` (a PageChange) before it; with null it tells `__seen` instead which faults the page can have.
(() => {
  'use strict';
  const done = new WeakSet();
  const HEADINGS = 'h1, h2, h3, h4, h5, h6, [role=heading]';
  const FIELDS = 'input:not([type=hidden]):not([type=submit]):not([type=button]), select, textarea';
  const BUTTONS = 'button, input[type=submit], input[type=button], [role=button]';
  const ROWS = 'tbody > tr, ul > li, ol > li, article, [role=row], [role=listitem]';
  const MESSAGES = '[role=alert], [role=status], [aria-live], output';
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
    if (!field || !field.matches('input, textarea')) return;
    field.placeholder = label.textContent.trim();
    if (label.contains(field)) label.replaceWith(field); else label.remove();
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
    names_changed: ['*', (element) => {
      for (const { name } of [...element.attributes]) {
        if (name === 'class' || name.startsWith('data-')) element.setAttribute(name, `x-${element.getAttribute(name)}`);
      }
    }],
    wrapped: ['main, form, section', (element) => {
      const wrapper = document.createElement('div');
      done.add(wrapper);
      element.before(wrapper);
      wrapper.append(element);
    }],
    styles_off: ['style, link[rel=stylesheet]', (sheet) => sheet.remove()],
    link_added: ['body', (body) => {
      const link = Object.assign(document.createElement('a'), { href: '#imprint', textContent: 'Imprint' });
      body.append(link);
    }],
    reworded: [`${BUTTONS}, a[href], label, ${HEADINGS}`, reword],
    button_to_link: ['button', (button) => {
      button.setAttribute('role', 'link');
    }],
    placeholder_for_label: ['label', labelToPlaceholder],
    heading_level: ['h1, h2, h3, h4, h5', (heading) => done.add(rename(heading, `h${Number(heading.localName[1]) + 1}`))],
    doubled: [`${BUTTONS}, a[href]`, double],
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
    row_missing: (row) => rest(row)[0] === row && 'text',
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
      make(element);
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

  const look = change ? makeChange : tell;
  // What a page says of itself may come later: an element that is not meant yet is looked at again.
  new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
  document.addEventListener('DOMContentLoaded', look);
})();
