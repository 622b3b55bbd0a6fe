// Loaded before anything is drawn, so that nobody is flashed with the wrong theme. A classic script: modules are late.
(() => {
  const KEY = "agent-runtime.theme";
  const root = document.documentElement;
  const chosen = () => localStorage.getItem(KEY) ?? "system";
  const apply = (theme) => {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
  };
  apply(chosen());
  window.theme = {
    chosen,
    choose(theme) {
      localStorage.setItem(KEY, theme);
      apply(theme);
    },
  };
})();
