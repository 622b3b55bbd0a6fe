// Everything works without this script; it saves page loads.
"use strict";

const TOAST_MILLISECONDS = 5000;
const TYPING_MILLISECONDS = 200;

const toast = document.getElementById("toast");
let toastTimer;

function say(text) {
  clearTimeout(toastTimer);
  toast.textContent = text;
  toastTimer = setTimeout(() => (toast.textContent = ""), TOAST_MILLISECONDS);
}

async function addToCart(event) {
  event.preventDefault();
  const form = event.target;
  try {
    const response = await fetch(form.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { Accept: "application/json" },
    });
    const answer = await response.json();
    document.getElementById("cart-count").textContent = answer.count;
    say(answer.message);
  } catch {
    say(form.parentElement.dataset.failed);
  }
}

for (const form of document.querySelectorAll("form.add")) form.addEventListener("submit", addToCart);

const sort = document.getElementById("sort");
if (sort) {
  sort.form.querySelector("button").hidden = true;
  sort.addEventListener("change", () => sort.form.requestSubmit());
}

const search = document.getElementById("search");
const suggestions = document.getElementById("suggestions");
let typingTimer;

function showSuggestions(products) {
  suggestions.replaceChildren(
    ...products.map(({ name, path }) => {
      const link = document.createElement("a");
      link.href = path;
      link.textContent = name;
      const item = document.createElement("li");
      item.append(link);
      return item;
    }),
  );
  suggestions.hidden = products.length === 0;
}

async function suggest() {
  const term = search.value.trim();
  if (term.length < 2) return showSuggestions([]);
  try {
    const response = await fetch(`${search.dataset.suggest}?q=${encodeURIComponent(term)}`);
    const products = await response.json();
    if (term === search.value.trim()) showSuggestions(products);
  } catch {
    showSuggestions([]);
  }
}

search.addEventListener("input", () => {
  clearTimeout(typingTimer);
  typingTimer = setTimeout(suggest, TYPING_MILLISECONDS);
});
search.form.addEventListener("focusout", ({ relatedTarget }) => {
  if (!search.form.contains(relatedTarget)) showSuggestions([]);
});
search.form.addEventListener("keydown", ({ key }) => {
  if (key === "Escape") showSuggestions([]);
});
