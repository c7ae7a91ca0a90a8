// Copy buttons and the chosen language. The page is complete without this script.
const announcement = document.getElementById('announce');
const remembered = 'paycow.docs.language';

function announce(text) {
  announcement.textContent = '';
  setTimeout(() => { announcement.textContent = text; }, 50);
}

if (navigator.clipboard) {
  for (const button of document.querySelectorAll('button.copy')) {
    const visible = button.firstChild;
    const word = visible.data;
    button.hidden = false;
    button.addEventListener('click', async () => {
      const code = button.closest('figure').querySelector('code');
      try {
        await navigator.clipboard.writeText(code.textContent);
        visible.data = 'Copied';
        announce('Copied.');
        setTimeout(() => { visible.data = word; }, 2000);
      } catch {
        getSelection().selectAllChildren(code);
        announce('Your browser does not allow copying. The text is selected.');
      }
    });
  }
}

// The language is chosen once for the whole page.
const languages = document.querySelectorAll('.languages input');
function choose(language) {
  for (const input of languages) if (input.value === language) input.checked = true;
}
try { choose(localStorage.getItem(remembered)); } catch { /* storage may be disabled */ }
for (const input of languages) {
  input.addEventListener('change', () => {
    choose(input.value);
    try { localStorage.setItem(remembered, input.value); } catch { /* storage may be disabled */ }
  });
}

// On narrow screens the contents start closed, so that the text comes first.
const contents = document.querySelector('.contents details');
if (matchMedia('(max-width:60rem)').matches) contents.open = false;
