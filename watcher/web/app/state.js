// Where the page is and how it looks at it: all of it stands in the address.
export function here() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view = "", ...rest] = path.split("/");
  const params = new URLSearchParams(query);
  const name = decodeURIComponent(rest.join("/"));
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
  const now = here();
  // The address leads to another page already, which its event is about to open.
  if (location.hash && (now.view !== view || now.name !== name)) return;
  const wanted = link(view, name, params);
  if (location.hash !== wanted) history.replaceState(null, "", wanted);
}
