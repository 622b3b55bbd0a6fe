// Loaded before anything is drawn, so that nobody is flashed with the wrong theme. A classic script: modules come later.
(() => {
  const KEY = "agent-runtime.theme";
  const root = document.documentElement;
  const chosen = () => localStorage.getItem(KEY) ?? "system";
  const apply = (theme) => (theme === "system" ? root.removeAttribute("data-theme") : root.setAttribute("data-theme", theme));
  apply(chosen());
  window.theme = {
    chosen,
    choose(theme) {
      localStorage.setItem(KEY, theme);
      apply(theme);
    },
  };
})();
