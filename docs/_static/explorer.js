// Explorers without a kernel: the controls choose among pictures that were drawn beforehand.
for (const box of document.querySelectorAll(".explorer")) {
  const frames = JSON.parse(box.querySelector("script").textContent);
  const controls = [...box.querySelectorAll("input, select")];
  const picture = box.querySelector("img");
  const answer = box.querySelector(".answer");
  const key = () => controls.map((control) => control.value).join();

  function show(moved) {
    if (!(key() in frames)) {
      for (const control of controls) {
        if (control !== moved) control.value = control.dataset.start;
      }
    }
    const values = controls.map((control) => {
      const name = control.parentNode.querySelector("span").textContent;
      if (control.type !== "range") return `${name} ${control.selectedOptions[0].text}`;
      const text = JSON.parse(control.dataset.texts)[control.value];
      control.setAttribute("aria-valuetext", text);
      control.nextElementSibling.textContent = text;
      return `${name} ${text}`;
    });
    const [file, sentence] = frames[key()];
    box.querySelector(".sentence").textContent = sentence;
    answer.hidden = true;
    if (file) {
      picture.src = file;
      picture.alt = sentence || values.join(", ");
    }
  }

  box.addEventListener("input", (event) => show(event.target));
  box.querySelectorAll("button").forEach((button, index) => {
    button.addEventListener("click", () => {
      answer.textContent = frames[key()][2][index];
      answer.hidden = false;
    });
  });
  // All pictures are fetched when a control is first touched, so that none is waited for.
  const fetchAll = () => {
    box.loaded = Object.values(frames).map(([file]) => Object.assign(new Image(), { src: file }));
  };
  box.addEventListener("pointerover", fetchAll, { once: true });
  box.addEventListener("focusin", fetchAll, { once: true });
}
