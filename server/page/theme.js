// Applies the stored theme before the first paint, so this one is a classic script in the head.
(() => {
  const stored = localStorage.getItem('jetvoice.theme');
  if (stored === 'light' || stored === 'dark') document.documentElement.dataset.theme = stored;
})();
