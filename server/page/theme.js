// Applies the stored theme before the first paint, so this one is a classic script in the head,
// which cannot import storage.js.
try {
  const stored = localStorage.getItem('jetvoice.theme');
  if (stored === 'light' || stored === 'dark') document.documentElement.dataset.theme = stored;
} catch {
  // site storage is blocked: the system's theme
}
