// Where the page is and how it looks at it: all of it stands in the address.
let opened = location.hash;

// The address that the page on the screen was made from.
export function arrived(hash) { opened = hash; }

export function here() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view = "", ...rest] = path.split("/");
  const params = new URLSearchParams(query);
  // Prometheus writes a space as "+"; a plus sign is never written as itself.
  const name = decodeURIComponent(rest.join("/").replaceAll("+", "%20"));
  return { view, name, params };
}

export function link(view, name = "", params = {}) {
  const found = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    for (const one of [value].flat()) {
      if (one !== null && one !== undefined && one !== "" && one !== false) found.append(key, one === true ? 1 : one);
    }
  }
  const query = found.toString();
  return `#/${view}${name ? `/${encodeURIComponent(name).replaceAll("%2F", "/")}` : ""}${query ? `?${query}` : ""}`;
}

// Small changes of the view make no steps of the way back.
export function note(view, name, params) {
  // The address leads to another page already, which is about to open.
  if (location.hash !== opened) return;
  const wanted = link(view, name, params);
  if (location.hash !== wanted) history.replaceState(null, "", wanted);
  opened = location.hash;
}
