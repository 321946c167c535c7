// Choices that outlive the page. Where site storage is blocked, even naming it throws: then every
// choice lasts as long as the page does.

export function remember(name, value) {
  try {
    localStorage.setItem(`jetvoice.${name}`, value);
  } catch {
    // blocked or full
  }
}

// What was remembered under this name, or null.
export function recall(name) {
  try {
    return localStorage.getItem(`jetvoice.${name}`);
  } catch {
    return null;
  }
}
