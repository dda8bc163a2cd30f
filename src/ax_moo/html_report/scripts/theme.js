// Runs in the head, before anything is drawn: the theme that was chosen here before, or else the system's.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const remembered = () => {
    try {
      return localStorage.getItem("ax-moo-theme");
    } catch {
      return null; // a browser may refuse storage to a file
    }
  };
  const follow = () => (document.documentElement.dataset.theme = remembered() ?? (dark.matches ? "dark" : "light"));
  follow();
  dark.addEventListener("change", () => {
    follow();
    dispatchEvent(new Event("themechange"));
  });
})();
