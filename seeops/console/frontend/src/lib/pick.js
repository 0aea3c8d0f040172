// A list of which many may be chosen, with a field to search in; what is chosen stands as marks that can be taken away.
// Without this script it is the browser's own list, and it is read from there in any case.
import TomSelect from "tom-select/base";
import removeButton from "tom-select/plugins/remove_button/plugin.js";

TomSelect.define("remove_button", removeButton);
const MOST_SHOWN = 200;

export function draw(root) {
  const words = document.body.dataset;
  for (const select of root.querySelectorAll("select[data-pick]")) {
    if (select.tomselect) continue;
    new TomSelect(select, {
      plugins: { remove_button: { title: words.pickRemove } },
      maxOptions: MOST_SHOWN,
      hidePlaceholder: true,
      placeholder: words.pickHint,
      closeAfterSelect: false,
      render: { no_results: (data, escape) => `<div class="no-results">${escape(words.pickNone)}</div>` },
      onItemAdd() { this.setTextboxValue(""); this.refreshOptions(); },
    });
    select.setAttribute("aria-hidden", "true"); // it stays for the form alone; who listens hears the field
  }
}
