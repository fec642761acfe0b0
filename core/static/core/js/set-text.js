/** Write an element's text where it differs: one that stays as it is costs no layout, and keeps what is selected in it. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
