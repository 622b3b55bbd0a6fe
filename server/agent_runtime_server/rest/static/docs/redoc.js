const ours = "system-ui, sans-serif";
window.Redoc.init(
  "openapi.json",
  { theme: { typography: { fontFamily: ours, headings: { fontFamily: ours } } } },
  document.getElementById("api"),
);
