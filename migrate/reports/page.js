"use strict";
const byId = (name) => document.getElementById(name);
const boxes = [...document.querySelectorAll("input[data-id]")];
const articles = [...document.querySelectorAll("article")];
const command = byId("command");
const words = new Map(articles.map((article) => [article, wordsOf(article)]));

function wordsOf(article) {
  const copy = article.cloneNode(true);
  for (const explanation of copy.querySelectorAll("details")) explanation.remove();
  return copy.textContent.toLowerCase();
}

function update() {
  const chosen = boxes.filter((box) => box.checked);
  const files = new Set(chosen.map((box) => box.dataset.path));
  const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  byId("count").textContent =
    `${chosen.length} of ${counted(boxes.length, "rule")} chosen, in ${counted(files.size, "file")}`;
  const some = chosen.length < boxes.length;
  const only = some ? [`--only ${chosen.map((box) => box.dataset.id).join(",")}`] : [];
  const parts = [command.dataset.prefix, ...only, command.dataset.suffix];
  command.value = chosen.length ? parts.filter(Boolean).join(" ") : "# choose at least one rule";
}

function filter() {
  const [kind, file, code, text] = ["kind", "file", "code", "text"].map((name) => byId(name).value);
  const word = text.trim().toLowerCase();
  let shown = 0;
  for (const section of document.querySelectorAll("section")) {
    let some = false;
    for (const article of section.querySelectorAll("article")) {
      const fits =
        (!kind || article.className === kind) &&
        (!file || section.dataset.file === file) &&
        (!code || article.dataset.codes.split(" ").includes(code)) &&
        (!word || section.dataset.file.toLowerCase().includes(word) || words.get(article).includes(word));
      article.hidden = !fits;
      some ||= fits;
    }
    section.hidden = !some;
    shown += some;
  }
  byId("none").hidden = shown > 0;
}

function choose(value) {
  for (const box of boxes) if (!box.closest("[hidden]")) box.checked = value;
  update();
}

function step(by) {
  const visible = articles.filter((article) => !article.closest("[hidden]"));
  const at = visible.indexOf(document.activeElement.closest("article"));
  const next = visible[at < 0 ? (by > 0 ? 0 : visible.length - 1) : at + by];
  if (next) next.focus();
}

function typed(event) {
  const target = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.matches("select, input[type=search], #command")) return;
  if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "x") {
    const box = document.activeElement.closest("article")?.querySelector("input[data-id]");
    if (box) box.click();
  } else return;
  event.preventDefault();
}

async function copy() {
  command.select();
  try {
    await navigator.clipboard.writeText(command.value);
  } catch {
    document.execCommand("copy"); // a page from a file may not use the clipboard
  }
  byId("copy").textContent = "Copied";
  setTimeout(() => (byId("copy").textContent = "Copy"), 1500);
}

byId("filters").addEventListener("input", filter);
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("all").addEventListener("click", () => choose(true));
byId("nothing").addEventListener("click", () => choose(false));
byId("copy").addEventListener("click", copy);
for (const box of boxes) box.addEventListener("change", update);
document.addEventListener("keydown", typed);
update();
