// "Would this be granted?": the answer follows the fields, without a reload. The address follows too, so it can be kept.
export function bindWould() {
  const form = document.querySelector("form[data-would]");
  const told = document.querySelector("[data-would-answer]");
  if (!form || !told) return;
  let latest = 0;
  const ask = async () => {
    const mine = ++latest;
    const address = new URL(location.href);
    address.search = new URLSearchParams(new FormData(form)).toString();
    let response;
    try {
      response = await fetch(address, { headers: { "X-Part": "1" }, credentials: "same-origin" });
    } catch {
      return; // nothing is said rather than something old: the button still asks with a whole page
    }
    if (mine !== latest) return; // a later question was asked meanwhile
    if (!response.ok || response.redirected) {
      form.submit();
      return;
    }
    told.innerHTML = await response.text();
    history.replaceState(null, "", address);
  };
  form.addEventListener("change", ask);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask();
  });
}
